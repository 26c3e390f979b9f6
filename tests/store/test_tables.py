"""The tables of a study are read from its folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ablate.store.events import Resumed
from ablate.store.folder import StudyFolder
from ablate.store.tables import read_record
from ablate.study.response import Response
from tests.store.written import DATASET, adopted, plan_of


def test_a_study_reads_back_as_tables(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "mine")
    adopted(folder, plan_of()).train(accuracy=0.5)
    record = read_record(folder)
    assert record.runs["status"].tolist() == ["complete"] * 4
    assert record.runs["residual"].tolist() == ["present", "present", "absent", "absent"]
    assert record.runs["test_accuracy"].tolist() == [0.5] * 4
    assert record.histories is not None
    assert record.histories["epoch"].tolist() == [1, 2, 3] * 4
    expected = [1 - 1 / (epoch + seed) for seed in (0, 1) for epoch in (1, 2, 3)]
    assert record.histories["val_accuracy"].tolist() == expected * 2
    assert record.held_constant["recipe.epochs"] == "10"
    assert "model.residual" not in record.held_constant
    assert record.chance == 0.5


@pytest.mark.parametrize(
    ("response", "resolution"), [("test_accuracy", 0.25), ("test_mean_iou", None)]
)
def test_the_resolution_is_what_the_task_says(
    tmp_path: Path, response: str, resolution: float | None
) -> None:
    plan = plan_of()
    plan = replace(
        plan,
        study=replace(plan.study, responses=(Response(response, "higher", "fraction"),)),
        datasets={DATASET.fingerprint: replace(DATASET, steps={"test_accuracy": 0.25})},
    )
    folder = StudyFolder(tmp_path / "mine")
    adopted(folder, plan)
    assert read_record(folder).resolution == resolution


def test_interruptions_are_listed_with_their_cause(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "mine")
    study = adopted(folder, plan_of())
    first, second, *_ = study.runs
    study.append(first, Resumed(2, "crashed: signal 9", ("checkpoint of epoch 3: truncated",)))
    study.append(second, Resumed(0, "the study was killed"))
    assert read_record(folder).interruptions == (
        "residual=present, seed 0 resumed after epoch 2 "
        "(crashed: signal 9; checkpoint of epoch 3: truncated)",
        "residual=present, seed 1 started again (the study was killed)",
    )
