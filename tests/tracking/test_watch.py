from __future__ import annotations

from pathlib import Path

import pytest

from ablate.store.events import EpochEnded, Event, Resumed
from ablate.study.design import Run
from ablate.study.result import Result, Status
from ablate.tracking.watch import Watch
from tests.store.written import Written, with_code, written


class Listener:
    """Remembers what was reported to it."""

    def __init__(self) -> None:
        self._reported: list[object] = []

    def event(self, run: Run, event: Event) -> None:
        is_epoch = isinstance(event, EpochEnded)
        self._reported.append(event.epoch if is_epoch else type(event).__name__)

    def ended(self, run: Run, result: Result) -> None:
        self._reported.append(str(result.status))

    def tick(self) -> None:
        pass

    def take(self) -> list[object]:
        """Everything that was reported since the last call."""
        reported, self._reported = self._reported, []
        return reported


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    monkeypatch.chdir(tmp_path)
    return written()


def watch(study: Written, *, from_now: bool = False) -> tuple[Watch, Listener]:
    """A watch of the first run of a study."""
    listener = Listener()
    runs = list(study.plan.runs())[:1]
    return Watch(study.state, follower=listener, runs=runs, from_now=from_now), listener


def resume(study: Written, run: Run) -> None:
    (study.folder.run(run.cell.slug, run.seed).path / "result.json").unlink()
    study.append(run, Resumed(1, "why"))


def test_old_and_new_events_are_reported_once(study: Written) -> None:
    run = study.runs[0]
    study.start(run)
    study.epochs(run, 1)
    watching, listener = watch(study)
    watching.look()
    assert listener.take() == ["Started", 1]
    study.epochs(run, 2)
    study.end(run)
    watching.look()
    watching.look()
    assert listener.take() == [2, "complete"]


def test_a_run_that_was_settled_before_is_reported_once(study: Written) -> None:
    study.train(study.runs[0])
    watching, listener = watch(study)
    watching.look()
    watching.look()
    assert listener.take() == ["Started", 1, 2, 3, "complete"]


@pytest.mark.parametrize("status", [Status.FAILED, Status.CRASHED, Status.PREEMPTED])
def test_a_resumed_run_is_followed_to_its_end(study: Written, status: Status) -> None:
    run = study.runs[0]
    study.start(run)
    study.epochs(run, 1)
    study.end(run, status)
    watching, listener = watch(study)
    watching.look()
    watching.look()
    assert listener.take() == ["Started", 1, str(status)]
    resume(study, run)
    watching.look()
    study.epochs(run, 2)
    study.end(run)
    watching.look()
    assert listener.take() == ["Resumed", 2, "complete"]


def test_an_equal_result_after_a_resume_is_reported_again(study: Written) -> None:
    run = study.runs[0]
    study.start(run)
    study.end(run, Status.FAILED)
    watching, listener = watch(study)
    watching.look()
    resume(study, run)
    study.end(run, Status.FAILED)
    watching.look()
    watching.look()
    assert listener.take() == ["Started", "failed", "Resumed", "failed"]


def test_a_watch_from_now_on_reports_only_what_is_new(study: Written) -> None:
    run = study.runs[0]
    study.start(run)
    study.epochs(run, 1)
    study.end(run, Status.FAILED)
    watching, listener = watch(study, from_now=True)
    watching.look()
    assert listener.take() == []
    resume(study, run)
    watching.look()
    study.end(run, Status.FAILED)  # with an equal result
    watching.look()
    assert listener.take() == ["Resumed", "failed"]


def test_a_result_with_another_identity_is_ignored(study: Written) -> None:
    study.train(study.runs[0])
    changed = Written(study.folder, with_code(study.plan, "changed"))
    watching, listener = watch(changed)
    watching.look()
    assert listener.take() == ["Started", 1, 2, 3]
