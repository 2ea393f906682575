"""A guest in use.

``console_widget.py``   paints the surface; takes and gives back the input
``scaling.py``          where the picture lies in the window; ``scaled_picture.py`` the picture at that size
``key_input.py``        host keys -> guest keys, and the combinations of the host; ``key_names.py`` the tables
``release_keys.py``     the keys that give the input back, as the person chose them
``mouse_input.py``      relative motion from a warped pointer
``sound_output.py``     the machine's sound on the host
``fullscreen_bar.py``   the bar at the top edge in full screen
"""
