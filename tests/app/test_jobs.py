"""Long work: progress, cancel, results and errors come back to whoever waits."""

from __future__ import annotations

import threading

import pytest

from app.jobs import Cancelled, Job, JobState, Progress


def test_a_job_gives_its_result_and_tells_its_progress() -> None:
    seen: list[tuple[float | None, str]] = []
    finished: list[Job[int]] = []

    def work(progress: Progress) -> int:
        progress.report(None, "Looking")
        progress.report(0.5)
        progress.report(7.0, "Writing")
        return 42

    job = Job("Copy", work, finished.append, lambda job: seen.append((job.fraction, job.text)))
    assert job.state is JobState.WAITING
    assert job.start().wait(10) == 42
    assert job.state is JobState.DONE and finished == [job] and job.result == 42
    assert seen == [(None, "Looking"), (0.5, "Looking"), (1.0, "Writing")]


def test_cancel_ends_the_work_at_its_next_report() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work(progress: Progress) -> None:
        begun.set()
        go_on.wait(10)
        progress.report(0.1)
        raise AssertionError("went on after cancel")

    job = Job("Copy", work).start()
    assert begun.wait(10)
    with pytest.raises(TimeoutError, match="Copy: not finished yet"):
        job.wait(0)
    job.cancel()
    go_on.set()
    with pytest.raises(Cancelled):
        job.wait(10)
    assert job.state is JobState.CANCELLED


def test_an_error_comes_back() -> None:
    def work(progress: Progress) -> None:
        raise OSError("no")

    job = Job("Copy", work).start()
    with pytest.raises(OSError, match="no"):
        job.wait(10)
    assert job.state is JobState.FAILED
