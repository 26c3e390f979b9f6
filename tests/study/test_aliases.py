from __future__ import annotations

import itertools
import re

import pydoe
import pytest
from pytest import param

from ablate.study.aliases import aliases
from ablate.study.study import Factor, Study
from tests.study.factors import factor

NORM = factor("norm", "bn", "ln", "none")
LETTERS = "abcdefghijklmopqrstuvwx"  # no factor can be called n


def study(count: int, design: str, **keys: object) -> Study:
    factors = tuple(factor(letter, "present", "absent") for letter in LETTERS[:count])
    return Study("mine", factors, design=design, **keys)


def by_hand(factors: tuple[Factor, ...], *cells: dict[str, str]) -> Study:
    return Study("mine", factors, design="cells", cells=tuple(tuple(c.items()) for c in cells))


ONE_AT_A_TIME = ["no interaction can be estimated: the cells change one factor at a time"]
A, B, C = study(3, "pairs").factors


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        param(study(4, "full_factorial"), [], id="full_factorial"),
        param(Study("mine", (A, NORM)), [], id="full_factorial_of_three_levels"),
        param(study(1, "leave_one_out"), [], id="one_factor_has_no_interaction"),
        param(study(4, "leave_one_out"), ONE_AT_A_TIME, id="leave_one_out"),
        param(
            Study("mine", (A, NORM), design="leave_one_out"),
            ONE_AT_A_TIME,
            id="leave_one_out_of_three_levels",
        ),
        param(study(4, "one_in"), ONE_AT_A_TIME, id="one_in"),
        param(study(3, "leave_one_out_and_one_in"), [], id="both_of_three_is_the_full_factorial"),
        param(
            study(5, "leave_one_out_and_one_in"),
            ["no interaction can be separated from the others"],
            id="both_of_five",
        ),
        param(study(3, "pairs"), [], id="pairs_of_three"),
        param(study(5, "pairs"), [], id="pairs_of_five"),
        param(
            study(3, "fractional_factorial", resolution=3),
            ["a is confused with b:c", "b is confused with a:c", "c is confused with a:b"],
            id="2^(3-1)_III",
        ),
        param(
            study(5, "fractional_factorial", resolution=3),
            [
                "a is confused with b:d and c:e",
                "b is confused with a:d",
                "c is confused with a:e",
                "d is confused with a:b",
                "e is confused with a:c",
                "b:c is confused with d:e",
                "b:e is confused with c:d",
            ],
            id="2^(5-2)_III",
        ),
        param(
            study(4, "fractional_factorial", resolution=4),
            [
                "a:b is confused with c:d",
                "a:c is confused with b:d",
                "a:d is confused with b:c",
            ],
            id="2^(4-1)_IV",
        ),
        param(study(5, "fractional_factorial", resolution=5), [], id="2^(5-1)_V"),
        param(
            study(8, "plackett_burman"),
            [
                "main effects are partly confused with interactions of two other factors, "
                "by up to 0.33 of their size",
                "no interaction can be separated from the others",
            ],
            id="plackett_burman_of_twelve_cells",
        ),
        param(
            study(4, "plackett_burman"),
            [
                "a is confused with b:c",
                "b is confused with a:c",
                "c is confused with a:b",
            ],
            id="plackett_burman_of_eight_cells",
        ),
        param(
            by_hand((A, B), {}, {"a": "absent", "b": "absent"}),
            ["a is confused with b", "a:b is confused with the mean"],
            id="two_parts_moved_together",
        ),
        param(
            by_hand((A, NORM), {}, {"a": "absent", "norm": "ln"}, {"norm": "none"}),
            ["the cells cannot separate a, norm and a:norm"],
            id="three_levels_by_hand",
        ),
    ],
)
def test_a_design_confuses(asked: Study, expected: list[str]) -> None:
    assert aliases(asked) == expected


@pytest.mark.parametrize(
    ("count", "resolution"),
    [
        param(5, 3, id="2^(5-2)_III"),
        param(6, 3, id="2^(6-3)_III"),
        param(7, 3, id="2^(7-4)_III"),
        param(6, 4, id="2^(6-2)_IV"),
        param(8, 4, id="2^(8-4)_IV"),
        param(8, 5, id="2^(8-2)_V"),
    ],
)
def test_a_fraction_confuses_the_same_effects_as_in_pydoe(count: int, resolution: int) -> None:
    words = aliases(study(count, "fractional_factorial", resolution=resolution))
    groups = {
        frozenset(name.replace(":", "") for name in re.split(" is confused with |, | and ", line))
        for line in words
    }
    chains, _ = pydoe.fracfact_aliasing(pydoe.fracfact_by_res(count, resolution))
    expected = (
        frozenset(term for term in chain.split(" = ") if len(term) <= 2) for chain in chains
    )
    assert groups == {group for group in expected if len(group) > 1}


@pytest.mark.parametrize("count", [3, 4, 5, 6, 7, 12, 13, 14, 15])
def test_plackett_burman_of_a_power_of_two_confuses_fully(count: int) -> None:
    words = aliases(study(count, "plackett_burman"))
    assert words
    assert all(" is confused with " in line for line in words)


@pytest.mark.parametrize("count", [8, 9, 10, 11, 16, 19, 20, 23])
def test_plackett_burman_of_other_sizes_confuses_partly(count: int) -> None:
    words = aliases(study(count, "plackett_burman"))
    assert any(line.startswith("main effects are partly confused") for line in words)


def test_no_term_is_named_twice() -> None:
    words = " ".join(aliases(study(7, "fractional_factorial", resolution=3)))
    named = re.findall(r"\b[a-g]:[a-g]\b", words)
    assert sorted(named) == [
        f"{one}:{other}" for one, other in itertools.combinations("abcdefg", 2)
    ]
