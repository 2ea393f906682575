"""The windows. Qt is imported only in this package.

Code map
--------
``application.py``         the two ways in: ``main`` and ``run_console``; says so where there is no display
``shell.py``               the running application: theme, main window, commands
``main_window.py``         library, tabs, toolbar, status bar
``actions.py``             every action with its keys; menus and toolbar
``machine_commands.py``    what the actions do to the current machine
``library_commands.py``    new, open, try, rename, remove, delete
``setup_key.py``           one click into the firmware's Setup
``sessions.py``            the machines the windows know
``vm_session.py``          one machine: folder, runner, state, orders in the background
``engine_bridge.py``       the only place where engine events become Qt signals
``background.py``          work off the GUI thread; the progress dialog
``library_model.py``       the library as a Qt model, and the search filter
``thumbnails.py``          small live pictures for it
``library_view.py``        the list at the left
``home_page.py``           New, Open, Try it
``vm_tab.py``              a machine's tab: summary, console, remarks, figures
``summary_page.py``        a machine at rest
``device_list.py``         a configuration -> the devices people see
``status_lights.py``       a light a device, with its menu
``inspector/``             a machine's insides while it stands
``performance/``           live figures, and why a machine is slow
``full_screen.py``         full screen in and out; ``furniture.py`` what disappears then
``fit_window.py``          the window as large as the guest's screen
``recording_commands.py``  films of the screen; ``recording_light.py`` their sign in the status bar
``save_file.py``           asks where something is saved
``tray.py``                the icon in the notification area, and what it tells
``new_vm_wizard.py``       the New machine wizard; ``wizard_page.py`` the page protocol, ``wizard_pages.py`` the pages
``new_disk_dialog.py``     name and size of a new disk
``preferences_dialog.py``  what the person prefers
``error_dialog.py``        messages, errors, and what becomes of an uncaught exception
``close_question.py``      questions before something could be lost
``language.py``            our translations for Qt
``guest_layout.py``        the layout for pasted text
``answer_book.py``         "Do not ask again"
``guide_window.py``        the user guide, ``resources/guide/guide.md``
``problem_report_dialog.py``  what a problem report holds
``about.py``               About, and the list of keys
``theme.py``               colours, icons; ``style_sheet.py`` the style sheet
``console/``               a guest's screen, keyboard, mouse, sound, full-screen bar
``settings/``              the settings dialog and its pages
"""
