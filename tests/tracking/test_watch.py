from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from ablate.store.events import EpochEnded, Event, Resumed
from ablate.study.design import Run
from ablate.study.result import Result, Status
from ablate.tracking.watch import Watch
from tests.store.written import Written, written


class Listener:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def event(self, run: Run, event: Event) -> None:
        self.told.append(
            event.epoch if isinstance(event, EpochEnded) else type(event).__name__.lower()
        )

    def ended(self, run: Run, result: Result) -> None:
        self.told.append(str(result.status))

    def tick(self) -> None:
        pass

    def heard(self) -> list[object]:
        told, self.told = self.told, []
        return told


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    monkeypatch.chdir(tmp_path)
    return written()


def watch(study: Written, *, from_now: bool = False) -> tuple[Watch, Listener]:
    listener = Listener()
    runs = list(study.plan.runs())[:1]
    return Watch(study.state, follower=listener, runs=runs, from_now=from_now), listener


def go_on(study: Written, run: Run) -> None:
    (study.folder.run(run.cell.slug, run.seed).path / "result.json").unlink()
    study.append(run, Resumed(1, "why"))


def test_what_is_there_and_what_comes_is_told_once(study: Written) -> None:
    run = study.runs[0]
    study.start(run)
    study.epochs(run, 1)
    watching, listener = watch(study)
    watching.look()
    assert listener.heard() == ["started", 1]
    study.epochs(run, 2)
    study.end(run)
    watching.look()
    watching.look()
    assert listener.heard() == [2, "complete"]


@pytest.mark.parametrize("status", [Status.FAILED, Status.CRASHED, Status.PREEMPTED])
def test_a_run_that_went_on_is_followed_on(study: Written, status: Status) -> None:
    run = study.runs[0]
    study.start(run)
    study.epochs(run, 1)
    study.end(run, status)
    watching, listener = watch(study)
    watching.look()
    watching.look()
    assert listener.heard() == ["started", 1, str(status)]
    go_on(study, run)
    watching.look()
    study.epochs(run, 2)
    study.end(run)
    watching.look()
    assert listener.heard() == ["resumed", 2, "complete"]


def test_a_run_that_ended_again_just_as_before_has_ended_twice(study: Written) -> None:
    run = study.runs[0]
    study.start(run)
    study.end(run, Status.FAILED)
    watching, listener = watch(study)
    watching.look()
    go_on(study, run)
    study.end(run, Status.FAILED)
    watching.look()
    watching.look()
    assert listener.heard() == ["started", "failed", "resumed", "failed"]


def test_from_now_on_only_what_is_new_is_told(study: Written) -> None:
    run = study.runs[0]
    study.start(run)
    study.epochs(run, 1)
    study.end(run, Status.FAILED)
    watching, listener = watch(study, from_now=True)
    watching.look()
    assert listener.heard() == []
    go_on(study, run)
    watching.look()
    study.end(run, Status.FAILED)  # in just the same way
    watching.look()
    assert listener.heard() == ["resumed", "failed"]


def test_a_result_of_another_run_is_none_of_this_one(study: Written) -> None:
    study.train(study.runs[0])
    changed = Written(study.folder, dataclasses.replace(study.plan, code="changed"))
    watching, listener = watch(changed)
    watching.look()
    assert listener.heard() == ["started", 1, 2, 3]
