from __future__ import annotations

from dataclasses import replace

import pytest

from ablate.analysis.analyse import analyse
from ablate.report import table
from ablate.report.sentences import component_sentence
from ablate.study.study import Response, Study
from tests.report.simulated import runs_of


def test_the_grid_has_a_row_a_cell_with_a_tick_or_a_dash_per_part(xyz: Study) -> None:
    grid = table.grid(analyse(runs_of(xyz), xyz))
    assert [row.number for row in grid.rows] == list(range(1, 9))
    assert [mark.sign for mark in grid.rows[0].marks] == ["✓", "✓", "✓"]
    assert [mark.sign for mark in grid.rows[6].marks] == ["–", "–", "✓"]
    assert grid.parted
    assert not grid.worded


def test_other_levels_are_named_and_the_reference_is_marked(chapter: Study) -> None:
    grid = table.grid(analyse(runs_of(chapter), chapter))
    marks = grid.rows[2].marks
    assert [(mark.sign, mark.level) for mark in marks] == [
        ("✓", "present"),
        ("●", "before_activation"),
        ("○", "conv2d"),
        ("●", "max_pool"),
    ]
    assert grid.worded


def test_full_model_and_best_mean_are_marked_in_words(xyz: Study) -> None:
    analysis = analyse(runs_of(xyz), xyz)
    rows = table.grid(analysis).rows
    assert table.FULL in rows[0].tags
    best = analysis.cells["test_accuracy_mean"].idxmax()
    assert [row.number for row in rows if table.BEST in row.tags] == [best + 1]


def test_the_best_of_a_response_to_be_lowered_is_the_lowest(xyz: Study) -> None:
    study = replace(xyz, responses=(Response("val_loss", "lower"),))
    analysis = analyse(runs_of(xyz), study)
    lowest = analysis.cells["val_loss_mean"].idxmin()
    assert table.best_cells(analysis) == {analysis.cells["cell"][lowest]}


def test_cells_that_tie_are_all_best(xyz: Study) -> None:
    runs = runs_of(xyz, failing=False)
    runs["test_accuracy"] = 0.5
    assert len(table.best_cells(analyse(runs, xyz))) == 8


def test_a_cell_without_results_is_a_dash_with_a_note(xyz: Study) -> None:
    runs = runs_of(xyz)
    gone = runs["cell"] == runs["cell"].unique()[7]
    runs.loc[gone, ["status", "error", "test_accuracy"]] = ["failed", "out of memory", float("nan")]
    analysis = analyse(runs, xyz)
    row = table.grid(analysis).rows[7]
    assert (row.mean, row.interval, row.difference, row.n) == ("—", "—", "—", "0")
    assert row.short
    assert row.whisker is None
    lost = table.unfinished(analysis, runs)
    assert [(item.number, item.seeds, item.status) for item in lost] == [
        (5, "1", "diverged"),
        (8, "0, 1, 2", "failed"),
    ]
    assert lost[1].label == "no residual, no norm, no separable"
    assert lost[1].reason == "out of memory"


def test_one_dead_cell_does_not_squeeze_the_others(xyz: Study) -> None:
    runs = runs_of(xyz, failing=False)
    dead = runs["cell"] == runs["cell"].unique()[7]
    runs.loc[dead, "test_accuracy"] = 0.1
    grid = table.grid(analyse(runs, xyz))
    whiskers = [row.whisker for row in grid.rows]
    assert not whiskers[7].inside
    assert all(whisker.inside for whisker in whiskers[:7])
    assert max(w.mean for w in whiskers[:7]) - min(w.mean for w in whiskers[:7]) > 25


def test_the_difference_shown_is_that_of_the_effects(xyz: Study) -> None:
    analysis = analyse(runs_of(xyz, failing=False), xyz)
    row = table.grid(analysis).rows[2]  # without norm
    effect = table.effect_rows(analysis, interactions=False)
    simple = next(e for e in effect if e.name == "norm" and e.reading == "in the full model")
    assert row.difference.replace("−", "+") == simple.estimate


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("residual", "residual"),
        ("norm=none", "norm: before_activation vs none"),
        ("conv", "conv: separable vs conv2d"),
        ("residual:norm=none", "residual × norm=none"),
    ],
)
def test_effects_are_named_by_what_they_compare(chapter: Study, name: str, expected: str) -> None:
    assert table.effect_name(name, table.component_names(chapter)) == expected


def test_claims_give_both_verdicts_and_the_sentence(xyz: Study) -> None:
    analysis = analyse(runs_of(xyz), xyz)
    for claim, component in zip(table.claims(analysis), analysis.components, strict=True):
        assert claim.full == component.full.verdict
        assert claim.average == component.average.verdict
        assert claim.sentence.replace("\u00a0", " ") == component_sentence(component, xyz)
