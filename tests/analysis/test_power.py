from __future__ import annotations

import math

import numpy as np
import pytest
from pytest import param
from statsmodels.stats.power import TTestPower

from ablate.analysis.estimates import ALPHA
from ablate.analysis.power import detectable_effect, further_seeds, smallest_detectable


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


@pytest.mark.parametrize(
    ("estimate", "reason"),
    [
        param(0.1, "not needed", id="small effects are shown to be small"),
        param(2.5, "needed", id="large effects are shown not to be 0"),
        param(-3.0, "not needed", id="negative ones to be below the margin first"),
    ],
)
def test_further_seeds_decide_in_four_of_five_studies(estimate, reason):
    spread, n, levels = 3.0, 4, (ALPHA / 6, ALPHA)
    more = further_seeds(estimate, spread / math.sqrt(n), df=n - 1, n=n, margin=1.0, levels=levels)
    total = n + more
    if reason == "not needed":
        power = TTestPower().power(
            (1.0 - estimate) / spread, total, levels[1] / 2, alternative="larger"
        )
    else:
        power = TTestPower().power(abs(estimate) / spread, total, levels[0])

    assert power == pytest.approx(0.8, abs=0.04)


def test_further_seeds_are_unknown_without_a_spread_or_if_too_many():
    assert further_seeds(0.5, math.nan, df=0, n=1, margin=1.0, levels=(ALPHA / 3, ALPHA)) is None
    assert further_seeds(0.5, 1000.0, df=2, n=3, margin=1.0, levels=(ALPHA / 3, ALPHA)) is None


def test_equal_differences_need_seeds_until_their_signs_suffice():
    # 2 / 2**6 is the first below 0.05.
    assert further_seeds(5.0, 0.0, df=2, n=3, margin=1.0, levels=(ALPHA, ALPHA)) == 3


def test_more_seeds_detect_smaller_effects():
    sizes = [smallest_detectable(1.0, n, tests=6) for n in range(2, 12)]
    assert np.all(np.diff(sizes) < 0)
