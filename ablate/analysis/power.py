"""How small an effect a study can detect, and how many more seeds would decide a verdict."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from ablate.analysis.arrays import Array, Mask
from ablate.analysis.estimates import ALPHA
from ablate.analysis.findings import SeedRange
from ablate.analysis.verdicts import FEWEST

POWER = 0.8
MOST_SEEDS = 1000
"""Largest number of further seeds that is looked for."""
DRAWS = 15
"""How many true effects, and for each how many spreads, stand for those that fit the runs."""


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


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the runs so far show of an effect.

    Attributes:
        estimate: The effect.
        error: Its standard error.
        df: Degrees of freedom of the error.
        n: Seeds so far.
    """

    estimate: float
    error: float
    df: float
    n: int


def further_seeds(
    known: Knowledge, *, margin: float, levels: tuple[float, float], alternatives: bool = False
) -> SeedRange | None:
    """Return how many further seeds would likely decide a verdict, as a range.

    The true effect and the true spread are not known. So many pairs of both are drawn that fit the
    runs so far, and for each the seeds that decide are computed: those with which the effect is
    shown to differ from 0 or to be below the margin. With the lower end of the range one in five of
    the pairs is decided if the further seeds are typical; with the upper end four in five, even if
    the further seeds are worse than four in five.

    Args:
        known: The effect so far.
        margin: The effect that is too small to matter.
        levels: Two-sided error levels of the two tests: the effect differs from 0 (after Holm's
            correction), and the effect is below the margin.
        alternatives: Whether two alternatives are compared, of which neither is an absence.

    Returns:
        The range; None where the spread is unknown or more than `MOST_SEEDS` would be needed. Its
        upper end is at most `MOST_SEEDS`.
    """

    def _decided(truths: Array, errors: Array, dfs: Array, reserve: Array) -> Mask:
        size = np.abs(truths)
        differs = (stats.t.isf(levels[0] / 2, dfs) + reserve) * errors <= size
        reach = (stats.t.isf(levels[1] / 2, dfs) + reserve) * errors
        return np.asarray(differs | (reach <= margin - (size if alternatives else truths)))

    return _seed_range(known, _decided)


def seeds_below_margin(known: Knowledge, *, margin: float, level: float) -> SeedRange | None:
    """Return how many further seeds would likely show that a loss is below the margin.

    Args:
        known: The loss so far.
        margin: The loss that is too large.
        level: One-sided error level of the test.

    Returns:
        As `further_seeds`.
    """

    def _decided(truths: Array, errors: Array, dfs: Array, reserve: Array) -> Mask:
        return np.asarray((stats.t.isf(level, dfs) + reserve) * errors <= margin - truths)

    return _seed_range(known, _decided)


def seeds_beside_margin(known: Knowledge, *, margin: float, level: float) -> SeedRange | None:
    """Return how many further seeds would likely show on which side of the margin an effect is.

    Args:
        known: The effect so far.
        margin: The margin.
        level: Two-sided error level of the interval that must not hold the margin.

    Returns:
        As `further_seeds`.
    """

    def _decided(truths: Array, errors: Array, dfs: Array, reserve: Array) -> Mask:
        reach = (stats.t.isf(level / 2, dfs) + reserve) * errors
        return np.asarray(reach <= np.abs(truths - margin))

    return _seed_range(known, _decided)


def _seed_range(
    known: Knowledge, decided: Callable[[Array, Array, Array, Array], Mask]
) -> SeedRange | None:
    if not (math.isfinite(known.estimate) and known.error > 0 and known.df > 0 and known.n > 1):
        return None
    shares = (np.arange(DRAWS) + 0.5) / DRAWS
    spreads = (
        known.error * math.sqrt(known.n) * np.sqrt(known.df / stats.chi2.ppf(shares, known.df))
    )
    centers = stats.norm.ppf(shares) / math.sqrt(known.n)
    truths = (known.estimate + centers * spreads[:, None]).reshape(-1, 1)
    totals = np.arange(max(known.n + 1, FEWEST), known.n + MOST_SEEDS + 1)
    errors = np.repeat(spreads, DRAWS)[:, None] / np.sqrt(totals)
    dfs = known.df * (totals - 1) / (known.n - 1)
    ends = []
    for share, reserve in ((1 - POWER, np.zeros(len(totals))), (POWER, stats.t.ppf(POWER, dfs))):
        done = decided(truths, errors, dfs, reserve)
        first = np.where(done.any(axis=-1), totals[done.argmax(axis=-1)] - known.n, np.inf)
        ends.append(float(np.quantile(first, share, method="higher")))
    if math.isinf(ends[0]):
        return None
    return SeedRange(*(int(min(end, MOST_SEEDS)) for end in ends))


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
