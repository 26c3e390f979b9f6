from __future__ import annotations

from dataclasses import replace

import pytest

from ablate.analysis.analyse import analyse
from ablate.report.blocks import Strong, Table
from ablate.report.cells import BEST, FULL
from ablate.report.sections.effects_table import content as effects
from ablate.report.sections.grid_table import content, grid_of
from ablate.study.study import Study
from tests.report.simulated import data_of, runs_of


def test_a_part_has_a_tick_or_a_dash_in_each_row(xyz: Study) -> None:
    grid = grid_of(analyse(runs_of(xyz), xyz))
    assert [row.number for row in grid.rows] == list(range(1, 9))
    assert [mark.sign for mark in grid.rows[0].marks] == ["✓", "✓", "✓"]
    assert [mark.sign for mark in grid.rows[6].marks] == ["–", "–", "✓"]
    assert grid.has_switches
    assert not grid.has_words


def test_other_levels_are_named_and_the_reference_is_marked(chapter: Study) -> None:
    grid = grid_of(analyse(runs_of(chapter), chapter))
    marks = grid.rows[2].marks
    assert [(mark.sign, mark.level) for mark in marks] == [
        ("✓", "present"),
        ("●", "before_activation"),
        ("○", "conv2d"),
        ("●", "max_pool"),
    ]
    assert grid.has_words


def test_full_model_and_best_mean_are_marked_in_words(xyz: Study) -> None:
    analysis = analyse(runs_of(xyz), xyz)
    rows = grid_of(analysis).rows
    assert FULL in rows[0].tags
    best = analysis.cells["test_accuracy_mean"].idxmax()
    assert [row.number for row in rows if BEST in row.tags] == [best + 1]


def test_a_cell_without_results_is_a_dash_with_a_note(xyz: Study) -> None:
    runs = runs_of(xyz)
    lost = runs["cell"] == runs["cell"].unique()[7]
    runs.loc[lost, ["status", "error", "test_accuracy"]] = ["failed", "out of memory", float("nan")]
    row = grid_of(analyse(runs, xyz)).rows[7]
    assert (row.mean, row.interval, row.difference, row.n) == ("—", "—", "—", "0")
    assert row.short
    assert row.whisker is None


def test_one_cell_that_did_not_learn_does_not_squeeze_the_others(xyz: Study) -> None:
    runs = runs_of(xyz, failing=False)
    lost = runs["cell"] == runs["cell"].unique()[7]
    runs.loc[lost, "test_accuracy"] = 0.1
    whiskers = [row.whisker for row in grid_of(analyse(runs, xyz)).rows]
    assert whiskers[7] is not None
    assert not whiskers[7].inside
    others = [whisker for whisker in whiskers[:7] if whisker is not None and whisker.inside]
    assert len(others) == 7
    assert max(w.mean for w in others) - min(w.mean for w in others) > 25


def test_the_difference_shown_is_that_of_the_effects(xyz: Study) -> None:
    data = data_of(xyz, runs_of(xyz, failing=False))
    row = grid_of(data.analysis).rows[2]  # without norm
    section = effects(data)
    assert section is not None
    table = section.blocks[0]
    assert isinstance(table, Table)
    simple = next(texts for texts in table.rows if texts[:2] == ("norm", "in the full model"))
    assert row.difference.replace("−", "+") == simple[2]


def test_further_responses_have_a_column_and_costs_are_not_shown_twice(xyz: Study) -> None:
    further = xyz.responses[0]
    names = ("val_loss", "train_seconds")
    study = replace(
        xyz, responses=(further, *(replace(further, name=name, unit="") for name in names))
    )
    table = content(data_of(study)).blocks[0]
    assert isinstance(table, Table)
    titles = [column.title for column in table.columns]
    assert titles.count("val loss") == 1
    assert "train seconds" not in titles
    assert len({len(row) for row in table.rows}) == 1


@pytest.mark.parametrize("name", ["xyz", "chapter"])
def test_a_paper_shows_neither_row_numbers_nor_tags(
    name: str, request: pytest.FixtureRequest
) -> None:
    table = content(data_of(request.getfixturevalue(name))).blocks[0]
    assert isinstance(table, Table)
    shown = table.for_paper()
    assert "" not in [column.title for column in shown.columns]
    assert all(len(row) == len(shown.columns) for row in shown.rows)
    assert any(isinstance(text, Strong) for text in shown.rows[0])
