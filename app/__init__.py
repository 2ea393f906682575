"""The application: the library of virtual machines, running them, and the command line. No widgets, no Qt.

Code map
--------
``__main__.py``         ``python -m app`` and the ``bancada`` command
``cli.py``              the argument parser; hands over to one of ``commands/``
``commands/``           one module a group of commands: ``run.py``, ``actions.py``, ``machines.py``, ``control.py``, ``window.py``
``places.py``           where things are kept: user data folder, settings folder (``BANCADA_HOME`` overrides both)
``library.py``          the list of machines
``vm_folder.py``        one machine's folder: settings, layout, lock
``folder_names.py``     names of people -> names of folders
``guest_presets.py``    what each guest system wants: memory, disk, drives
``new_vm.py``           a draft of a machine -> a folder with its disk
``lifecycle.py``        power states and the moves they allow
``runner.py``           runs one machine: life cycle, lock, log, remembered media, crash report
``drives.py``            removable drives in a configuration
``running.py``          the machines that run in this process
``crash_report.py``     what is saved when a machine dies
``shared_drives.py``    who holds which image, and who may write
``control_socket.py``   a running machine answers other processes
``memory_check.py``     is there enough host memory for one more?
``preferences.py``      what the user prefers
``recent_media.py``     images used lately
``jobs.py``             long work with progress and cancel
``signals.py``            SIGINT and SIGTERM while a window has the main thread
``log.py``              loggers, and a machine's log file
``diagnostics.py``      the built-in diagnostics diskette

What the windows use
--------------------
Callbacks come on the thread that did the work (the machine's worker, a job's thread): carry them over to Qt.
Every error for a person is an ``engine.errors.BancadaError``; ``str(error)`` is fit for a dialog.

``engine.config_file``::

    VmSettings(machine: MachineConfig, id: str, guest: str = "other", notes: str = "")     # frozen; .name; .replace(**changes)
    read_settings(file: Path) -> VmSettings; write_settings(file: Path, settings: VmSettings) -> None      # ConfigError

``app.library``::

    Library(folder: Path | None = None)             # None: the user's
        .folder: Path                               # where new machines are made
        .entries() -> list[LibraryEntry]            # sorted by name; never fails because of one machine
        .find(key: str) -> LibraryEntry             # name, id (or its beginning), or path; LibraryError
        .add(path: Path) -> LibraryEntry            # an existing machine's folder or machine.toml
        .remove(entry)                              # forget it; its files stay
        .delete(entry)                              # erase its files; refused while it runs
        .rename(entry, name: str) -> LibraryEntry   # its folder too, when it lies in the library and is off
        .free_name(name: str) -> str                # "DOS" -> "DOS 2" when taken
        .new_identity(entry) -> LibraryEntry        # for a copied machine: another id, other MAC addresses
    LibraryEntry                                    # frozen: path, name, id, guest, problem, settings, is_copy, folder
        .folder -> VmFolder                         # ConfigError when broken
        .problem: str                               # "" or what is wrong, for a person

``app.vm_folder``::

    VmFolder(path: Path)
        .path .name .id .settings_file .log_file .crash_report_file .nvram_file .control_socket
        .settings -> VmSettings                     # read again when the file changed; ConfigError
        .save(settings: VmSettings)                 # atomic; the user's comments stay
        .change(change: Callable[[VmSettings], VmSettings]) -> VmSettings
        .holder() -> Holder | None                  # who runs it now: .host .pid .is_this_process
        .disk_usage() -> int                        # bytes on the host's disk

``app.runner``::

    Runner(vm: VmFolder | MachineConfig, events: Callable[[Event], None] | None = None,
           config: MachineConfig | None = None)     # config: for this run only, instead of the folder's settings
        .name .folder .config .state: PowerState .machine: Machine | None .failure: GuestFailure | None
        .allowed -> frozenset[Action]               # app.lifecycle.Action: what buttons to enable
        .subscribe(callback) -> Callable[[], None]  # events; returns the function that ends it
        .start() .pause() .resume() .reset() .power_off()      # any thread; MachineError when not allowed now
        .stop_and_wait()                            # whatever the state; afterwards all files are closed
        .insert(device, image, read_only=False) .eject(device)      # MediumError; remembered in machine.toml
        .press(key) .release(key) .release_all() .type_text(text, layout="us") -> str
        .chord("ctrl+alt+f1") .send_ctrl_alt_del()
        .mouse_move(dx, dy) .mouse_press(button) .mouse_release(button) .mouse_wheel(notches)
        .screen_text() -> str .screenshot(path: Path) .post(fn) .stats -> dict[str, Any]
        .wait(timeout: float | None = None) -> bool     # until it is off or crashed, host seconds

    The screen is ``runner.machine.screen`` while ``runner.machine`` is not None (between start and the event
    ``PowerChanged(OFF)``, which comes when all files are closed and the lock is free).

``app.running``: ``all_running() -> list[Runner]``, ``running_in(folder: Path) -> Runner | None``, ``stop_all()``.
``app.shared_drives``: ``holders(image: Path) -> list[Hold]`` (``.owner`` name, ``.device``, ``.writable``).
``app.memory_check``: ``memory_warning(memory_mb: int) -> str`` ("" when there is enough), ``host_memory() -> HostMemory``.

``app.language``: ``use(chosen(preference))``, then ``text(message)`` answers in that language.
``app.recording``: ``Recorder(screen, file, ended)`` films until ``.stop()``; ``.seconds``; RecordingError.
``app.problem_report``: ``collect(folder, runner) -> list[Part]``, ``write(file, parts)``; ReportError.
``app.command_reference``: ``reference(command)``: its options, for completion and the manual page.
``app.figures``: ``History(stats)`` ``.look() .window(seconds) .last .csv()``: a ``Sample`` every half second.
``app.slowness``: ``findings(evidence(runner, sample)) -> list[Finding]``; ``app.speed_comparison.translator_gain()``.

``app.guest_presets``::

    GuestPreset                                     # frozen: key, label, family, memory_mb, disk_mb, cpu_model, floppies,
                                                    # cdroms, boot_order, video_memory_mb, sound, note
    PRESETS: tuple[GuestPreset, ...]; FAMILIES: tuple[str, ...]; preset(key) -> GuestPreset

``app.media_detection``: ``guess_guest(image: Path) -> str``: by a CD's label or a diskette's files; "" when not known.

``app.new_vm``::

    NewVmDraft(guest: str = "dos", name: str = "", location: Path | None = None, memory_mb: int = 16, cpu_model: str = ...,
               disk_mb: int | None = 500, existing_disk: Path | None = None, copy_disk: bool = False,
               floppy: Path | None = None, cdrom: Path | None = None, boot_order=..., notes: str = "")   # mutable
        NewVmDraft.for_guest(key: str, library: Library) -> NewVmDraft
        .apply_preset(key: str)                     # takes over what the guest wants
        .problems(library) -> list[Problem]         # Problem.path is a field's name
        .folder_for(library) -> Path                # where it will be
        .create(library, progress: Progress | None = None) -> VmFolder     # leaves nothing behind when it fails

``app.jobs``::

    Job(title: str, work: Callable[[Progress], T], finished: Callable[[Job[T]], None] | None = None)
        .start() .cancel() .wait(timeout=None) -> T .state: JobState .fraction: float | None .text: str .result .error
    Progress: .report(fraction: float | None, text: str = "") .check()     # Cancelled

``app.preferences``: ``Preferences`` (mutable; fields with their meaning in the file), ``load() -> Preferences``,
``preferences.save()``, ``preferences.problems: list[Problem]`` (wrong values in the file: defaults were taken).
``app.recent_media``: ``recent(kind) -> list[Path]``, ``remember(kind, image)``; kinds "floppy", "cdrom", "disk".
``app.lifecycle``: ``Action`` (START, PAUSE, RESUME, RESET, POWER_OFF, SEND_KEYS), ``allowed(state)``.

What this package expects of ``ui.application``::

    main(show: Path | None = None) -> int           # the window; show: the folder of a machine to select
    run_console(runner: Runner) -> int              # a window on a runner that was started; returns when it is closed
                                                    # (the caller then calls runner.stop_and_wait())
"""
