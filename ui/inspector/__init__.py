"""The Inspector: a machine's insides while it stands.

``window.py``        the window: what goes, stops and steps
``code_view.py``     disassembly with breakpoints
``register_view.py`` registers; those that changed are marked
``memory_view.py``   memory by address
``tables_view.py``   descriptor tables
``devices_view.py``  the registers of every device
"""
