"""How small an effect a study can detect, and how many more seeds would decide a verdict."""

from __future__ import annotations

import functools
import math

import numpy as np
from scipy import optimize, stats

from ablate.analysis.estimates import ALPHA, smallest_flip_p

POWER = 0.8
MOST_SEEDS = 10_000


def smallest_detectable(spread: float, n: int, *, tests: int = 1) -> float:
    """Return the smallest simple effect that n seeds a cell detect with 80 % power.

    Args:
        spread: Standard deviation of the response over the seeds of one cell.
        n: Seeds a cell.
        tests: How many effects of components are tested together, such as twice the number of
            parts of a factorial; with Holm's correction the first one must pass at 5 % divided by
            this number.

    Returns:
        The effect in the unit of the response, NaN for fewer than two seeds. The runs of two cells
        are assumed to be independent; where runs of a seed are correlated, smaller effects are
        detected.
    """
    if n < 2:
        return math.nan
    return detectable_effect(spread * math.sqrt(2 / n), n - 1, tests=tests)


def detectable_effect(error: float, df: float, *, tests: int = 1) -> float:
    """Return the smallest effect detected with 80 % power at a standard error with `df`."""
    if not (math.isfinite(error) and df > 0):
        return math.nan
    return error * _detectable_errors(round(df, 6), tests)


def further_seeds(
    estimate: float, error: float, *, df: float, n: int, margin: float, levels: tuple[float, float]
) -> int | None:
    """Return how many seeds beyond n would likely (in 4 of 5 studies) decide a verdict.

    Estimate and spread are assumed to stay as they are. A verdict is decided as soon as the effect
    is shown to differ from 0 or to be below the margin, whichever needs fewer seeds.

    Args:
        estimate: The effect so far.
        error: Its standard error.
        df: Degrees of freedom of the error.
        n: Seeds so far.
        margin: The effect that is too small to matter.
        levels: Two-sided error levels of the two tests: the effect differs from 0 (after Holm's
            correction), and the effect is below the margin.

    Returns:
        The number; None where the spread is unknown or more than 10,000 would be needed.
    """
    if not (math.isfinite(estimate) and math.isfinite(error)):
        return None
    total = np.arange(n + 1, MOST_SEEDS + 1)
    errors = error * np.sqrt(n / total)
    dfs = df * (total - 1) / (n - 1) if error > 0 else total - 1
    reserve = stats.t.ppf(POWER, dfs)
    differs_from_zero = (stats.t.isf(levels[0] / 2, dfs) + reserve) * errors <= abs(estimate)
    if error == 0:
        # Without a spread, only the signs are tested.
        differs_from_zero &= smallest_flip_p(total) <= levels[0]
    below_margin = (stats.t.isf(levels[1] / 2, dfs) + reserve) * errors <= margin - estimate
    enough = np.flatnonzero(differs_from_zero | below_margin)
    return int(total[enough[0]]) - n if enough.size else None


@functools.lru_cache(maxsize=256)
def _detectable_errors(df: float, tests: int) -> float:
    """Return the smallest detectable effect as a multiple of its standard error."""
    critical = stats.t.isf(ALPHA / 2 / tests, df)
    # Average over the distribution of the spread, since SciPy's noncentral t fails for df = 1.
    share = (np.arange(4000) + 0.5) / 4000
    spreads = np.sqrt(stats.chi2.ppf(share, df) / df)

    def shortfall(effect: float) -> float:
        return float(stats.norm.cdf(effect - critical * spreads).mean()) - POWER

    return float(optimize.brentq(shortfall, 0.0, 10.0 + 10.0 * critical))
