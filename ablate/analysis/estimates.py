"""Estimates of contrasts of cell means, for one study or for thousands at once.

All functions work on the last axes; any axes before them are a batch of studies. So the calibration
in `benchmarks/calibration` runs the same code as a user's study.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import stats

from ablate.analysis.arrays import Array, Mask
from ablate.analysis.resolution import ANY_VALUE, Grid

ALPHA = 0.05
FLIP_ROOM = 4.0
"""By which factor the smallest sign-flip p value must be below Holm's first threshold.

Closer to the threshold the test would be exact but weak: at the threshold itself it passes only if
the signs are equal in all blocks, which costs up to 17 points of power against Student's t. With
this factor it costs at most 5 points.

Source: benchmarks/calibration.
"""
FLIP_LIMIT = 16
"""Largest number of blocks for which all patterns of signs are tried: 2**15 patterns."""
ROUNDING = 1e-12
"""Relative difference below which two numbers count as equal."""


@dataclass(frozen=True, slots=True)
class Estimates:
    """Estimates of contrasts with their evidence; every array has the shape `(..., contrasts)`.

    Attributes:
        estimate: The contrast of the cell means; NaN where a cell has no complete run.
        error: Its standard error; NaN where there are too few runs.
        df: Degrees of freedom of the standard error.
        n: Number of blocks; where blocks are not used, number of runs on the smaller side.
        paired: Whether blocks are used.
        low: Lower end of the 95 % Student t interval; with several looks, of the interval that
            covers at all of them together.
        high: Upper end of that interval.
        p: Two-sided p value of no effect.
        exact: Whether `p` is the exact sign-flip value.
        p_adjusted: `p` after Holm's correction within the family of the contrast, and for the
            looks.
    """

    estimate: Array
    error: Array
    df: Array
    n: npt.NDArray[np.int_]
    paired: Mask
    low: Array
    high: Array
    p: Array
    exact: Mask
    p_adjusted: Array


def estimate(
    responses: Array,
    weights: Array,
    *,
    paired: bool,
    families: npt.NDArray[np.int_] | None = None,
    looks: int = 1,
    grid: Grid = ANY_VALUE,
) -> Estimates:
    """Estimate contrasts with intervals and p values, without assuming equal variances.

    With blocks, a contrast is computed within each block; its interval is that of the mean over
    the blocks by Student's t with `blocks - 1` degrees of freedom. This needs no assumption about
    variances and correlations of the cells, since the values of the blocks are independent and
    identically distributed. A block that lacks a cell of the contrast is left out. Without blocks,
    or with fewer than two complete ones, each cell has its own variance, with the degrees of
    freedom of Welch and Satterthwaite.

    The p value comes from the exact sign-flip test where there are enough blocks for a clearly
    significant result after Holm's correction, otherwise from Student's t.

    Equal values of a few runs do not show that the spread is 0, only that it is below about a step
    of the response. So no standard error is smaller than that of rounding to this step. Intervals
    of fractions end at the largest possible difference.

    Args:
        responses: Shape `(..., rows, cells)`, NaN where there is no run; a row is a block if
            `paired`.
        weights: Shape `(contrasts, cells)`, each row summing to 0.
        paired: Whether rows are blocks.
        families: Number of the family of each contrast for Holm's correction, shape
            `(contrasts,)`; if None, all are one family.
        looks: How often the runs are looked at while seeds are added; see
            `ablate.analysis.looks`.
        grid: Which values the response can take.

    Source: Montgomery, Design and Analysis of Experiments, section 2.5; Satterthwaite 1946.
    """
    if families is None:
        families = np.zeros(len(weights), dtype=np.int_)
    estimates = _welch_estimates(responses, weights, looks=looks, grid=grid)
    if paired:
        values = _block_values(responses, weights)
        in_blocks = _block_estimates(values, looks=looks, least_error=grid.error(weights))
        enough = in_blocks.n >= 2
        estimates = in_blocks if enough.all() else _select(enough, in_blocks, estimates)
        estimates = _use_sign_flips(estimates, values, families=families, looks=looks)
    if grid.fraction:
        limit = grid.limit(weights)
        low, high = (np.clip(end, -limit, limit) for end in (estimates.low, estimates.high))
        estimates = replace(estimates, low=low, high=high)
    return replace(estimates, p_adjusted=holm(looks * estimates.p, families))


def holm(p: Array, families: npt.NDArray[np.int_]) -> Array:
    """Return p values after Holm's correction within families on the last axis; NaN stays NaN."""
    adjusted = np.full(p.shape, np.nan)
    for family in np.unique(families):
        members = np.flatnonzero(families == family)
        own = p[..., members]
        order = np.argsort(own, axis=-1)  # NaN last
        ranked = np.take_along_axis(own, order, axis=-1)
        tested = np.isfinite(own).sum(axis=-1, keepdims=True)
        steps = np.fmax.accumulate(ranked * (tested - np.arange(members.size)), axis=-1)
        steps = np.where(np.isfinite(ranked), np.minimum(steps, 1.0), np.nan)
        back = np.empty_like(own)
        np.put_along_axis(back, order, steps, axis=-1)
        adjusted[..., members] = back
    return adjusted


def sign_flip_p(values: Array) -> Array:
    """Return exact two-sided sign-flip p values of the mean of `values`.

    Args:
        values: Shape `(..., n, contrasts)`. Zeros do not change the result, so they can replace
            missing values.

    Source: Fisher, The Design of Experiments, section 21.
    """
    n = values.shape[-2]
    # The other half of the patterns has the same sums with the opposite sign.
    patterns = (np.arange(2 ** (n - 1))[:, None] >> np.arange(n)) & 1
    signs = 1.0 - 2.0 * patterns
    observed = np.abs(values.sum(axis=-2))
    # Sums that differ only by rounding must count as equal.
    tolerance = ROUNDING * np.abs(values).sum(axis=-2)
    flipped = np.abs(np.einsum("fn,...nc->...fc", signs, values, optimize=True))
    return np.asarray((flipped >= (observed - tolerance)[..., None, :]).mean(axis=-2))


def smallest_flip_p(n: npt.ArrayLike) -> Array:
    """Return the smallest two-sided p value of a sign-flip test with n blocks."""
    return 2.0 ** (1.0 - np.asarray(n, dtype=np.float64))


def _block_values(responses: Array, weights: Array) -> Array:
    """Return contrasts within blocks, shape `(..., blocks, contrasts)`; NaN where a cell lacks."""
    values = np.nan_to_num(responses) @ weights.T
    missing = np.isnan(responses)
    if missing.any():
        values[(missing.astype(np.float64) @ (weights != 0).T.astype(np.float64)) > 0] = np.nan
    # The difference of two equal numbers must be 0 despite rounding. Only the values that a
    # contrast uses in a block count: a wild value of another cell must not hide its differences.
    largest = np.abs(np.nan_to_num(responses)) @ np.abs(weights).T
    return np.where(np.abs(values) < ROUNDING * largest, 0.0, values)


def _block_estimates(
    values: Array, *, looks: int = 1, least_error: Array | float = 0.0
) -> Estimates:
    """Return estimates from values within blocks.

    Args:
        values: Shape `(..., blocks, contrasts)`.
        looks: See `estimate`.
        least_error: Smallest standard error of a single block.
    """
    there = np.isfinite(values)
    n = there.sum(axis=-2)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(there, values, 0.0).sum(axis=-2) / n
        deviations = np.where(there, values - mean[..., None, :], 0.0)
        error = np.sqrt((deviations**2).sum(axis=-2) / (n - 1) / n)
    error[n < 2] = np.nan
    error[error < ROUNDING * np.abs(mean)] = 0.0
    error = np.maximum(error, least_error / np.sqrt(np.maximum(n, 1)))
    mean[np.abs(mean) < ROUNDING * np.where(there, np.abs(values), 0.0).max(axis=-2)] = 0.0
    df = (n - 1).astype(np.float64)
    return _student(mean, error, df, n=n, paired=True, looks=looks)


def _welch_estimates(
    responses: Array, weights: Array, *, looks: int, grid: Grid = ANY_VALUE
) -> Estimates:
    there = np.isfinite(responses)
    runs = there.sum(axis=-2)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = np.where(there, responses, 0.0).sum(axis=-2) / runs
        deviations = np.where(there, responses - means[..., None, :], 0.0)
        squared_errors = (deviations**2).sum(axis=-2) / (runs - 1) / runs
        squared_errors[runs < 2] = np.nan
        squared_errors[squared_errors < (ROUNDING * means) ** 2] = 0.0
        squared_errors = np.maximum(squared_errors, grid.step**2 / 12 / runs)
        needed = weights != 0
        # NaN times 0 is NaN: a missing cell must not affect a contrast that does not need it.
        estimates = _sum_needed(means, weights, needed)
        variance = _sum_needed(squared_errors, weights**2, needed)
        df = variance**2 / _sum_needed(squared_errors**2 / (runs - 1), weights**4, needed)
    n = np.minimum(
        (runs[..., None, :] * (weights > 0)).sum(axis=-1),
        (runs[..., None, :] * (weights < 0)).sum(axis=-1),
    )
    return _student(estimates, np.sqrt(variance), df, n=n, paired=False, looks=looks)


def _sum_needed(cell_values: Array, weights: Array, needed: Mask) -> Array:
    terms = np.where(needed, cell_values[..., None, :] * weights, 0.0)
    return np.asarray(terms.sum(axis=-1))


def _student(
    mean: Array, error: Array, df: Array, *, n: npt.NDArray[np.int_], paired: bool, looks: int
) -> Estimates:
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(error > 0, stats.t.ppf(1 - ALPHA / 2 / looks, df) * error, error)
        p = 2 * stats.t.sf(np.abs(mean) / error, df)
    # Equal differences in all blocks have no spread, so only their signs can be tested.
    p = np.where(error == 0, np.where(mean == 0, 1.0, np.minimum(smallest_flip_p(n), 1.0)), p)
    return Estimates(
        estimate=mean,
        error=error,
        df=df,
        n=n,
        paired=np.full(mean.shape, paired),
        low=mean - reach,
        high=mean + reach,
        p=p,
        exact=np.zeros(mean.shape, dtype=np.bool_),
        p_adjusted=np.full(mean.shape, np.nan),
    )


def _select(choice: Mask, first: Estimates, second: Estimates) -> Estimates:
    """Return the first estimates where `choice` is true, the second ones elsewhere."""
    return Estimates(
        **{
            name: np.where(choice, getattr(first, name), getattr(second, name))
            for name in Estimates.__slots__
        }
    )


def _use_sign_flips(
    estimates: Estimates, values: Array, *, families: npt.NDArray[np.int_], looks: int
) -> Estimates:
    """Replace p values by exact ones where there are enough blocks, and not too many."""
    if values.shape[-2] > FLIP_LIMIT:
        return estimates
    sizes = np.array([(families == family).sum() for family in families])
    able = estimates.paired & (smallest_flip_p(estimates.n) <= ALPHA / looks / sizes / FLIP_ROOM)
    if not able.any():
        return estimates
    p = np.where(able, sign_flip_p(np.nan_to_num(values)), estimates.p)
    return replace(estimates, p=p, exact=able)


def mean_intervals(responses: Array, *, grid: Grid = ANY_VALUE) -> tuple[Array, Array, Array]:
    """Return the means of the columns with their 95 % Student t intervals.

    Args:
        responses: Shape `(..., rows, cells)`, NaN where there is no run.
        grid: Which values the response can take.

    Returns:
        Mean, lower and upper end, each of shape `(..., cells)`; NaN where there are too few runs.
    """
    means = _block_estimates(responses, least_error=grid.step / np.sqrt(12))
    if not grid.fraction:
        return means.estimate, means.low, means.high
    return means.estimate, np.clip(means.low, 0.0, 1.0), np.clip(means.high, 0.0, 1.0)
