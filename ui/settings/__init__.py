"""The settings dialog: ``dialog.py`` the frame, ``page.py`` what a page is, one page a file.

``memory_page.py`` ``memory_field.py`` ``processor_page.py`` ``disks_page.py`` ``cdrom_page.py`` ``floppy_page.py``
``network_page.py`` ``serial_page.py`` ``display_page.py`` ``sound_page.py`` ``boot_page.py``
``options_page.py``; shared by them:
``file_field.py`` (a file of the host), ``file_filters.py`` (kinds of files), ``ide_slots.py`` (places on the IDE
channels).
"""
