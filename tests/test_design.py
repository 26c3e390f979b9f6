from __future__ import annotations

import pytest
from pytest import param

from ablate.design import Cell, cells_of, full_factorial, runs_of
from ablate.study import Factor, Level, Refusal, Study


def factor(name: str, *levels: str) -> Factor:
    return Factor(name, tuple(Level(level) for level in levels))


SKIP = factor("skip", "present", "absent")
NORM = factor("norm", "bn", "ln", "none")


def names(cells: list[Cell]) -> list[str]:
    return [" ".join(level for _, level in cell.levels) for cell in cells]


@pytest.mark.parametrize(
    ("design", "factors", "expected"),
    [
        param(
            full_factorial,
            [SKIP, NORM],
            ["present bn", "present ln", "present none", "absent bn", "absent ln", "absent none"],
            id="last_factor_varies_fastest",
        ),
        param(full_factorial, [SKIP], ["present", "absent"], id="reference_first"),
    ],
)
def test_design_visits(design, factors: list[Factor], expected: list[str]) -> None:
    assert names(design(factors)) == expected


def test_runs_of_all_cells_share_their_seeds() -> None:
    study = Study("mine", (SKIP, NORM), replicates=3)
    runs = runs_of(study)
    assert len(runs) == 18
    for cell in cells_of(study):
        assert [run.seed for run in runs if run.cell == cell] == [0, 1, 2]


def test_an_unknown_design_is_answered_with_the_known_ones() -> None:
    with pytest.raises(Refusal, match="Did you mean 'full_factorial'"):
        cells_of(Study("mine", (SKIP,), design="full_factoral"))


@pytest.mark.parametrize(
    "level",
    ["../../x", "a/b", "x" * 300, "<script>", "a\nb", "é", "=cmd()"],
)
def test_a_slug_is_a_safe_and_unique_name_of_a_folder(level: str) -> None:
    slug = Cell((("factor", level),)).slug
    assert "/" not in slug
    assert "\n" not in slug
    assert not slug.startswith(".")
    assert slug.isascii()
    assert len(slug) <= 100
    assert slug != Cell((("factor", level + " "),)).slug
