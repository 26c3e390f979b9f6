from __future__ import annotations

import math

import pytest

from ablate.analysis.analyse import analyse
from ablate.report.decisions import decisive_effect
from ablate.report.sections.answer import content, part_rows
from ablate.report.wording import scale_of
from ablate.study.study import Study
from tests.report.simulated import data_of, runs_of


def test_rows_give_the_decisive_effect_of_each_part(xyz: Study) -> None:
    analysis = analyse(runs_of(xyz), xyz)
    scale = scale_of(xyz)
    for row, component in zip(part_rows(analysis, scale), analysis.components, strict=True):
        effect = decisive_effect(component)
        assert effect is component.full
        assert effect is not None
        assert row.verdict == effect.verdict
        assert row.estimate == scale.signed(effect.estimate)
        assert row.interval == scale.signed_interval(effect.low, effect.high)


def test_rows_name_what_removal_changes_in_each_cost(xyz: Study) -> None:
    analysis = analyse(runs_of(xyz), xyz)
    by_name = {row.name: row for row in part_rows(analysis, scale_of(xyz))}
    assert by_name["separable"].saves[:2] == ("×\u00a03.9", "×\u00a06.4")
    assert by_name["residual"].saves[:2] == ("0\u00a0%", "0\u00a0%")


def test_a_bar_has_its_zero_in_the_middle_and_its_interval_inside(xyz: Study) -> None:
    analysis = analyse(runs_of(xyz), xyz)
    for row in part_rows(analysis, scale_of(xyz)):
        assert row.bar is not None
        assert row.bar.zero == pytest.approx(120)
        assert row.bar.margin_low + row.bar.margin_width / 2 == pytest.approx(120, abs=0.1)
        assert row.bar.low >= 0
        assert row.bar.low + row.bar.width <= 240.1
        assert math.isfinite(row.bar.estimate)


def test_words_are_explained_at_their_first_use(xyz: Study) -> None:
    folds = [block for block in content(data_of(xyz)).blocks if block.kind == "fold"]
    assert [fold.title for fold in folds] == ["Each part in words", "What the words mean"]
