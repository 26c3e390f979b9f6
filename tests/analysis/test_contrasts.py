from __future__ import annotations

import numpy as np
import pytest
from pytest import param

from ablate.analysis.contrasts import contrasts_of
from ablate.study.design import Cell, cells_of
from ablate.study.study import Factor, Level
from tests.analysis.planted import study_of

NORM = Factor("norm", (Level("before"), Level("after"), Level("none")))
XYZ = study_of("x", "y", "z")


def cells(*rows: str) -> list[Cell]:
    """Cells of x, y, z: ``+`` is present, ``-`` is absent."""
    words = {"+": "present", "-": "absent"}
    return [Cell(tuple(zip("xyz", (words[sign] for sign in row), strict=True))) for row in rows]


def estimable(design: list[Cell]) -> set[str]:
    return {f"{item.kind} {item.name}" for item in contrasts_of(XYZ, design)}


def test_full_factorial_estimates_everything():
    found = contrasts_of(XYZ, cells_of(XYZ), order=3)

    assert [item.name for item in found if item.kind == "simple"] == ["x", "y", "z"]
    assert [item.name for item in found if item.kind == "main"] == ["x", "y", "z"]
    assert [item.name for item in found if item.kind == "interaction"] == [
        "x:y",
        "x:z",
        "y:z",
        "x:y:z",
    ]


def test_three_factor_interactions_need_a_higher_order():
    assert not any(len(item.moves) == 3 for item in contrasts_of(XYZ, cells_of(XYZ)))


@pytest.mark.parametrize(
    ("design", "expected"),
    [
        param(
            cells("+++", "-++", "+-+", "++-"),
            {"simple x", "simple y", "simple z"},
            id="leave one out estimates effects in the full model only",
        ),
        param(
            cells("+++", "+--", "-+-", "--+"),
            {"main x", "main y", "main z"},
            id="a half fraction estimates averages, confused with interactions",
        ),
        param(
            cells("---", "+--", "-+-", "--+"),
            set(),
            id="one in estimates nothing about the full model",
        ),
        param(
            cells("+++", "-++", "+-+", "--+"),
            {"simple x", "simple y", "main x", "main y", "interaction x:y"},
            id="a factor that never changes is no component",
        ),
    ],
)
def test_design_estimates_what_it_can(design, expected):
    assert estimable(design) == expected


def test_interactions_of_a_resolution_four_fraction_share_their_sum():
    study = study_of("a", "b", "c", "d")
    half = [
        cell
        for cell in cells_of(study)
        if sum(level == "absent" for _, level in cell.levels) % 2 == 0
    ]
    weights = {item.name: item.weights for item in contrasts_of(study, half)}

    assert weights["a:b"] == pytest.approx(weights["c:d"])
    assert weights["a"].shape == (8,)


def test_a_factor_with_three_levels_has_two_effects():
    study = study_of("x", NORM)
    found = {f"{item.kind} {item.name}": item for item in contrasts_of(study, cells_of(study))}

    assert list(found) == [
        "simple x",
        "simple norm=after",
        "simple norm=none",
        "main x",
        "main norm=after",
        "main norm=none",
        "interaction x:norm=after",
        "interaction x:norm=none",
    ]
    # Cells: x present with before, after, none; then x absent with the same.
    assert found["main x"].weights == pytest.approx(np.array([1, 1, 1, -1, -1, -1]) / 3)
    assert found["main norm=none"].weights == pytest.approx(np.array([1, 0, -1, 1, 0, -1]) / 2)
    assert found["interaction x:norm=none"].weights == pytest.approx(np.array([1, 0, -1, -1, 0, 1]))
