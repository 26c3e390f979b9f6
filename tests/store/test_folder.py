"""The folder of a run: journal, commit point, attempts; the folder of a study: its plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from ablate.errors import RequestError
from ablate.store.events import EpochEnded, Event, Interrupted, Started
from ablate.store.folder import RunFolder, StudyFolder
from ablate.store.state import StudyState
from ablate.study.result import Result, Status
from tests.store.written import adopted, epoch_of, plan_of


def test_a_plan_reads_back_as_it_was_written(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "mine")
    folder.write_plan(plan_of())
    assert folder.read_plan() == plan_of()


def test_a_damaged_plan_is_reported_in_one_line(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "mine")
    folder.write_plan(plan_of())
    (tmp_path / "mine" / "plan.json").write_text("{")
    with pytest.raises(RequestError, match="cannot be read"):
        folder.read_plan()
    assert folder.earlier_plan() is None


def test_an_unknown_study_is_answered_with_the_nearest(tmp_path: Path) -> None:
    StudyFolder(tmp_path / "mine").write_plan(plan_of())
    with pytest.raises(RequestError, match="Did you mean 'mine'"):
        StudyFolder(tmp_path / "mien").read_plan()


def test_a_worker_that_ended_before_its_first_line_loses_nothing(tmp_path: Path) -> None:
    study = adopted(StudyFolder(tmp_path / "mine"), plan_of())
    run = study.runs[0]
    folder, wanted = study.run_folder(run), study.identity(run)
    folder.record_interruption(Status.CRASHED, "signal 9")
    folder.commit(Result(run.cell.slug, run.seed, wanted, Status.CRASHED, error="signal 9"))
    assert not folder.open("attempt", fingerprint=wanted)
    folder.append(epoch_of(1))
    assert folder.result() is None
    study.state.adopt()  # the study was killed, and the same command is given again
    assert folder.open("other", fingerprint=wanted)
    assert [type(event) for event in folder.events()[0]] == [Interrupted, Started, EpochEnded]


@pytest.mark.parametrize("status", [Status.CRASHED, Status.PREEMPTED])
@pytest.mark.parametrize("started", [True, False])
def test_an_old_result_is_removed_before_the_journal_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: Status, started: bool
) -> None:
    folder = RunFolder(tmp_path)
    if started:
        folder.open("attempt", fingerprint="print")
    folder.commit(Result("cell", 0, "print", status, error="why"))
    plain, results = RunFolder.append, []

    def append(run: RunFolder, event: Event) -> None:
        results.append(run.result())
        plain(run, event)

    monkeypatch.setattr(RunFolder, "append", append)
    assert folder.open("other", fingerprint="print") == started
    assert results == [None]


def test_an_incomplete_last_line_is_removed(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.open("attempt", fingerprint="print")
    with folder.journal.open("a") as file:
        file.write('{"event": "epo')
    assert folder.open("other", fingerprint="print")
    folder.append(epoch_of(1))
    assert folder.events()[0] == [Started("attempt", "print"), epoch_of(1)]


def test_a_line_is_read_when_it_is_complete(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.open("attempt", fingerprint="print")
    with folder.journal.open("a") as file:
        file.write('{"event": "epo')
    events, offset = folder.events()
    assert events == [Started("attempt", "print")]
    with folder.journal.open("a") as file:
        file.write('ch", "epoch": 1, "seconds": 0.5}\n')
    events, _ = folder.events(offset)
    assert events == [EpochEnded(1, {}, 0.5)]


def test_an_epoch_that_was_trained_twice_counts_once(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.open("attempt", fingerprint="print")
    for event in (epoch_of(1), epoch_of(2, loss=0.5), epoch_of(2, loss=0.25)):
        folder.append(event)
    assert folder.epochs() == [epoch_of(1), epoch_of(2, loss=0.25)]


def test_a_damaged_result_is_trained_again(tmp_path: Path) -> None:
    study = adopted(StudyFolder(tmp_path / "mine"), plan_of()).train()
    (study.run_folder(study.runs[0]).path / "result.json").write_bytes(b"\0" * 100)
    assert [run for _, run in study.state.pending] == study.runs[:1]
    adopted_state = study.state.adopt()
    assert study.runs[0] not in adopted_state.results
    assert adopted_state.results == StudyState.read(study.folder, study.plan).results
