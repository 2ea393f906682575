"""The commands of the command line, one module a group.

``run.py``       run a PC, with or without a window; its options
``actions.py``   what ``run`` carries out in order: --wait, --type, --key, --screenshot, --sleep, --text
``headless.py``  a run without a window: the script, its end, signals
``option_values.py``  values of options that several commands have
``machines.py``  list, new, show, set, rename, delete
``control.py``   start, stop, status and everything said to a machine that runs in another process
``window.py``    the window: ``bancada`` alone, ``open``; is there a display?
"""
