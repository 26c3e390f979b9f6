"""Estimates of contrasts of cell means, for one study or for thousands at once.

All functions work on the last axes and let any axes before them be a batch of studies, so that
the calibration in `benchmarks/calibration` runs what users get.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import stats

from ablate.analysis.measurements import Array

ALPHA = 0.05
FLIP_ROOM = 4.0
"""How far the smallest sign-flip p value must lie below the first threshold of Holm's correction.

Nearer to it the test would be exact but blunt: at the threshold itself only equal signs in all
blocks count, which costs up to 17 points of power against Student's t; with this room at most 5.

Source: benchmarks/calibration.
"""
FLIP_LIMIT = 16
"""Largest number of blocks whose signs are all flipped in turn: 2**15 patterns."""
ROUNDING = 1e-12
"""Share of a number below which a difference is what rounding leaves of equal numbers."""


@dataclass(frozen=True, slots=True)
class Estimates:
    """What the runs say of contrasts; every array has the shape `(..., contrasts)`.

    Attributes:
        estimate: The contrast of the cell means; NaN where a cell has no complete run.
        error: Its standard error; NaN where there are too few runs.
        df: Degrees of freedom of the standard error.
        n: Blocks, or where they are not used the runs of the smaller side.
        blocked: Whether blocks are used.
        low: Lower end of the 95 % Student t interval; with several looks, of the interval that
            covers at all of them.
        high: Upper end.
        p: Two-sided p value of no effect.
        flipped: Whether `p` is the exact sign-flip value.
        p_adjusted: After Holm's correction within the contrast's family, and for the looks.
    """

    estimate: Array
    error: Array
    df: Array
    n: npt.NDArray[np.int_]
    blocked: npt.NDArray[np.bool_]
    low: Array
    high: Array
    p: Array
    flipped: npt.NDArray[np.bool_]
    p_adjusted: Array


def estimate(
    responses: Array,
    weights: Array,
    *,
    paired: bool,
    families: npt.NDArray[np.int_] | None = None,
    looks: int = 1,
) -> Estimates:
    """Estimates, intervals and p values of contrasts, assuming no equal variances.

    With blocks, a contrast is computed within each block and its mean, spread and Student's t with
    `blocks - 1` degrees of freedom follow: whatever the cells' variances and correlations are, the
    blocks' values are independent and alike. A block that lacks a cell of the contrast is left out.
    Without blocks (or with fewer than two whole ones) each cell brings its own variance, with
    Welch and Satterthwaite's degrees of freedom.

    The p value is that of the exact sign-flip test where the number of blocks lets it be clearly
    significant after Holm's correction, else that of Student's t.

    Args:
        responses: Shape `(..., rows, cells)`, NaN where there is no run; a row is a block if
            `paired`.
        weights: Shape `(contrasts, cells)`, each row summing to 0.
        paired: Whether rows are blocks.
        families: Number of the family of each contrast for Holm's correction, shape `(contrasts,)`;
            all one family if None.
        looks: How many times the runs are looked at while seeds are added; see
            `ablate.analysis.looks`.

    Source: Montgomery, Design and Analysis of Experiments, section 2.5; Satterthwaite 1946.
    """
    if families is None:
        families = np.zeros(len(weights), dtype=np.int_)
    found = _unblocked(responses, weights, looks=looks)
    if paired:
        values = _block_values(responses, weights)
        blocked = _blocked(values, looks=looks)
        found = blocked if (blocked.n >= 2).all() else _first_where(blocked.n >= 2, blocked, found)
        found = _with_sign_flips(found, values, families=families, looks=looks)
    return replace(found, p_adjusted=holm(looks * found.p, families))


def holm(p: Array, families: npt.NDArray[np.int_]) -> Array:
    """Holm's adjusted p values within families on the last axis; NaN stays and counts nothing."""
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
    """Exact two-sided sign-flip p values of the mean of `values`, shape `(..., n, contrasts)`.

    Zeros change nothing, so they can stand for what is missing.

    Source: Fisher, The Design of Experiments, section 21.
    """
    n = values.shape[-2]
    # The other half of the patterns has the same sums with the other sign.
    patterns = (np.arange(2 ** (n - 1))[:, None] >> np.arange(n)) & 1
    signs = 1.0 - 2.0 * patterns
    observed = np.abs(values.sum(axis=-2))
    # Sums that are equal but for rounding must count as equal.
    tolerance = ROUNDING * np.abs(values).sum(axis=-2)
    flipped = np.abs(np.einsum("fn,...nc->...fc", signs, values, optimize=True))
    return np.asarray((flipped >= (observed - tolerance)[..., None, :]).mean(axis=-2))


def smallest_flip_p(n: npt.ArrayLike) -> Array:
    """Smallest two-sided p value of a sign-flip test with n blocks."""
    return 2.0 ** (1.0 - np.asarray(n, dtype=np.float64))


def _block_values(responses: Array, weights: Array) -> Array:
    """The contrasts within each block, shape `(..., blocks, contrasts)`; NaN where a cell lacks."""
    values = np.nan_to_num(responses) @ weights.T
    missing = np.isnan(responses)
    if missing.any():
        values[(missing.astype(np.float64) @ (weights != 0).T.astype(np.float64)) > 0] = np.nan
    # Differences of equal numbers are 0 and not what rounding leaves of them.
    largest = np.abs(np.nan_to_num(responses)).max(axis=(-2, -1), keepdims=True)
    return np.where(np.abs(values) < ROUNDING * largest, 0.0, values)


def _blocked(values: Array, *, looks: int = 1) -> Estimates:
    there = np.isfinite(values)
    n = there.sum(axis=-2)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(there, values, 0.0).sum(axis=-2) / n
        deviations = np.where(there, values - mean[..., None, :], 0.0)
        error = np.sqrt((deviations**2).sum(axis=-2) / (n - 1) / n)
    error[n < 2] = np.nan
    error[error < ROUNDING * np.abs(mean)] = 0.0
    mean[np.abs(mean) < ROUNDING * np.where(there, np.abs(values), 0.0).max(axis=-2)] = 0.0
    df = (n - 1).astype(np.float64)
    return _student(mean, error, df, n=n, blocked=True, looks=looks)


def _unblocked(responses: Array, weights: Array, *, looks: int) -> Estimates:
    there = np.isfinite(responses)
    runs = there.sum(axis=-2)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = np.where(there, responses, 0.0).sum(axis=-2) / runs
        deviations = np.where(there, responses - means[..., None, :], 0.0)
        squared_errors = (deviations**2).sum(axis=-2) / (runs - 1) / runs
        squared_errors[runs < 2] = np.nan
        squared_errors[squared_errors < (ROUNDING * means) ** 2] = 0.0
        needed = weights != 0
        # A NaN times 0 is NaN: cells that the contrast does not need must not spoil it.
        estimates = _sum_needed(means, weights, needed)
        variance = _sum_needed(squared_errors, weights**2, needed)
        df = variance**2 / _sum_needed(squared_errors**2 / (runs - 1), weights**4, needed)
    n = np.minimum(
        (runs[..., None, :] * (weights > 0)).sum(axis=-1),
        (runs[..., None, :] * (weights < 0)).sum(axis=-1),
    )
    return _student(estimates, np.sqrt(variance), df, n=n, blocked=False, looks=looks)


def _sum_needed(cell_values: Array, weights: Array, needed: npt.NDArray[np.bool_]) -> Array:
    terms = np.where(needed, cell_values[..., None, :] * weights, 0.0)
    return np.asarray(terms.sum(axis=-1))


def _student(
    mean: Array, error: Array, df: Array, *, n: npt.NDArray[np.int_], blocked: bool, looks: int
) -> Estimates:
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(error > 0, stats.t.ppf(1 - ALPHA / 2 / looks, df) * error, error)
        p = 2 * stats.t.sf(np.abs(mean) / error, df)
    # Equal differences in all blocks have no spread to judge by: only their signs can be tested.
    p = np.where(error == 0, np.where(mean == 0, 1.0, np.minimum(smallest_flip_p(n), 1.0)), p)
    return Estimates(
        estimate=mean,
        error=error,
        df=df,
        n=n,
        blocked=np.full(mean.shape, blocked),
        low=mean - reach,
        high=mean + reach,
        p=p,
        flipped=np.zeros(mean.shape, dtype=np.bool_),
        p_adjusted=np.full(mean.shape, np.nan),
    )


def _first_where(choice: npt.NDArray[np.bool_], first: Estimates, second: Estimates) -> Estimates:
    return Estimates(
        **{
            name: np.where(choice, getattr(first, name), getattr(second, name))
            for name in Estimates.__slots__
        }
    )


def _with_sign_flips(
    found: Estimates, values: Array, *, families: npt.NDArray[np.int_], looks: int
) -> Estimates:
    if values.shape[-2] > FLIP_LIMIT:
        return found
    sizes = np.array([(families == family).sum() for family in families])
    able = found.blocked & (smallest_flip_p(found.n) <= ALPHA / looks / sizes / FLIP_ROOM)
    if not able.any():
        return found
    p = np.where(able, sign_flip_p(np.nan_to_num(values)), found.p)
    return replace(found, p=p, flipped=able)


def mean_intervals(responses: Array) -> tuple[Array, Array, Array]:
    """Means of the columns with their 95 % Student t intervals.

    Args:
        responses: Shape `(..., rows, cells)`, NaN where there is no run.

    Returns:
        Mean, lower and upper end, each of shape `(..., cells)`; NaN where there are too few runs.
    """
    found = _blocked(responses)
    return found.estimate, found.low, found.high
