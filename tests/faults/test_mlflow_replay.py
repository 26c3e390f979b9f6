"""A replay writes to MLflow what it lacks: nothing twice, nothing of other runs, nothing lost."""

from __future__ import annotations

import dataclasses
import shutil
import time
from pathlib import Path

import pytest
from pytest import param

from ablate.config.recipe import Recipe
from ablate.config.variant import Variant
from ablate.store.events import Interrupted, Resumed
from ablate.store.folder import StudyFolder
from ablate.store.plan import Plan, PlannedCell
from ablate.study.design import cells_of
from ablate.study.result import Status
from ablate.study.study import Factor, Level, Study
from tests.conftest import ACCURACY
from tests.faults.mlflow_store import (
    DATABASE,
    METRICS,
    PARAMS,
    STATUSES,
    content,
    curve,
    query,
    recording_of,
    replay,
    replay_with_calls,
    status_of,
)
from tests.store.written import DATASET, Written, written

ALL_METRICS = "select * from metrics order by 1, 2, 3, 4, 5, 6"


TAGS = """
    select distinct coalesce(seed.value, 'study'), tags.key from tags
    left join tags as seed on seed.run_uuid = tags.run_uuid and seed.key = 'ablate.seed'
    join tags as study on study.run_uuid = tags.run_uuid and study.key = 'ablate.study'
    where study.value = 'mine' order by 1, 2
"""
STUDY_TAGS = {
    "ablate.design", "ablate.factors", "ablate.kind", "ablate.origin",
    "ablate.study", "mlflow.note.content", "mlflow.runName", "mlflow.source.name",
    "mlflow.source.type",
}  # fmt: skip
RUN_TAGS = {
    "ablate.attempt", "ablate.cell", "ablate.fingerprint", "ablate.origin", "ablate.provenance",
    "ablate.recorded", "ablate.reference", "ablate.seed", "ablate.status", "ablate.study",
    "mlflow.parentRunId", "mlflow.runName", "mlflow.source.name", "mlflow.source.type",
}  # fmt: skip


def test_runs_have_their_tags_params_and_metrics(folder_with_database: Path) -> None:
    study = written(replicates=1).train()
    replay(study)
    own = {key for seed, key in query(TAGS) if seed == "0"}
    assert own - {"mlflow.user"} == RUN_TAGS
    parent = {key for seed, key in query(TAGS) if seed == "study"}
    assert parent - {"mlflow.user"} == STUDY_TAGS
    metrics, params = {row[3] for row in query(METRICS)}, {row[3] for row in query(PARAMS)}
    curves = {"loss", "accuracy", "val_loss", "val_accuracy", "seconds"}
    costs = {"parameters", "macs", "train_seconds", "seconds_per_epoch", "peak_memory_bytes"}
    assert metrics == curves | costs | {"test_accuracy", "test_loss"}
    assert {"seed", "residual", "model.conv", "recipe.epochs", "recipe.batch_size"} <= params


def test_a_recording_interrupted_after_any_call_is_completed_later(
    new_database: Path, folder_with_database: Path
) -> None:
    calls = replay_with_calls(written(replicates=1).train())
    expected = content()
    for made in range(1, calls):
        shutil.copy(new_database, DATABASE)
        study = written(replicates=1)
        replay_with_calls(study, calls=made)
        replay(study)
        assert content() == expected, f"after call {made} of {calls}"


def test_a_second_replay_writes_nothing_and_makes_no_call_per_run(
    folder_with_database: Path,
) -> None:
    small, large = (
        written("residual", name=f"of_{replicates}", replicates=replicates).train()
        for replicates in (2, 20)
    )
    for study in (small, large):
        replay(study)
    rows = query(ALL_METRICS)
    before = content()
    assert replay_with_calls(small) == replay_with_calls(large)
    assert query(ALL_METRICS) == rows
    assert content() == before


def test_an_epoch_that_was_trained_twice_is_one_point(folder_with_database: Path) -> None:
    study = written()
    run = study.runs[0]
    study.start(run)
    study.epochs(run, 1, 2)
    study.append(run, Interrupted(Status.CRASHED, "signal 9"), Resumed(1, "signal 9"))
    study.epochs(run, 2, 3, seconds=0.5)
    study.end(run)
    replay(study)
    assert curve(run) == {1: 1.0, 2: 0.5, 3: 1 / 3}
    assert curve(run, "seconds") == {1: 0.1, 2: 0.1, 3: 0.5}


@pytest.mark.parametrize(
    ("status", "mlflow_status"),
    [
        param(Status.PREEMPTED, "KILLED", id="preempted"),
        param(Status.FAILED, "FAILED", id="failed"),
        param(Status.CRASHED, "FAILED", id="crashed"),
        param(None, "KILLED", id="killed_with_its_study"),
    ],
)
def test_an_interrupted_run_is_resumed_in_the_same_mlflow_run(
    folder_with_database: Path, status: Status | None, mlflow_status: str
) -> None:
    study = written()
    run = study.runs[0]
    study.start(run)
    study.epochs(run, 1)
    if status is not None:
        study.end(run, status)
    replay(study)
    assert status_of(run) == mlflow_status
    recording = recording_of(study)
    with recording.thread():
        time.sleep(1)
        (study.folder.run(run.cell.slug, run.seed).path / "result.json").unlink(missing_ok=True)
        study.append(run, Resumed(1, "why"))
        study.epochs(run, 2)
        end = time.monotonic() + 20
        while status_of(run) != "RUNNING" and time.monotonic() < end:
            time.sleep(0.1)
        assert status_of(run) == "RUNNING"
        study.epochs(run, 3)
        study.end(run)
    recording.finish(None)
    assert recording.fault == ""
    assert status_of(run) == "FINISHED"
    assert curve(run) == {1: 1.0, 2: 0.5, 3: 1 / 3}


def test_a_run_interrupted_twice_in_the_same_way_loses_no_epoch(folder_with_database: Path) -> None:
    study = written()
    run = study.runs[0]
    study.start(run)
    for epoch in (1, 2):
        study.epochs(run, epoch)
        study.end(run, Status.PREEMPTED)
        replay(study)
        assert curve(run) == {step: 1 / step for step in range(1, epoch + 1)}


def test_a_run_that_is_trained_again_replaces_the_old_one(folder_with_database: Path) -> None:
    study = written().train()
    replay(study)
    run = study.runs[0]
    study.folder.run(run.cell.slug, run.seed).journal.unlink()
    study.start(run, "second")
    study.epochs(run, 1)
    study.end(run)
    replay(study)
    assert curve(run) == {1: 1.0}
    assert {status for _, status in query(STATUSES)} == {"FINISHED"}


def test_folders_that_share_a_store_keep_their_runs_apart(
    folder_with_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"sqlite:///{folder_with_database}/mlflow.db"
    for folder in ("mine", "another"):
        (folder_with_database / folder).mkdir()
        monkeypatch.chdir(folder_with_database / folder)
        replay(written().train(), uri)
    statuses = query(STATUSES, folder_with_database / "mlflow.db")
    monkeypatch.chdir(folder_with_database / "mine")
    replay(written().train(), uri)
    assert query(STATUSES, folder_with_database / "mlflow.db") == statuses
    assert len(statuses) == 3 * 5  # two folders, and the study that was in the store before


def test_a_run_whose_cell_is_renamed_is_recorded_once(folder_with_database: Path) -> None:
    study = written("residual").train()
    replay(study)
    old, wider = study.runs[0], written("residual", "norm")
    new = wider.runs[0]
    kept = {f"{new.cell.slug}/{new.seed}": study.identity(old)}
    replay(Written(wider.folder, dataclasses.replace(wider.plan, kept=kept)).train(new))
    assert curve(old) == {}
    assert curve(new) == {1: 1.0, 2: 0.5, 3: 1 / 3}


def test_a_run_that_left_the_plan_does_not_stay_running(folder_with_database: Path) -> None:
    study = written(replicates=2)
    run = study.runs[1]
    study.start(run)
    study.epochs(run, 1)
    with recording_of(study).thread():
        time.sleep(0.1)
    assert status_of(run) == "RUNNING"
    replay(written(replicates=1).train())
    assert status_of(run) == "KILLED"


def test_numbers_that_are_not_finite_are_omitted(folder_with_database: Path) -> None:
    study = written()
    run = study.runs[0]
    study.start(run)
    study.epochs(run, 1)
    study.epochs(run, 2, loss=float("nan"), val_loss=float("inf"))
    study.end(run, Status.DIVERGED)
    replay(study)
    assert curve(run) == {1: 1.0}
    assert list(curve(run, "val_loss")) == [1]
    assert list(curve(run, "accuracy")) == [1, 2]
    assert status_of(run) == "FAILED"


UNUSUAL_NAMES = (
    "../../x", "/etc/passwd", "..", ".", "a//b", "<script>", "=cmd()", "\N{BANANA}", "a\nb",
    "x" * 300, "x" * 299 + "y", "model.conv", "a b", "a_b", "a?b", "a*b", "\udcff",
)  # fmt: skip


def test_factors_with_unusual_names_have_their_levels_in_mlflow(folder_with_database: Path) -> None:
    long = "absent \N{BANANA}" * 1000
    study = Study(
        "unusual",
        tuple(Factor(name, (Level("present"), Level(long))) for name in UNUSUAL_NAMES),
        "leave_one_out",
        replicates=1,
        responses=(ACCURACY,),
    )
    cells = tuple(
        PlannedCell(cell, Variant({"_target_": "a.b", "conv": "plain"}, {}, Recipe()), "p", (0,))
        for cell in cells_of(study)
    )
    plan = Plan(study, cells, {"p": DATASET}, "tensorflow", {})
    replay(Written(StudyFolder(Path("runs/unusual")), plan).train())
    params = query(
        "select run_uuid, params.key, substr(params.value, 1, 7) from params "
        "join tags using (run_uuid) where tags.key = 'ablate.study' and tags.value = 'unusual'"
    )
    absent = [(run, key) for run, key, value in params if value == "absent "]
    assert len(absent) == len({run for run, _ in absent}) == len({key for _, key in absent})
    assert len(absent) == len(UNUSUAL_NAMES)
    assert {value for _, key, value in params if key == "model.conv"} == {"present", "absent "}
