"""A study in MLflow: its parent run, its runs, and how those of earlier versions are completed."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import sqlite3
from pathlib import Path

from ablate.analysis.analyse import analyse_record
from ablate.store.tables import study_record
from ablate.study.design import Run
from ablate.tracking.summary import StudySummary, summary_of
from tests.faults.mlflow_store import DATABASE, query, recording_of, replay
from tests.store.written import Written, written

RUN = "experiments.name, runs.name"
FROM_RUNS = """
    join runs using (run_uuid) join experiments using (experiment_id)
    where runs.lifecycle_stage = 'active' and experiments.name = 'mine' order by 1, 2, 3, 4
"""
ALL = {
    "runs": f"select {RUN}, status, start_time, end_time, user_id from tags {FROM_RUNS}",
    "params": f"select {RUN}, key, value from params {FROM_RUNS}",
    "tags": f"select {RUN}, key, value from tags {FROM_RUNS}",
    "metrics": f"select {RUN}, key, step, value from metrics {FROM_RUNS}",
    "datasets": """
        select runs.name, datasets.name, digest, dataset_profile from inputs
        join datasets on dataset_uuid = inputs.source_id
        join runs on run_uuid = inputs.destination_id
        join experiments on experiments.experiment_id = runs.experiment_id
        where runs.lifecycle_stage = 'active' and experiments.name = 'mine' order by 1
    """,
}
OF_ONE_COPY = ("mlflow.parentRunId",)


def content() -> dict[str, list[tuple]]:
    """What MLflow holds of study `mine`, without the IDs that it has chosen."""
    return {
        name: [row for row in query(statement) if not set(OF_ONE_COPY) & set(row)]
        for name, statement in ALL.items()
    }


def rows(kind: str, name: str) -> dict[str, str]:
    """Params, tags or metrics of a run of study `mine`."""
    return {row[2]: row[-1] for row in content()[kind] if row[1] == name}


def start_at(study: Written, run: Run, unix_time: float) -> None:
    """Change when a run was started."""
    journal = study.run_folder(run).journal
    journal.write_text(
        journal.read_text().replace('"unix_time": 0.0', f'"unix_time": {unix_time}', 1)
    )


def answered(study: Written) -> StudySummary:
    return summary_of(analyse_record(study_record(study.state)))


def record(study: Written) -> None:
    """Record a study with what it found; fails if not everything is in MLflow afterwards."""
    recording = recording_of(study)
    recording.replay(None, answered(study))
    assert recording.fault == ""


def trained(replicates: int = 2) -> Written:
    """A study whose full model is better than the one without the residual connections."""
    study = written("residual", replicates=replicates)
    for run in study.runs:
        full = study.plan.study.is_reference(run.cell.levels)
        study.train(run, accuracy=(0.9 if full else 0.7) + run.seed / 100)
    return study


def test_the_parent_run_shows_the_design_and_what_was_found(folder_with_database: Path) -> None:
    study = trained(replicates=3)
    record(study)
    params = rows("params", "study mine")
    assert (params["design"], params["replicates"], params["margin"]) == (
        "full_factorial", "3", "0.01",
    )  # fmt: skip
    assert params["recipe.epochs"] == "10"
    assert "residual" not in params
    metrics = rows("metrics", "study mine")
    assert round(float(metrics["effect/residual"]), 9) == 0.2
    assert round(float(metrics["full_model/test_accuracy"]), 9) == 0.91
    assert metrics["runs/complete"] == 6
    tags = rows("tags", "study mine")
    found = answered(study)
    assert tags["verdict/residual"] == found.verdicts["verdict/residual"] == "needed"
    assert found.answer in tags["mlflow.note.content"]
    (kind,) = query("select value from experiment_tags where key = 'mlflow.experimentKind'")[-1:]
    assert kind == ("custom_model_development",)


def test_runs_have_short_names_and_their_data_set(folder_with_database: Path) -> None:
    record(trained())
    found = content()
    names = ["full model · seed 0", "full model · seed 1", "no residual · seed 0",
             "no residual · seed 1"]  # fmt: skip
    assert sorted({row[1] for row in found["runs"]}) == [*names, "study mine"]
    assert [row[0] for row in found["datasets"]] == [*names, "study mine"]
    assert {row[2] for row in found["datasets"]} == {"pixels"}


def test_a_run_lasts_as_long_as_its_training(folder_with_database: Path) -> None:
    study = written(replicates=1)
    for number, run in enumerate(study.runs):
        began = 1_700_000_000.0 + 100 * number
        folder = study.run_folder(run)
        study.train(run)
        start_at(study, run, began)
        result = folder.result()
        assert result is not None
        folder.commit(dataclasses.replace(result, unix_time=began + 9.5))
    record(study)
    times = {row[1]: (row[3], row[4]) for row in content()["runs"]}
    start = 1_700_000_000_000
    assert times == {
        "full model · seed 0": (start, start + 9_500),
        "no residual · seed 0": (start + 100_000, start + 109_500),
        "study mine": (start, start + 109_500),
    }


def test_a_copy_that_is_made_again_is_the_same(
    new_database: Path, folder_with_database: Path
) -> None:
    study = trained()
    for run in study.runs:
        start_at(study, run, 1_700_000_000.0)
    replay(study)  # while it trains, nothing is known of what it found
    record(study)
    first = content()
    record(study)
    assert content() == first
    shutil.copy(new_database, DATABASE)
    record(study)
    assert content() == first


def test_a_study_with_other_params_gets_another_parent_run(folder_with_database: Path) -> None:
    record(trained())
    record(trained(replicates=3))
    assert rows("params", "study mine")["replicates"] == "3"
    parents = query(
        "select distinct value from tags join runs using (run_uuid) "
        "join experiments using (experiment_id) where experiments.name = 'mine' "
        "and runs.lifecycle_stage = 'active' and key = 'mlflow.parentRunId'"
    )
    active = query(
        "select run_uuid from runs join tags using (run_uuid) join experiments "
        "using (experiment_id) where experiments.name = 'mine' and key = 'ablate.kind' "
        "and runs.lifecycle_stage = 'active'"
    )
    assert parents == active
    assert len(active) == 1


def test_runs_of_earlier_versions_are_completed(folder_with_database: Path) -> None:
    study = trained()
    record(study)
    wanted = content()
    with contextlib.closing(sqlite3.connect(DATABASE)) as store:
        mine = "(select run_uuid from runs join experiments using (experiment_id) "
        mine += "where experiments.name = 'mine')"
        parent = f"run_uuid in {mine} and run_uuid in (select run_uuid from tags where key = "
        parent += "'ablate.kind')"
        for change in (
            f"update runs set name = 'residual=present, seed 0' where run_uuid in {mine}",
            f"update tags set value = 'old' where key = 'ablate.recorded' and run_uuid in {mine}",
            f"delete from inputs where destination_id in {mine}",
            f"delete from params where {parent}",
            f"update runs set name = 'study mine' where {parent}",
            f"insert into params (key, value, run_uuid) select 'model.old', 'present', "
            f"run_uuid from runs where run_uuid in {mine} and not ({parent})",
        ):
            store.execute(change)
        store.commit()
    record(study)
    found = content()
    for kind in ("runs", "tags", "metrics", "datasets"):
        assert found[kind] == wanted[kind]
    # MLflow removes no params.
    assert {row for row in found["params"] if row[2] != "model.old"} == set(wanted["params"])
