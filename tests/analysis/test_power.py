from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.stats.power import TTestPower

from ablate.analysis.estimates import ALPHA, estimate
from ablate.analysis.findings import Verdict
from ablate.analysis.power import (
    MOST_SEEDS,
    Knowledge,
    detectable_effect,
    further_seeds,
    seeds_below_margin,
    seeds_beside_margin,
    smallest_detectable,
)
from ablate.analysis.verdicts import VERDICTS, judge

WEIGHTS = np.array([[1.0, -1.0]])


@pytest.mark.parametrize("n", [2, 3, 5, 12])
def test_smallest_effect_is_that_of_a_t_tests_power(n):
    alone = TTestPower().power(smallest_detectable(1.0, n) / math.sqrt(2), n, ALPHA)
    among_six = TTestPower().power(
        smallest_detectable(1.0, n, tests=6) / math.sqrt(2), n, ALPHA / 6
    )

    assert alone == pytest.approx(0.8, abs=0.002)
    if n > 3:  # SciPy's noncentral t, on which statsmodels rests, fails far out at few df.
        assert among_six == pytest.approx(0.8, abs=0.002)


def test_the_smallest_effect_scales_with_the_spread():
    assert smallest_detectable(0.3, 5) == pytest.approx(0.3 * smallest_detectable(1.0, 5))
    assert math.isnan(smallest_detectable(1.0, 1))
    assert math.isnan(detectable_effect(math.nan, 4))


@pytest.mark.parametrize("truth", [0.0, 1.0, 1.5, -1.5])
def test_the_upper_end_of_further_seeds_decides_four_of_five_studies(truth):
    rng = np.random.default_rng(0)
    decided = []
    for _ in range(60):
        runs = truth + 1.2 * rng.standard_normal((5, 1))
        found = estimate(np.hstack([runs, np.zeros((5, 1))]), WEIGHTS, paired=True)
        if VERDICTS[judge(found, 1.0)[0]] is not Verdict.UNDECIDED:
            continue
        known = Knowledge(float(found.estimate[0]), float(found.error[0]), 4.0, 5)
        seeds = further_seeds(known, margin=1.0, levels=(ALPHA, ALPHA))
        more = np.vstack([runs, truth + 1.2 * rng.standard_normal((seeds.high, 1))])
        found = estimate(np.hstack([more, np.zeros_like(more)]), WEIGHTS, paired=True)
        decided.append(VERDICTS[judge(found, 1.0)[0]] is not Verdict.UNDECIDED)
        assert 1 <= seeds.low <= seeds.high

    assert len(decided) > 5
    assert np.mean(decided) >= 0.8


def test_further_seeds_are_unknown_without_a_spread_or_if_too_many():
    levels = (ALPHA / 3, ALPHA)

    assert further_seeds(Knowledge(0.5, math.nan, 0, 1), margin=1.0, levels=levels) is None
    assert seeds_below_margin(Knowledge(9.0, 0.1, 2, 3), margin=1.0, level=ALPHA) is None


def test_an_open_upper_end_is_the_largest_number():
    seeds = further_seeds(Knowledge(0.5, 40.0, 9, 10), margin=1.0, levels=(ALPHA, ALPHA))

    assert seeds.low < seeds.high == MOST_SEEDS


def test_two_alternatives_need_more_seeds_where_only_a_loss_would_be_excluded():
    known = Knowledge(-1.2, 0.8, 4, 5)
    part, alternatives = (
        further_seeds(known, margin=1.0, levels=(ALPHA, ALPHA), alternatives=choice)
        for choice in (False, True)
    )

    assert part.high < alternatives.high


def test_a_loss_far_below_the_margin_needs_few_seeds():
    near, far = (
        seeds_below_margin(Knowledge(loss, 0.5, 4, 5), margin=1.0, level=ALPHA) for loss in (0.5, 0)
    )

    assert far.high < near.high


def test_an_effect_near_the_margin_needs_many_seeds_to_place_it():
    far, near, at = (
        seeds_beside_margin(Knowledge(effect, 0.2, 9, 10), margin=1.0, level=ALPHA)
        for effect in (0.3, 0.7, 1.0)
    )

    assert far.high < near.high < at.high == MOST_SEEDS


def test_more_seeds_detect_smaller_effects():
    sizes = [smallest_detectable(1.0, n, tests=6) for n in range(2, 12)]
    assert np.all(np.diff(sizes) < 0)
