"""Printed effects of two textbook experiments, fed as CSV."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from pytest import param
from scipy import stats

from ablate.analysis.analyse import analyse
from ablate.analysis.findings import Analysis, Withheld
from ablate.analysis.warnings import OneRunPerCell
from ablate.study.response import Response
from ablate.study.study import Factor, Level
from tests.analysis.planted import named, study_of

# Box, Hunter and Hunter, Statistics for Experimenters (2nd edition 2005), table 5.1: yield of a
# pilot plant by temperature, concentration and catalyst, two runs each.
PILOT_PLANT = """T,C,K,yield
low,low,A,59\nlow,low,A,61
high,low,A,74\nhigh,low,A,70
low,high,A,50\nlow,high,A,58
high,high,A,69\nhigh,high,A,67
low,low,B,50\nlow,low,B,54
high,low,B,81\nhigh,low,B,85
low,high,B,46\nlow,high,B,44
high,high,B,79\nhigh,high,B,81
"""

# Montgomery, Design and Analysis of Experiments (8th edition 2013), example 6.2: filtration rate
# by temperature, pressure, concentration and stirring, one run each in standard order.
FILTRATION_RATE = [45, 71, 48, 65, 68, 60, 80, 65, 43, 100, 45, 104, 75, 86, 70, 96]


def two_level(name: str, reference: str, other: str) -> Factor:
    return Factor(name, (Level(reference), Level(other)))


def pilot_plant(direction: str) -> Analysis:
    runs = pd.read_csv(io.StringIO(PILOT_PLANT)).assign(status="complete", seed=pd.NA)
    factors = (
        two_level("T", "high", "low"),
        two_level("C", "high", "low"),
        two_level("K", "B", "A"),
    )
    study = study_of(*factors, replicates=2, responses=(Response("yield", direction),))
    return analyse(runs, study, interaction_order=3)


def filtration_rate() -> Analysis:
    signs = np.array([[run >> bit & 1 for bit in range(4)] for run in range(16)])
    runs = pd.DataFrame(np.where(signs, "high", "low"), columns=list("ABCD"))
    runs = runs.assign(rate=FILTRATION_RATE, status="complete", seed=pd.NA)
    factors = [two_level(name, "high", "low") for name in "ABCD"]
    study = study_of(*factors, replicates=1, responses=(Response("rate", "higher"),))
    return analyse(runs, study, interaction_order=4)


def doubled(name: str, printed: float) -> float:
    """The printed effect as a difference of differences; books halve it for each further factor."""
    return printed * 2 ** name.count(":")


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("T", 23.0),
        ("C", -5.0),
        ("K", 1.5),
        ("T:C", 1.5),
        ("T:K", 10.0),
        ("C:K", 0.0),
        ("T:C:K", 0.5),
    ],
)
def test_pilot_plant_has_the_printed_effects(name, printed):
    kind = "interaction" if ":" in name else "main"

    expected = doubled(name, printed)
    assert named(pilot_plant("higher"), name, kind).estimate == pytest.approx(expected, abs=1e-12)
    assert named(pilot_plant("lower"), name, kind).estimate == pytest.approx(-expected, abs=1e-12)


def test_pilot_plant_has_the_printed_standard_error():
    effect = named(pilot_plant("higher"), "T", "main")

    # The book prints 1.4 from a pooled variance; equal n a cell gives Welch the same error.
    error = (effect.high - effect.low) / 2 / stats.t.ppf(0.975, effect.df)
    assert error == pytest.approx(effect.error)
    assert error == pytest.approx(1.4, abs=0.05)


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        param(name, effect, id=name)
        for name, effect in {
            "A": 21.625,
            "B": 3.125,
            "C": 9.875,
            "D": 14.625,
            "A:B": 0.125,
            "A:C": -18.125,
            "A:D": 16.625,
            "B:C": 2.375,
            "B:D": -0.375,
            "C:D": -1.125,
            "A:B:C": 1.875,
            "A:B:D": 4.125,
            "A:C:D": -1.625,
            "B:C:D": -2.625,
            "A:B:C:D": 1.375,
        }.items()
    ],
)
def test_filtration_rate_has_the_printed_effects(name, printed):
    kind = "interaction" if ":" in name else "main"

    expected = doubled(name, printed)
    assert named(filtration_rate(), name, kind).estimate == pytest.approx(expected, abs=1e-12)


def test_single_replicates_give_effects_without_intervals():
    analysis = filtration_rate()

    assert all(np.isnan([effect.low, effect.high, effect.p]).all() for effect in analysis.effects)
    assert {effect.withheld for effect in analysis.effects if effect.kind != "interaction"} == {
        Withheld.TOO_FEW_SEEDS
    }
    assert all(effect.verdict is None for effect in analysis.effects)
    assert isinstance(analysis.warnings[0], OneRunPerCell)
