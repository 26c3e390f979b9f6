"""The resolution of a response: which values it can take, and how far apart they are.

An accuracy on N images is a multiple of 1/N. Runs that agree to this step need not be equal, so the
step bounds from below how well a mean is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ablate.analysis.arrays import Array

ROUNDING = 1e-9
"""Relative difference below which two values count as the same one."""
SMALLEST_STEP = 1e-70
"""Smaller differences count as none: the fourth power of a step must not be rounded to 0."""
MOST_IMAGES = 1_000_000


@dataclass(frozen=True, slots=True)
class Grid:
    """Which values a response can take.

    Attributes:
        step: Smallest difference that two runs can have, such as 1 divided by the number of test
            images; 0 where unknown.
        fraction: Whether all values lie between 0 and 1.
    """

    step: float = 0.0
    fraction: bool = False

    def error(self, weights: Array) -> Array:
        """Return the smallest standard error for one run of each cell, shape `(contrasts,)`.

        A value rounded to a step has a rounding error with this variance, uniform over the step.
        """
        return np.asarray(self.step * np.sqrt((weights**2).sum(axis=-1) / 12))

    def limit(self, weights: Array) -> Array:
        """Return the largest possible value of contrasts, shape `(contrasts,)`."""
        return np.asarray(np.where(weights > 0, weights, 0.0).sum(axis=-1))


ANY_VALUE = Grid()


def grid_of(values: Array, *, fraction: bool, resolution: float | None = None) -> Grid:
    """Return the grid of a response.

    Args:
        values: All values of the response, in any shape, NaN where there is none.
        fraction: Whether the response is a fraction.
        resolution: The step, where known; a smaller difference between two values shows that it is
            smaller. Where unknown, the smallest difference is taken.
    """
    known = np.unique(values[np.isfinite(values)])
    gaps = np.diff(known)
    gaps = gaps[gaps > np.maximum(ROUNDING * np.abs(known[1:]), SMALLEST_STEP)]
    if gaps.size:
        seen = float(gaps.min())
        return Grid(seen if resolution is None else min(resolution, seen), fraction)
    if resolution is None and known.size:
        resolution = _step_of_one(float(known[0]), fraction=fraction)
    return Grid(resolution or 0.0, fraction)


def _step_of_one(value: float, *, fraction: bool) -> float:
    """Return the largest step at which a single value can have been counted or written.

    0.9375 is 15 of 16 images; a value without such a short form has the step of its last digit.
    """
    _, _, decimals = f"{value:.12g}".partition(".")
    written = float(10.0 ** -len(decimals)) if "e" not in decimals else abs(value) * ROUNDING
    if not fraction or value in (0.0, 1.0):
        return written
    images = np.arange(2, min(MOST_IMAGES, round(1 / written)) + 1)
    fits = np.abs(np.round(value * images) / images - value) < written / 2
    return float(1 / images[fits.argmax()]) if fits.any() else written
