"""Runs that did not learn: those whose response is that of a model that guesses."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy import stats

from ablate.analysis.arrays import Mask
from ablate.analysis.cells import reference_index
from ablate.analysis.estimates import ALPHA
from ablate.analysis.findings import CellRate
from ablate.analysis.measurements import Measurements
from ablate.study.response import Direction
from ablate.study.study import Study

LEARNED = 0.05
"""Share of the way from guessing to a perfect score below which a run has learned nothing."""


def guessing_runs(study: Study, measurements: Measurements, *, chance: float | None) -> Mask:
    """Return which runs are at the score of guessing, shape `(rows, cells)`.

    Args:
        study: The study.
        measurements: Its complete runs.
        chance: First response of a model that guesses; None where unknown.
    """
    responses = measurements.responses[study.response.name]
    if chance is None:
        return np.zeros(responses.shape, dtype=np.bool_)
    reach = guessing_reach(chance, direction=study.response.direction)
    if study.response.direction == "lower":
        return np.asarray(responses >= chance - reach)
    return np.asarray(responses <= chance + reach)


def guessing_reach(chance: float, *, direction: Direction | None) -> float:
    """Return how far from the score of guessing a run can be that has learned nothing."""
    if direction == "lower":
        return LEARNED * chance
    perfect = 1.0 if chance < 1 else 100.0
    return LEARNED * (perfect - chance)


def cell_rates(
    study: Study, measurements: Measurements, *, guessing: Mask, indices: Iterable[int]
) -> tuple[CellRate, ...]:
    """Return how many runs of some cells are at the score of guessing, with intervals."""
    responses = measurements.responses[study.response.name]
    rates = []
    for index in indices:
        failed, runs = int(guessing[:, index].sum()), int(measurements.counts[index])
        low, high = rate_interval(failed, runs)
        own = responses[:, index][np.isfinite(responses[:, index])]
        ends = (float(own.min()), float(own.max())) if own.size else (np.nan, np.nan)
        rates.append(CellRate(measurements.cells[index], failed, runs, low, high, *ends))
    return tuple(rates)


def reference_that_guesses(
    study: Study, measurements: Measurements, *, guessing: Mask
) -> CellRate | None:
    """Return the rate of the full model if half of its runs or more did not learn, else None."""
    reference = reference_index(study, measurements)
    if reference is None or not measurements.counts[reference]:
        return None
    rate = cell_rates(study, measurements, guessing=guessing, indices=(reference,))[0]
    return rate if 2 * rate.failed >= rate.runs else None


def rate_interval(failed: int, runs: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a rate of failures.

    It is one-sided where none or all of the runs failed: three runs without a failure allow a rate
    of up to 63 %.

    Source: Clopper and Pearson 1934.
    """
    if not runs:
        return 0.0, 1.0
    side = "less" if failed == 0 else "greater" if failed == runs else "two-sided"
    interval = stats.binomtest(failed, runs, alternative=side).proportion_ci(1 - ALPHA, "exact")
    return float(interval.low), float(interval.high)
