"""The widths with which a model has a given size."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ablate.errors import RequestError

Widths = tuple[int, ...]

WIDEST = 2**16
"""More channels than that are a mistake."""
STEP = 1.1
"""By how much a multiplier changes first; the square of it next, and so on."""
NEAR = 1e-9
"""Two multipliers that differ by less give equal widths."""


def solve_widths(
    widths: Sequence[int], target: int, *, count: Callable[[Widths], int]
) -> tuple[Widths, int]:
    """The widths, multiplied by one number and rounded, whose model is nearest to a size.

    Args:
        widths: The widths that are multiplied.
        target: The size.
        count: The size of the model with some widths; it never falls when a width grows.

    Returns:
        The widths and the size of their model.

    Raises:
        RequestError: Widths of 1 are too much, or the largest ones that are tried are too small.
    """
    counts: dict[Widths, int] = {}

    def size(factor: float) -> int:
        scaled = _scale(widths, factor)
        if scaled not in counts:
            counts[scaled] = count(scaled)
        return counts[scaled]

    low, high = _bracket(widths, target, size=size)
    while high / low - 1 > NEAR and _scale(widths, low) != _scale(widths, high):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if size(middle) < target else (low, middle)
    # The same on every machine: of two equally near ones, the smaller.
    return min(counts.items(), key=lambda item: (abs(math.log(item[1] / target)), item[1], item[0]))


def _bracket(
    widths: Sequence[int], target: int, *, size: Callable[[float], int]
) -> tuple[float, float]:
    """Two multipliers: the size of one is below the target or equal, that of the other above."""
    # Parameters and MACs of most layers grow with the square of the widths.
    widest = max(1.0, WIDEST / max(widths))
    low = high = min(math.sqrt(target / size(1.0)), widest)
    step = STEP
    while size(low) > target:
        if max(_scale(widths, low)) == 1:
            raise RequestError(
                f"Expected a model that can be as small as {target:,}; with widths of 1 it has "
                f"{size(low):,}."
            )
        low, step = low / step, step**2
    while size(high) < target:
        if high >= widest:
            raise RequestError(
                f"Expected a model that can be as large as {target:,}; with widths of "
                f"{list(_scale(widths, high))} it has {size(high):,}."
            )
        high, step = min(high * step, widest), step**2
    return low, high


def _scale(widths: Sequence[int], factor: float) -> Widths:
    return tuple(max(1, round(width * factor)) for width in widths)
