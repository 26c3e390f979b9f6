from __future__ import annotations

import itertools

import numpy as np
import pydoe
import pytest
from pytest import param

from ablate.errors import RequestError
from ablate.study.design import DESIGNS, Cell, cells_of
from ablate.study.file import study_from_mapping
from ablate.study.study import Factor, Study
from tests.study.factors import factor

SKIP = factor("skip", "present", "absent")
NORM = factor("norm", "bn", "ln", "none")
LETTERS = "ABCDEFGHIJKLMOPQRSTUVWXZ"  # no level can be called N or Y


def parts(count: int) -> tuple[Factor, ...]:
    return tuple(factor(letter, letter, "-") for letter in LETTERS[:count])


def names(cells: list[Cell]) -> list[str]:
    return [" ".join(level for _, level in cell.levels) for cell in cells]


def signs(study: Study) -> np.ndarray:
    """1 at the reference and -1 off it, shape `(cells, factors)`."""
    reference = study.reference
    return np.array(
        [
            [1 if level == reference[name] else -1 for name, level in cell.levels]
            for cell in cells_of(study)
        ]
    )


@pytest.mark.parametrize(
    ("design", "factors", "expected"),
    [
        param(
            "full_factorial",
            (SKIP, NORM),
            ["present bn", "present ln", "present none", "absent bn", "absent ln", "absent none"],
            id="full_factorial_last_factor_varies_fastest",
        ),
        param("full_factorial", (SKIP,), ["present", "absent"], id="full_factorial_of_one"),
        param(
            "leave_one_out",
            parts(3),
            ["A B C", "- B C", "A - C", "A B -"],
            id="leave_one_out",
        ),
        param(
            "leave_one_out",
            (SKIP, NORM),
            ["present bn", "absent bn", "present ln", "present none"],
            id="leave_one_out_has_every_level",
        ),
        param("one_in", parts(3), ["- - -", "A - -", "- B -", "- - C"], id="one_in"),
        param("one_in", parts(1), ["-", "A"], id="one_in_of_one"),
        param(
            "leave_one_out_and_one_in",
            parts(4),
            [
                *("A B C D", "- B C D", "A - C D", "A B - D", "A B C -"),
                *("- - - -", "A - - -", "- B - -", "- - C -", "- - - D"),
            ],
            id="leave_one_out_and_one_in",
        ),
        param(
            "leave_one_out_and_one_in",
            parts(2),
            ["A B", "- B", "A -", "- -"],
            id="leave_one_out_and_one_in_visits_no_cell_twice",
        ),
        param(
            "pairs",
            parts(3),
            ["A B C", "A - -", "- B -", "- - C", "A B -", "A - C", "- B C"],
            id="pairs_is_the_grid_of_the_book",
        ),
        param("pairs", parts(2), ["A B", "A -", "- B"], id="pairs_of_two"),
        param(
            "plackett_burman",
            parts(3),
            ["A B C", "A - -", "- B -", "- - C"],
            id="plackett_burman_in_the_order_of_the_full_factorial",
        ),
    ],
)
def test_a_design_has_cells(design: str, factors: tuple[Factor, ...], expected: list[str]) -> None:
    assert names(cells_of(Study("mine", factors, design=design))) == expected


def test_cells_have_different_slugs_whatever_their_levels_are_called() -> None:
    one, other = Cell((("a", "x,b=y"), ("b", "z"))), Cell((("a", "x"), ("b", "y,b=z")))
    assert one.name.replace(" ", "") == other.name.replace(" ", "")
    assert one.slug != other.slug
    assert Cell((("a", "x"), ("b", "y"))).slug == "a=x,b=y"


def test_a_fraction_of_three_factors_has_half_the_cells() -> None:
    study = Study("mine", parts(3), design="fractional_factorial", resolution=3)
    assert names(cells_of(study)) == ["A B C", "A - -", "- B -", "- - C"]


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6, 7, 9])
@pytest.mark.parametrize("design", sorted(set(DESIGNS) - {"cells"}))
def test_the_cells_of_a_design_differ_and_the_reference_is_first(design: str, count: int) -> None:
    resolution = 4 if design == "fractional_factorial" else None
    study = Study("mine", parts(count), design=design, resolution=resolution)
    cells = cells_of(study)
    assert len(set(cells)) == len(cells)
    reference = Cell(tuple(study.reference.items()))
    assert reference not in cells if design == "one_in" else cells[0] == reference


@pytest.mark.parametrize(
    ("count", "resolution", "cells"),
    [
        param(3, 3, 4, id="2^(3-1)_III"),
        param(5, 3, 8, id="2^(5-2)_III"),
        param(7, 3, 8, id="2^(7-4)_III"),
        param(9, 3, 16, id="2^(9-5)_III"),
        param(3, 4, 8, id="2^3"),
        param(4, 4, 8, id="2^(4-1)_IV"),
        param(6, 4, 16, id="2^(6-2)_IV"),
        param(8, 4, 16, id="2^(8-4)_IV"),
        param(5, 5, 16, id="2^(5-1)_V"),
        param(6, 5, 32, id="2^(6-1)_VI"),
        param(8, 5, 64, id="2^(8-2)_V"),
    ],
)
def test_a_fraction_has_the_published_size_and_its_resolution(
    count: int, resolution: int, cells: int
) -> None:
    study = Study("mine", parts(count), design="fractional_factorial", resolution=resolution)
    table = signs(study)
    assert table.shape == (cells, count)
    # A word of the defining relation is a set of columns whose product never changes.
    words = [
        chosen
        for size in range(1, count + 1)
        for chosen in itertools.combinations(range(count), size)
        if abs(table[:, list(chosen)].prod(axis=1).sum()) == cells
    ]
    assert 2**count == cells * (len(words) + 1)
    assert all(len(word) >= resolution for word in words)


@pytest.mark.parametrize("count", range(2, 24))
def test_the_columns_of_plackett_burman_are_orthogonal(count: int) -> None:
    table = signs(Study("mine", parts(count), design="plackett_burman"))
    assert len(table) == 4 * (count // 4 + 1)
    assert (table[0] == 1).all()
    assert (table.sum(axis=0) == 0).all()
    assert (table.T @ table == len(table) * np.eye(count)).all()


def test_a_fraction_has_the_runs_of_pydoe() -> None:
    study = Study("mine", parts(6), design="fractional_factorial", resolution=4)
    expected = {tuple(row) for row in pydoe.fracfact_by_res(6, 4)}
    assert {tuple(row) for row in signs(study)} == expected


def by_hand(*cells: dict[str, str]) -> Study:
    return Study(
        "mine", (SKIP, NORM), design="cells", cells=tuple(tuple(cell.items()) for cell in cells)
    )


def test_listed_cells_keep_their_order_after_the_reference() -> None:
    study = by_hand({"norm": "none", "skip": "absent"}, {"norm": "ln"}, {})
    assert names(cells_of(study)) == ["present bn", "absent none", "present ln"]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        param([], "received 0 cells without skip=present, norm=bn", id="none"),
        param([{"norm": "ln"}, {"skip": "absent"}], "the full model, {}", id="no_reference"),
        param([{}, {"skip": "absent"}, {"norm": "bn"}], "is listed twice", id="twice_by_default"),
        param([{}, {"skp": "absent"}], "Did you mean 'skip'", id="unknown_factor"),
        param([{}, {"skip": "absnt"}], "Did you mean 'absent'", id="unknown_level"),
        param(
            [{}, {"skip": "absent"}, {"norm": "ln"}], "none has norm=none", id="level_in_no_cell"
        ),
    ],
)
def test_bad_lists_of_cells_are_refused(cells: list[dict[str, str]], message: str) -> None:
    with pytest.raises(RequestError) as refused:
        cells_of(by_hand(*cells))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("study", "message"),
    [
        *[
            param(
                Study("mine", (SKIP, NORM), design=design, resolution=resolution),
                "Expected factors with two levels",
                id=f"{design}_of_three_levels",
            )
            for design, resolution in [
                ("one_in", None),
                ("leave_one_out_and_one_in", None),
                ("pairs", None),
                ("fractional_factorial", 3),
                ("plackett_burman", None),
            ]
        ],
        *[
            param(
                Study("mine", (SKIP,), design=design, resolution=resolution),
                "Expected two or more factors",
                id=f"{design}_of_one_factor",
            )
            for design, resolution in [
                ("pairs", None),
                ("fractional_factorial", 3),
                ("plackett_burman", None),
            ]
        ],
        param(
            Study("mine", parts(4), design="fractional_factorial"),
            "Expected study.resolution",
            id="fraction_without_resolution",
        ),
        param(
            Study("mine", parts(24), design="plackett_burman"),
            "at most 23 factors",
            id="plackett_burman_of_24",
        ),
        param(
            Study("mine", parts(3), resolution=4),
            "study.design=fractional_factorial or study.resolution=null",
            id="resolution_without_use",
        ),
        param(
            Study("mine", parts(3), design="pairs", cells=((),)),
            "study.design=cells or study.cells=null",
            id="cells_without_use",
        ),
        param(
            Study("mine", (SKIP,), design="full_factoral"),
            "Did you mean 'full_factorial'",
            id="unknown_design",
        ),
    ],
)
def test_a_design_that_does_not_fit_is_refused_in_one_line(study: Study, message: str) -> None:
    with pytest.raises(RequestError) as refused:
        cells_of(study)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("changes", [{"design": "fractional_factorial", "resolution": 3},
                                     {"design": "cells", "cells": [{}, {"A": "-", "B": "-"}]}],
                         ids=["resolution", "cells"])  # fmt: skip
def test_a_study_file_keeps_the_design(changes: dict) -> None:
    plain = Study("mine", parts(2)).as_mapping()
    assert study_from_mapping(plain) == Study("mine", parts(2))
    study = study_from_mapping({**plain, **changes})
    assert study_from_mapping(study.as_mapping()) == study
    assert names(cells_of(study))[-1] == "- -"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        param({"resolution": 6}, "to be 3, 4 or 5; received 6", id="resolution"),
        param({"resolution": "IV"}, "to be 3, 4 or 5; received 'IV'", id="resolution_as_word"),
        param({"cells": {"A": "-"}}, "study.cells to be a list", id="cells_as_mapping"),
        param({"cells": ["A"]}, "each of study.cells as {factor: level}", id="cell_as_word"),
    ],
)
def test_bad_keys_of_a_design_are_refused_in_one_line(changes: dict, message: str) -> None:
    with pytest.raises(RequestError) as refused:
        study_from_mapping({**Study("mine", parts(2)).as_mapping(), **changes})
    assert message in str(refused.value)


@pytest.mark.parametrize(
    "level",
    ["../../x", "a/b", "x" * 300, "<script>", "a\nb", "é", "=cmd()"],
)
def test_a_slug_is_a_safe_and_unique_folder_name(level: str) -> None:
    slug = Cell((("factor", level),)).slug
    assert "/" not in slug
    assert "\n" not in slug
    assert not slug.startswith(".")
    assert slug.isascii()
    assert len(slug) <= 100
    assert slug != Cell((("factor", level + " "),)).slug
