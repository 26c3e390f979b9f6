"""The folder of a run: journal, commit point, attempts; the folder of a study: its plan."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from pytest import param

from ablate.errors import RequestError
from ablate.store import checkpoint
from ablate.store.checkpoint import Checkpoint
from ablate.store.disk import open_to_append
from ablate.store.events import EpochEnded, Event, Interrupted, Started
from ablate.store.folder import RunFolder, StudyFolder
from ablate.store.plan import digest
from ablate.store.state import StudyState
from ablate.store.tables import run_table, study_record
from ablate.study.result import Result, Status
from tests.store.written import Written, adopted, epoch_of, plan_of, with_code


def test_a_plan_reads_back_as_it_was_written(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "mine")
    folder.write_plan(plan_of())
    assert folder.read_plan() == plan_of()


def test_a_damaged_plan_is_reported_in_one_line(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "mine")
    folder.write_plan(plan_of())
    (tmp_path / "mine" / "plan.json").write_text("{")
    with pytest.raises(
        RequestError, match=r"plan.json is damaged: it is not JSON \(line 1\)\. The study's command"
    ):
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


KEYS_MISSING = b'{"cell": "a", "seed": 0}'
LIES = {
    "missing_keys": KEYS_MISSING,
    "list_for_mapping": b"[]",
    "number": b"1",
    "null": b"null",
    "brackets": b"[" * 200_000,
    "no_utf8": b'{"cell": "\xff"}',
    "empty": b"",
}


def lie(path: Path, name: str, change: dict[str, object]) -> None:
    """Change a JSON file, with a checksum that fits if it has one."""
    record = json.loads(path.read_text()) | change
    if name == "result.json":
        record.pop("checksum")
        record["checksum"] = digest(record)
    path.write_text(json.dumps(record))


def put_folder(path: Path) -> None:
    path.unlink()
    (path / "in").mkdir(parents=True)


def put_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def put_link(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to("moved")


DAMAGES = [
    *(param(partial(Path.write_bytes, data=content), id=name) for name, content in LIES.items()),
    param(put_folder, id="a_folder"),
    param(put_pipe, id="a_pipe"),
    param(put_link, id="a_link"),
]
RESULT_LIES: list[dict[str, object]] = [
    {"seed": 10**400},
    {"responses": {"test_accuracy": 10**400}},
    {"responses": {"test_accuracy": True}},
    {"responses": {"test_accuracy": 1e308}},
    {"responses": {}},
    {"responses": [1]},
    {"cost": {"parameters": -1}},
    {"cost": "none"},
    {"provenance": {"device": 1}},
    {"provenance": None},
    {"status": "lost"},
    {"fingerprint": "/../../../outside"},
    {"fingerprint": 7},
    {"more": 1},
    {"responses": {"other": 0.5}},
]


@pytest.mark.parametrize(
    "damage",
    [
        *DAMAGES,
        *(
            param(partial(lie, name="result.json", change=change), id=str(change)[:40])
            for change in RESULT_LIES
        ),
    ],
)
def test_the_run_of_any_damaged_result_is_trained_again(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    study = adopted(StudyFolder(tmp_path / "mine"), plan_of()).train()
    run = study.runs[0]
    damage(study.run_folder(run).path / "result.json")
    state = StudyState.read(study.folder, study.plan)
    assert [pending for _, pending in state.pending] == [run]
    table = run_table(state)
    assert table["status"].tolist() == ["missing", *["complete"] * 3]
    state.adopt()
    folder = study.run_folder(run)
    folder.open("again", fingerprint=study.identity(run))
    study.end(run)
    assert study.state.pending == ()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_journal_of_any_kind_of_damage_starts_again(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    study = adopted(StudyFolder(tmp_path / "mine"), plan_of()).train()
    folder, wanted = study.run_folder(study.runs[0]), study.identity(study.runs[0])
    damage(folder.journal)
    assert folder.events()[0] == []
    assert folder.interruption_cause() == "the study was killed"
    assert study_record(study.state).runs["status"].tolist() == ["complete"] * 4
    (folder.path / "result.json").unlink()
    study.state.adopt()
    assert not folder.open("again", fingerprint=wanted)
    folder.append(epoch_of(1))
    assert folder.events()[0] == [Started("again", wanted), epoch_of(1)]


PLAN_LIES: list[dict[str, object]] = [
    {"cells": []},
    {"cells": [7]},
    {"cells": None},
    {"study": []},
    {"study": {"name": "../../precious", "factors": {"a": {"b": "c=d", "e": "c=f"}}}},
    {"study": {"name": "mine"}},
    {"datasets": {}},
    {"datasets": {"pixels": {"shape": [8, 8, 10**400]}}},
    {"backend": "other"},
    {"provenance": []},
    {"sources": {"code": []}},
    {"kept": {"a/0": "../../outside"}},
    {"changes": 5},
    {"more": 1},
    {"images": 3},
    {"images": {"pixels": 3}},
]


@pytest.mark.parametrize(
    "damage",
    [
        *DAMAGES,
        *(
            param(partial(lie, name="plan.json", change=change), id=str(change)[:40])
            for change in PLAN_LIES
        ),
    ],
)
def test_any_damaged_plan_is_reported_in_one_line_and_written_again(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    study = adopted(StudyFolder(tmp_path / "mine"), plan_of()).train()
    file = tmp_path / "mine" / "plan.json"
    damage(file)
    with pytest.raises(RequestError, match=r"plan\.json is damaged: ") as refused:
        study.folder.read_plan()
    assert str(refused.value).endswith("The study's command writes it again.")
    assert str(refused.value).isprintable()
    assert study.folder.earlier_plan() is None
    assert study.folder.has_plan
    assert StudyState.read(study.folder, study.plan).adopt().pending == ()
    assert study.folder.read_plan() == study.plan


def test_a_result_that_was_edited_is_reported_and_trained_again(tmp_path: Path) -> None:
    study = adopted(StudyFolder(tmp_path / "mine"), plan_of()).train()
    run, folder = study.runs[0], study.run_folder(study.runs[0])
    file = folder.path / "result.json"
    file.write_text(file.read_text().replace("0.75", "0.99"))
    state = study.state
    fault = state.faults[run]
    assert fault.startswith(f"{file} is damaged: edited or damaged after it was written")
    assert fault.endswith("Its run is trained again.")
    assert run_table(state)["error"].tolist()[0] == fault
    assert folder.open("again", fingerprint=study.identity(run))
    assert folder.interruption_cause().startswith("failed: its result is damaged: edited or")


def test_a_result_of_another_layout_is_not_edited(tmp_path: Path) -> None:
    study = adopted(StudyFolder(tmp_path / "mine"), plan_of()).train()
    file = study.run_folder(study.runs[0]).path / "result.json"
    record = json.loads(file.read_text())
    file.write_text(json.dumps(dict(reversed(record.items()))))
    assert study.state.pending == ()


def test_a_result_of_an_earlier_version_has_no_checksum(tmp_path: Path) -> None:
    study = adopted(StudyFolder(tmp_path / "mine"), plan_of()).train()
    file = study.run_folder(study.runs[0]).path / "result.json"
    record = json.loads(file.read_text())
    del record["checksum"]
    file.write_text(json.dumps(record))
    assert study.state.pending == ()


def test_responses_replace_no_other_column(tmp_path: Path) -> None:
    study = adopted(StudyFolder(tmp_path / "mine"), plan_of()).train()
    file = study.run_folder(study.runs[0]).path / "result.json"
    responses = {"test_accuracy": 0.5, "cell": 1.0, "residual": 2.0, "macs": 3.0, "status": 4.0}
    lie(file, "result.json", {"responses": responses})
    row = run_table(study.state).iloc[0]
    assert row["cell"] == "residual=present"
    assert (row["residual"], row["macs"], row["status"]) == ("present", 20, "complete")


def test_a_file_where_a_folder_should_be_is_replaced(tmp_path: Path) -> None:
    study = adopted(StudyFolder(tmp_path / "mine"), plan_of())
    folder = study.run_folder(study.runs[0])
    folder.path.parent.write_text("a file")
    study.state.adopt()
    assert not folder.open("first", fingerprint=study.identity(study.runs[0]))


@pytest.mark.parametrize("name", ["mlflow_run_id", "log"])
@pytest.mark.parametrize("put", [put_folder, put_pipe, put_link])
def test_small_files_are_replaced_if_they_are_none(
    tmp_path: Path, name: str, put: Callable[[Path], None]
) -> None:
    folder = RunFolder(tmp_path)
    (tmp_path / name).write_text("secret")
    put(tmp_path / name)
    assert folder.mlflow_run_id() == ""
    if name == "log":
        with open_to_append(folder.log) as file:
            file.write("printed")
    else:
        folder.save_mlflow_run_id("abc")
        assert folder.mlflow_run_id() == "abc"
    assert (tmp_path / name).is_file()
    assert not (tmp_path / name).is_symlink()
    assert not (tmp_path / "moved").exists() or (tmp_path / "moved").read_text() == "secret"


@pytest.mark.parametrize("level", ["cell", "run", "checkpoints", "superseded"])
def test_no_link_leads_a_run_out_of_its_study(tmp_path: Path, level: str) -> None:
    adopted(StudyFolder(tmp_path / "mine"), with_code(plan_of(), "earlier")).train()
    study = Written(StudyFolder(tmp_path / "mine"), plan_of())
    folder = study.run_folder(study.runs[0])
    place = {
        "cell": folder.path.parent,
        "run": folder.path,
        "checkpoints": folder.checkpoints,
        "superseded": tmp_path / "mine" / "superseded",
    }[level]
    outside = tmp_path / "outside"
    if place.exists():
        place.rename(outside)
    else:
        outside.mkdir()
    (outside / "0").mkdir(exist_ok=True)
    (outside / "0" / "precious").write_text("precious")
    place.symlink_to(outside)
    before = sorted((path, path.is_file() and path.read_bytes()) for path in outside.rglob("*"))
    study.state.adopt()
    folder.open("first", fingerprint=study.identity(study.runs[0]))
    saved = Checkpoint((epoch_of(1),), ())
    checkpoint.save(folder.checkpoints, saved, fingerprint=study.identity(study.runs[0]))
    study.end(study.runs[0])
    after = sorted((path, path.is_file() and path.read_bytes()) for path in outside.rglob("*"))
    assert after == before
    assert list(study.state.results) == study.runs[:1]


def test_a_folder_of_studies_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "runs").symlink_to("disk")
    study = adopted(StudyFolder(tmp_path / "runs" / "mine"), plan_of()).train()
    assert study.state.adopt().pending == ()
    assert (tmp_path / "runs").is_symlink()
    (tmp_path / "disk" / "mine").rename(tmp_path / "moved")
    (tmp_path / "disk" / "mine").symlink_to(tmp_path / "moved")
    assert study.state.adopt().pending == ()
    assert (tmp_path / "disk" / "mine").is_symlink()
