from __future__ import annotations

import math

import pytest

from ablate.report import wording
from ablate.study.response import Response
from ablate.study.study import Factor, Level, Study


def study(unit: str = "fraction", margin: float = 0.01) -> Study:
    factors = (
        Factor("residual", (Level("present"), Level("absent"))),
        Factor("norm", (Level("batch"), Level("none"))),
    )
    return Study(
        "s", factors, margin=margin, responses=(Response("test_accuracy", "higher", unit),)
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.98765, "98.8\u00a0%"),
        (1.0, "100.0\u00a0%"),
        (math.nan, "—"),
        (-0.000001, "0.0\u00a0%"),
    ],
)
def test_fractions_are_written_in_percent(value: float, expected: str) -> None:
    assert wording.scale_of(study()).value(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(0.0123, "+1.2"), (-0.0123, "−1.2"), (0.0, "0.0"), (math.nan, "—")]
)
def test_differences_have_a_sign_and_a_true_minus(value: float, expected: str) -> None:
    assert wording.scale_of(study()).signed(value) == expected


@pytest.mark.parametrize(
    ("unit", "margin", "digits"),
    [("fraction", 0.01, 1), ("fraction", 0.001, 2), ("", 0.03, 3), ("", 50.0, 0), ("s", 1.0, 1)],
)
def test_decimals_follow_the_margin(unit: str, margin: float, digits: int) -> None:
    assert wording.scale_of(study(unit, margin)).digits == digits


def test_a_margin_below_the_digits_is_not_shown_as_0() -> None:
    assert wording.amount(study("", 1e-12), 1e-12) == "1e-12"
    assert wording.scale_of(study("", 1e-12)).size(0.0).strip("0.") == ""


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ({"residual": "present", "norm": "batch"}, "full model"),
        ({"residual": "absent", "norm": "batch"}, "no residual"),
        ({"residual": "absent", "norm": "none"}, "no residual, norm=none"),
    ],
)
def test_a_cell_is_described_by_its_difference_from_the_full_model(
    levels: dict[str, str], expected: str
) -> None:
    assert wording.describe(study(), levels) == expected
