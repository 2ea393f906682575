"""What machines do, seen: plots of one, a table of all, and why one is slow.

``histories.py``       the last ten minutes of every machine that is on
``machine_view.py``    plots beside the screen
``all_machines.py``    a window with every machine, and what the host has left
``speed_light.py``     in the status bar: does the guest keep up, and what runs it
``slowness_dialog.py`` "Why is this slow?"
"""
