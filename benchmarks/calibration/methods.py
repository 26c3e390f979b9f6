"""The methods for an interval among which the one in use was chosen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats

from ablate.analysis.arrays import Array
from ablate.analysis.estimates import estimate

Ends = tuple[Array, Array]
RESAMPLES = 999


def blocks(responses: Array, weights: Array) -> Ends:
    """Return the method in use where runs have seeds: contrasts within blocks, Student's t."""
    found = estimate(responses, weights, paired=True)
    return found.low, found.high


def welch(responses: Array, weights: Array) -> Ends:
    """Return the method in use where runs have no seeds: a variance a cell, blocks ignored."""
    found = estimate(responses, weights, paired=False)
    return found.low, found.high


def anova(responses: Array, weights: Array) -> Ends:
    """Use one residual variance for all cells, as in a textbook ANOVA with blocks."""
    n, cells = responses.shape[-2:]
    residuals = _residuals(responses)
    df = (n - 1) * (cells - 1)
    variance = (residuals**2).sum(axis=(-2, -1))[..., None] / df
    error = np.sqrt(variance * (weights**2).sum(axis=-1) / n)
    return _ends(responses, weights, error, np.full(1, float(df)))


def welch_after_blocks(responses: Array, weights: Array) -> Ends:
    """Use a variance a cell, after subtracting an additive effect of the seed."""
    n, cells = responses.shape[-2:]
    squares = (_residuals(responses) ** 2).sum(axis=-2) / (n - 1)
    # Expected squares are s_c (1 - 2/k) + mean(s) / k; solved for s_c, not below 0.
    mean = squares.mean(axis=-1, keepdims=True) * cells / (cells - 1)
    variances = np.maximum((squares - mean / cells) / (1 - 2 / cells), 1e-12)
    return _satterthwaite(responses, weights, variances, 0.0)


def welch_correlated(responses: Array, weights: Array) -> Ends:
    """Use a variance a cell, and one correlation for all pairs of cells."""
    n, cells = responses.shape[-2:]
    centred = responses - responses.mean(axis=-2, keepdims=True)
    variances = (centred**2).sum(axis=-2) / (n - 1)
    scaled = centred / np.sqrt(variances)[..., None, :]
    total = (scaled.sum(axis=-1) ** 2).sum(axis=-1) / (n - 1)
    correlation = np.clip((total - cells) / (cells * (cells - 1)), 0.0, 1.0)
    return _satterthwaite(responses, weights, variances, correlation[..., None])


def welch_of_pairs(responses: Array, weights: Array) -> Ends:
    """Pool differences of two cells with the same seed over the other factors as independent."""
    n, cells = responses.shape[-2:]
    means, variances, dfs = [], [], []
    for row in weights:
        # The pairs differ in the factor whose switch changes the sign of every weight.
        switch = next(bit for bit in (4, 2, 1) if np.allclose(row[np.arange(cells) ^ bit], -row))
        here = [cell for cell in range(cells) if row[cell] and not cell & switch]
        pairs = responses[..., here] - responses[..., [cell | switch for cell in here]]
        shares = row[here] ** 2 * pairs.var(axis=-2, ddof=1) / n
        means.append((pairs.mean(axis=-2) * row[here]).sum(axis=-1))
        variances.append(shares.sum(axis=-1))
        dfs.append(variances[-1] ** 2 / (shares**2).sum(axis=-1) * (n - 1))
    reach = stats.t.ppf(0.975, np.stack(dfs, -1)) * np.sqrt(np.stack(variances, -1))
    mean = np.stack(means, -1)
    return mean - reach, mean + reach


def percentile_bootstrap(responses: Array, weights: Array) -> Ends:
    """Draw blocks with replacement; take percentiles of the means."""
    means = _resampled_means(responses @ weights.T)
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    return low, high


def bca_bootstrap(responses: Array, weights: Array) -> Ends:
    """Draw blocks with replacement; bias-corrected and accelerated (Efron 1987)."""
    values = responses @ weights.T
    means = np.sort(_resampled_means(values), axis=0)
    bias = stats.norm.ppf(
        np.clip((means < values.mean(axis=-2)).mean(axis=0), 1 / RESAMPLES, 1 - 1 / RESAMPLES)
    )
    deviations = values.mean(axis=-2, keepdims=True) - values
    cubes, squares = (deviations**3).sum(axis=-2), (deviations**2).sum(axis=-2)
    acceleration = -cubes / (6 * squares**1.5)
    ends = []
    for z in stats.norm.ppf([0.025, 0.975]):
        shifted = bias + (bias + z) / (1 - acceleration * (bias + z))
        index = np.clip(stats.norm.cdf(shifted) * RESAMPLES, 0, RESAMPLES - 1).astype(int)
        ends.append(np.take_along_axis(means, index[None], axis=0)[0])
    return ends[0], ends[1]


METHODS: dict[str, Callable[[Array, Array], Ends]] = {
    "within blocks, t": blocks,
    "Welch-Satterthwaite, blocks ignored": welch,
    "ANOVA, one variance": anova,
    "pairs pooled over the other factors": welch_of_pairs,
    "Welch after additive blocks": welch_after_blocks,
    "Welch, one correlation": welch_correlated,
    "bootstrap of blocks, percentile": percentile_bootstrap,
    "bootstrap of blocks, BCa": bca_bootstrap,
}


def _residuals(responses: Array) -> Array:
    return (
        responses
        - responses.mean(axis=-2, keepdims=True)
        - responses.mean(axis=-1, keepdims=True)
        + responses.mean(axis=(-2, -1), keepdims=True)
    )


def _satterthwaite(
    responses: Array, weights: Array, variances: Array, correlation: Array | float
) -> Ends:
    n = responses.shape[-2]
    apart = variances @ (weights**2).T
    together = (np.sqrt(variances) @ weights.T) ** 2
    variance = (1 - correlation) * apart + correlation * together
    df = apart**2 / (variances**2 @ (weights**4).T / (n - 1))
    return _ends(responses, weights, np.sqrt(np.maximum(variance, 0) / n), df)


def _ends(responses: Array, weights: Array, error: Array, df: Array) -> Ends:
    mean = responses.mean(axis=-2) @ weights.T
    reach = stats.t.ppf(0.975, df) * error
    return mean - reach, mean + reach


def _resampled_means(values: Array) -> Array:
    n = values.shape[-2]
    rng = np.random.default_rng(n)
    draws = rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES) / n
    return np.einsum("bn,...nc->b...c", draws, values, optimize=True)
