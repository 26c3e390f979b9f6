"""What a study passes on to its launcher, and what it does when the launcher has ended."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from pytest import param
from rich.console import Console

from ablate.process import stop
from ablate.runner import sweep
from ablate.runner.execute import Session
from ablate.runner.sweep import _Rounds
from ablate.store.folder import StudyFolder
from ablate.store.lock import worker_lock
from ablate.store.state import StudyState
from ablate.store.tables import read_record
from tests.store.written import Written, adopted, epoch_of, plan_of


class Launcher:
    """Keeps the jobs that it is asked to launch, and ends as `action` does."""

    def __init__(self, action: Callable[[], None] = lambda: None) -> None:
        self._action = action

    def launch(self, jobs: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[object]:
        self.jobs = jobs
        self._action()
        return []


@pytest.mark.parametrize("plus", ["", "+", "++"])
def test_jobs_do_not_get_the_password_of_the_store(tmp_path: Path, plus: str) -> None:
    launcher = Launcher()
    arguments = ["study=mine", f"{plus}store.uri=postgresql://bob:secret@db/x", "store=mine"]
    session = Session({}, Console(), "postgresql://bob:secret@db/x")
    rounds = _Rounds(launcher, session, slots=[None], arguments=arguments)
    plan = plan_of()
    rounds._launch(StudyState.read(StudyFolder(tmp_path), plan))
    assert len(launcher.jobs) == len(plan.cells)
    for job in launcher.jobs:
        assert job[:3] == ["study=mine", "store.uri=sqlite:///mlflow.db", "store=mine"]


def interrupted(folder: Path) -> Written:
    """A study of which one run is in progress."""
    study = adopted(StudyFolder(folder / "mine"), plan_of())
    run_folder = study.run_folder(study.runs[0])
    run_folder.open("attempt", fingerprint=study.identity(study.runs[0]))
    run_folder.append(epoch_of(1))
    return study


def launch(study: Written, action: Callable[[], None]) -> _Rounds:
    """Let a launcher of other processes train the study."""
    session = Session({}, Console(soft_wrap=True), "sqlite:///mlflow.db")
    rounds = _Rounds(Launcher(action), session, slots=[None], arguments=[])
    rounds._launch(study.state)
    return rounds


def refuse_lock(descriptor: int, kind: int) -> None:
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


@pytest.mark.parametrize(
    ("trains", "has_locks", "status"),
    [
        param(False, True, "preempted", id="ended"),
        param(True, True, "missing", id="one_trains"),
        param(False, False, "missing", id="unknown_without_locks"),
    ],
)
def test_a_run_that_a_job_may_still_train_is_not_preempted(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    trains: bool,
    has_locks: bool,
    status: str,
) -> None:
    monkeypatch.setattr(sweep, "JOB_EXIT_SECONDS", 0.0)
    monkeypatch.setattr(stop, "_stop", stop._Stop())
    study = interrupted(tmp_path)
    if not has_locks:
        monkeypatch.setattr(fcntl, "flock", refuse_lock)
    with worker_lock(study.folder.path) if trains else contextlib.nullcontext():
        rounds = launch(study, lambda: setattr(stop._stop, "code", stop.INTERRUPTED))
    assert rounds.stopped == stop.INTERRUPTED
    assert read_record(study.folder).runs["status"].tolist()[0] == status
    printed = capsys.readouterr().out
    assert ("may still train on another machine" in printed) == (status == "missing")
    assert printed.count("\n") == (status == "missing")


def test_a_signal_while_jobs_end_after_a_fault_stops_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stop, "_stop", stop._Stop())
    study, waits = interrupted(tmp_path), [False, True]

    def wait_for_workers(folder: Path, *, seconds: float) -> bool:
        ended = waits.pop(0)
        stop._stop.code = stop.TERMINATED
        stop.check()
        return ended

    def fail() -> None:
        raise ValueError("no such queue")

    monkeypatch.setattr(sweep, "wait_for_workers", wait_for_workers)
    rounds = launch(study, fail)
    assert (rounds.stopped, rounds.fault, waits) == (stop.TERMINATED, "", [])
    assert read_record(study.folder).runs["status"].tolist()[0] == "preempted"
