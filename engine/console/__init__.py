"""What people hold: screen, keyboard, mouse, serial lines.

guest_fonts.py                      The fonts that guests draw text with in graphics modes, found in the guest's own mem
keyboard.py                         The keyboard as people, scripts and the window use it
layouts.py                          Which keys type a character on a guest's keyboard layout
mouse.py                            The mouse as people, scripts and the window use it: relative motion, buttons and w
rom_fonts.py                        The character generator ROM: code page 437 in cells of 8 by 8, 8 by 14 and 8 by 16
scan_codes.py                       Physical keys and their scan codes in sets 1, 2 and 3
screen.py                           The screen of a machine: its surface for whoever shows it, and its text and pictur
screen_text.py                      Reads the firmware's characters back from a picture: text that a guest prints in a
serial.py                           A serial port as scripts use it: bytes in both directions, and waiting for what th
"""
