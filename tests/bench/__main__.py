"""make bench [ARGS="--job micro --runs 3 --peers bancada-interpreter,bochs"]

Boots the benchmarks of ../shared/kit on every PC that is installed, one after the other in the same run: the diskettes
micro and gfx, and Linux with workloads (linux-x87, linux-sse), which run natively, too. Prints the median time of each
phase and its ratio to ours. Checksums must agree. The table is kept in build/bench.json, with a chart of it in
build/bench.png; the next run shows the ratio to it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.chart import draw
from tests.bench.peers import ROOT, Job, Peer, all_peers

Results = dict[str, dict[str, list[tuple[float, str]]]]  # phase -> peer -> [(seconds, checksum)]
JOBS = ("micro", "gfx", "linux-x87", "linux-sse")
KIT = ROOT.parent / "shared" / "kit" / "build"
RESULTS = ROOT / "build" / "bench.json"
CHART = ROOT / "build" / "bench.png"
_CHECKSUM = re.compile("[0-9a-f]{8}")  # a message of the kernel may come in between


def run_guest(argv: list[str], timeout: float) -> dict[str, tuple[float, str]]:
    """Phase -> (host seconds, checksum and count) from the guest's lines: "@b PHASE" and "@e PHASE CHECKSUM COUNT" of
    a diskette, "bench-start NAME" and "bench NAME SECONDS CHECKSUM" of Linux, whose first line ends the phase "boot"."""
    finished: dict[str, tuple[float, str]] = {}
    rest, begin = b"", time.monotonic()
    started: dict[str, float] = {"boot": begin}
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        while time.monotonic() - begin < timeout:
            if not select.select([process.stdout], [], [], 1)[0]:
                continue
            data, now = os.read(process.stdout.fileno(), 65536), time.monotonic()
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            for words in (line.decode("latin-1").split() for line in lines):
                if len(words) > 1 and words[0] == "@b":
                    started[words[1]] = now
                elif len(words) > 1 and words[0] == "@e" and words[1] in started:
                    finished[words[1]] = (now - started[words[1]], " ".join(words[2:]))
                elif len(words) > 1 and words[0] == "bench-start":
                    started[words[1]] = now
                elif len(words) > 3 and words[0] == "bench" and words[1] in started and _CHECKSUM.fullmatch(words[3]):
                    finished[words[1]] = (now - started[words[1]], words[3])
                elif words[:1] in (["@done"], ["bench-end"]):
                    return finished
        return finished
    finally:
        # The whole session: Bochs runs below a shell and script(1), in a session of its own.
        _end_session(process.pid)
        process.wait()


def _end_session(leader: int) -> None:
    """Ends a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            after_name = stat.read_text().rpartition(")")[2].split()
            children.setdefault(int(after_name[1]), []).append(int(stat.parent.name))
    doomed = [leader]
    for pid in doomed:
        doomed += children.get(pid, [])
    for pid in doomed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def make_job(name: str, scale: int, folder: Path) -> Job:
    if not name.startswith("linux-"):
        image = folder / "floppy.img"
        shutil.copy(KIT / f"{name}.img", image)
        image.chmod(0o644)
        return Job(name, diskette=image)
    initrd = KIT / f"initrd-{name.removeprefix('linux-')}.gz"
    return Job(name, None, KIT / "kernel", initrd, f"console=ttyS0 quiet panic=-1 bench.scale={scale}")


def measure(job: str, peers: list[Peer], runs: int, scale: int, timeout: float) -> Results:
    """Phase -> peer -> [(seconds, checksum)], the peers taking turns."""
    results: Results = {}
    for number in range(runs):
        for peer in peers:
            print(f"  {job}: run {number + 1} of {runs}, {peer.name}", file=sys.stderr)
            with tempfile.TemporaryDirectory() as folder:
                argv = peer.command(make_job(job, scale, Path(folder)), Path(folder))
                for phase, result in run_guest(argv, timeout).items():
                    results.setdefault(phase, {}).setdefault(peer.name, []).append(result)
    return results


def report(job: str, peers: list[Peer], results: Results) -> dict[str, dict[str, float]]:
    """Prints the table; returns the medians."""
    ours = peers[0].name
    before = json.loads(RESULTS.read_text()).get(job, {}) if RESULTS.exists() else {}
    print(f"\n{job + ', seconds':16}" + "".join(f"{peer.name:>28}" for peer in peers) + f"{'previous':>14}")
    medians: dict[str, dict[str, float]] = {}
    for phase, by_peer in results.items():
        medians[phase] = {name: statistics.median(seconds for seconds, _ in runs) for name, runs in by_peer.items()}
        reference = medians[phase].get(ours)
        row = f"{phase:16}"
        for peer in peers:
            median = medians[phase].get(peer.name)
            if median is None:
                row += f"{'-':>28}"
            elif reference and peer.name != ours:
                row += f"{median:14.3f}  x{median / reference:<11.2f}"
            else:
                row += f"{median:28.3f}"
        earlier = before.get(phase, {}).get(ours)
        row += f"   x{earlier / reference:<10.2f}" if earlier and reference else f"{'-':>14}"
        checksums = {checksum for runs in by_peer.values() for _, checksum in runs}
        print(row + ("" if len(checksums) == 1 else f"  CHECKSUMS DIFFER {sorted(checksums)}"))
    print("xN: that many times our time (above 1: slower than we are)")
    return medians


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--job", choices=(*JOBS, "all"), default="all")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--peers", default="", help="comma-separated; default: all that are installed")
    parser.add_argument("--scale", type=int, default=20, help="divides the work of the Linux jobs")
    parser.add_argument("--timeout", type=float, default=600)
    options = parser.parse_args()
    if not KIT.is_dir():
        print(f"The benchmark kit is not here ({KIT}).", file=sys.stderr)
        return 1
    wanted = options.peers.split(",") if options.peers else []
    peers = []
    for peer in all_peers():
        if wanted and peer.name not in wanted:
            continue
        if peer.missing:
            print(f"{peer.name} is left out: {peer.missing}", file=sys.stderr)
        else:
            peers.append(peer)
    if not peers:
        print("No PC to measure.", file=sys.stderr)
        return 1
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for job in JOBS if options.job == "all" else (options.job,):
        able = [peer for peer in peers if peer.runs_diskettes or job.startswith("linux-")]
        if able:
            kept[job] = report(job, able, measure(job, able, options.runs, options.scale, options.timeout))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(kept, indent=1))
    draw(kept, peers[0].name, CHART)
    print(f"Kept in {RESULTS.relative_to(ROOT)}, drawn in {CHART.relative_to(ROOT)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
