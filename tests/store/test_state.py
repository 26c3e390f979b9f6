"""What is settled of a plan: results are found by fingerprint, and no result is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from ablate.config.recipe import Recipe
from ablate.store import reader
from ablate.store.folder import StudyFolder
from ablate.store.state import StudyState
from ablate.store.tables import read_record, run_table
from ablate.study.result import Result, Status
from tests.store.written import Written, adopted, epoch_of, plan_of, with_code, with_factor


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    return StudyFolder(tmp_path / "mine")


def settled(study: Written) -> int:
    return len(study.state.settled)


def test_more_replicates_lose_no_result(folder: StudyFolder) -> None:
    adopted(folder, plan_of(replicates=2)).train()
    study = adopted(folder, plan_of(replicates=3))
    assert settled(study) == 4
    assert read_record(folder).runs["status"].tolist().count("missing") == 2


def test_results_of_another_recipe_are_kept_and_found_again(folder: StudyFolder) -> None:
    short, long = plan_of(recipe=Recipe(epochs=1)), plan_of(recipe=Recipe(epochs=2))
    adopted(folder, short).train(accuracy=0.5)
    assert settled(Written(folder, long)) == 0
    adopted(folder, long).train(accuracy=0.75)
    assert settled(Written(folder, short)) == 4
    for plan, accuracy in ((short, 0.5), (long, 0.75)):
        adopted(folder, plan)
        assert read_record(folder).runs["test_accuracy"].tolist() == [accuracy] * 4


@pytest.mark.parametrize(
    ("status", "again"),
    [
        (Status.DIVERGED, False),
        (Status.FAILED, True),
        (Status.CRASHED, True),
        (Status.OUT_OF_MEMORY, True),
        (Status.TIMEOUT, True),
        (Status.PREEMPTED, True),
    ],
)
def test_only_what_training_could_change_is_pending(
    folder: StudyFolder, status: Status, again: bool
) -> None:
    study = Written(folder, plan_of())
    run = study.runs[0]
    run_folder, fingerprint = study.run_folder(run), study.identity(run)
    run_folder.open("attempt", fingerprint=fingerprint)
    run_folder.commit(Result(run.cell.slug, run.seed, fingerprint, status, error="why"))
    assert (settled(study) == 0) == again
    study.state.adopt()
    assert run_folder.open("another", fingerprint=fingerprint)
    stopped = status is Status.PREEMPTED
    cause = "the study was stopped" if stopped else f"{status}: why"
    assert run_folder.interruption_cause() == cause
    assert run_folder.result() is None


def test_a_factor_that_is_added_later_loses_no_result(folder: StudyFolder) -> None:
    plan = plan_of()
    adopted(folder, plan).train()
    wider = Written(folder, with_factor(plan))
    assert settled(wider) == 4
    state = wider.state.adopt()
    assert len(state.settled) == settled(wider) == 4
    runs = read_record(folder).runs
    assert (runs["status"] == "complete").sum() == 4
    kept = runs[runs["status"] == "complete"]
    assert kept["width"].unique().tolist() == ["narrow"]
    adopted(folder, plan)
    assert settled(Written(folder, plan)) == 4


def test_interrupted_runs_are_preempted_and_others_stay(folder: StudyFolder) -> None:
    study = adopted(folder, plan_of())
    run_folder = study.run_folder(study.runs[0])
    run_folder.open("attempt", fingerprint=study.identity(study.runs[0]))
    run_folder.append(epoch_of(3))
    study.state.preempt()
    statuses = read_record(folder).runs["status"].tolist()
    assert statuses == ["preempted", "missing", "missing", "missing"]
    result = run_folder.result()
    assert result is not None
    assert "after epoch 3" in result.error


def test_after_training_only_pending_runs_are_read_again(
    folder: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = adopted(folder, plan_of())
    study.train(*study.runs[:2])
    before = study.state
    study.train(study.runs[2])
    reads = count_reads(monkeypatch)
    after = before.refreshed()
    assert [run for _, run in after.pending] == study.runs[3:]
    assert sum(reads.values()) == 1
    assert after == study.state


def test_a_study_with_nothing_to_do_is_read_once(
    folder: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    adopted(folder, plan_of("residual", "norm", replicates=10)).train()
    reads = count_reads(monkeypatch)
    state = StudyState.read(folder, folder.read_plan()).adopt()
    assert state.pending == ()
    assert len(run_table(state)) == 40
    assert sorted(reads.values()) == [1] * 40


def count_reads(monkeypatch: pytest.MonkeyPatch) -> dict[Path, int]:
    """How often each result.json is read from here on."""
    reads: dict[Path, int] = {}
    plain = reader.read_file

    def read_file(path: Path, *, most_bytes: int, offset: int = 0) -> bytes:
        content = plain(path, most_bytes=most_bytes, offset=offset)
        if path.name == "result.json":
            reads[path] = reads.get(path, 0) + 1
        return content

    monkeypatch.setattr(reader, "read_file", read_file)
    return reads


def test_a_result_of_other_code_is_not_used(folder: StudyFolder) -> None:
    study = adopted(folder, plan_of()).train()
    changed = Written(folder, with_code(study.plan, "changed"))
    assert changed.state.results == {}
