"""Widths that give a model its size: against trying every multiplier."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablate.errors import RequestError
from ablate.models.widths import WIDEST, Widths, solve_widths


def convolutions(widths: Widths) -> int:
    """Parameters of 3x3 convolutions in a row, from one channel to ten classes."""
    pairs = zip((1, *widths), (*widths, 10), strict=True)
    return sum(9 * before * after + after for before, after in pairs)


def every_multiplier(widths: Widths, most: float) -> set[Widths]:
    """All widths that a multiplier up to `most` gives: one changes at each edge."""
    edges = {(step + 0.5) / width for width in widths for step in range(int(most * width) + 2)}
    around = sorted({edge + shift for edge in edges for shift in (-1e-7, 1e-7)})
    return {tuple(max(1, round(width * factor)) for width in widths) for factor in around}


@given(
    widths=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    target=st.integers(200, 40_000),
)
def test_no_multiplier_comes_nearer(widths: list[int], target: int) -> None:
    found, size = solve_widths(widths, target, count=convolutions)
    assert size == convolutions(found)
    most = 2 * max(found) / max(widths) + 2
    best = min(
        abs(math.log(convolutions(each) / target)) for each in every_multiplier(tuple(widths), most)
    )
    assert abs(math.log(size / target)) == pytest.approx(best)


def test_the_own_size_keeps_the_widths() -> None:
    widths = (24, 48, 96)
    assert solve_widths(widths, convolutions(widths), count=convolutions)[0] == widths


def test_a_model_is_built_once_for_each_widths_and_seldom() -> None:
    built: list[Widths] = []

    def count(widths: Widths) -> int:
        built.append(widths)
        return convolutions(widths)

    solve_widths((16, 32, 64), 500_000, count=count)
    assert len(built) == len(set(built)) < 16


@pytest.mark.parametrize("target", [40_000, 10**12])
def test_no_model_is_built_that_is_wider_than_the_widest(target: int) -> None:
    built: list[int] = []

    def count(widths: Widths) -> int:
        built.append(widths[0])
        return widths[0]

    if target > WIDEST:
        with pytest.raises(RequestError, match=r"with widths of \[65536\] it has 65,536"):
            solve_widths((4,), target, count=count)
    else:
        assert solve_widths((4,), target, count=count) == ((target,), target)
    assert max(built) <= WIDEST


@pytest.mark.parametrize(
    ("target", "count", "message"),
    [
        (
            5,
            convolutions,
            "Expected a model that can be as small as 5; with widths of 1 it has 120",
        ),
        (500, lambda widths: 100, "Expected a model that can be as large as 500; with widths of"),
    ],
    ids=["too_small", "too_large"],
)
def test_a_size_out_of_reach_is_refused(target: int, count: object, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        solve_widths((4, 4), target, count=count)  # type: ignore[arg-type]
