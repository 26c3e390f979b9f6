from __future__ import annotations

from ablate.report.blocks import Paragraph, Table
from ablate.report.sections import unfinished
from ablate.study.study import Study
from tests.report.simulated import data_of, runs_of


def test_runs_that_ended_alike_are_one_row(xyz: Study) -> None:
    runs = runs_of(xyz)
    lost = runs["cell"] == runs["cell"].unique()[7]
    runs.loc[lost, ["status", "error", "test_accuracy"]] = ["failed", "out of memory", float("nan")]
    data = data_of(xyz, runs)
    groups = unfinished.unfinished_groups(data.analysis, runs)
    assert [(item.number, item.seeds, item.status) for item in groups] == [
        (5, "1", "diverged"),
        (8, "0, 1, 2", "failed"),
    ]
    assert groups[1].label == "no residual, no norm, no separable"
    assert groups[1].reason == "out of memory"


def test_a_study_that_is_complete_has_no_such_section(xyz: Study) -> None:
    assert unfinished.content(data_of(xyz, runs_of(xyz, failing=False))) is None


def test_rows_beyond_the_limit_are_counted(xyz: Study) -> None:
    runs = runs_of(xyz, seeds=7, failing=False)
    lost = runs["seed"] > 0
    runs.loc[lost, ["status", "test_accuracy"]] = ["failed", float("nan")]
    runs.loc[lost, "error"] = [f"reason {index}" for index in range(int(lost.sum()))]
    section = unfinished.content(data_of(xyz, runs))
    assert section is not None
    table, note = section.blocks
    assert isinstance(table, Table)
    assert isinstance(note, Paragraph)
    assert len(table.rows) == unfinished.MOST_GROUPS
    assert note.text == "And 8 more groups of runs; all are in report.json."
