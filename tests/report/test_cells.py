from __future__ import annotations

from dataclasses import replace

import pytest

from ablate.analysis.analyse import analyse
from ablate.report.cells import best_cells
from ablate.report.names import component_names, effect_name
from ablate.study.response import Response
from ablate.study.study import Study
from tests.report.simulated import runs_of


def test_the_best_of_a_response_to_be_lowered_is_the_lowest(xyz: Study) -> None:
    study = replace(xyz, responses=(Response("val_loss", "lower"),))
    analysis = analyse(runs_of(xyz), study)
    lowest = analysis.cells["val_loss_mean"].idxmin()
    assert best_cells(analysis) == {analysis.cells["cell"][lowest]}


def test_cells_that_tie_are_all_best(xyz: Study) -> None:
    runs = runs_of(xyz, failing=False)
    runs["test_accuracy"] = 0.5
    assert len(best_cells(analyse(runs, xyz))) == 8


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
    assert effect_name(name, component_names(chapter)) == expected
