"""How large effects are, with their intervals, for a sentence."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from ablate.analysis.findings import Effect
from ablate.report.wording import amount, scale_of
from ablate.study.study import Study
from ablate.wording import enumeration

POINTS = "points"
MOST_LISTED = 3
"""More effects than these are given as a range; the table has each."""


def ends_text(low: float, high: float, *, study: Study) -> str:
    """Return both ends of an interval, with signs only where these differ."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return "no interval"
    ends = scale_of(study).signed_ends(low, high)
    if low >= 0:
        ends = ends[0].lstrip("+"), ends[1].lstrip("+")
    return " to ".join(ends)


def losses_text(study: Study, effects: Sequence[Effect]) -> str:
    """Return what is lost without parts, such as ``6.7 points are lost (3.8 to 9.5)``."""
    sizes = [(item.estimate, item.low, item.high) for item in effects]
    return _sizes_text(study, sizes, words=("lost", "worse"))


def gains_text(study: Study, effects: Sequence[Effect]) -> str:
    """Return what is gained without parts, such as ``2.0 points are gained (0.4 to 3.6)``."""
    sizes = [(-item.estimate, -item.high, -item.low) for item in effects]
    return _sizes_text(study, sizes, words=("gained", "better"))


def size_and_ends(study: Study, size: float, *, low: float, high: float) -> str:
    """Return a size with its unit and its interval, such as ``6.7 points (3.8 to 9.5)``."""
    return f"{amount(study, size)} ({ends_text(low, high, study=study)})"


def with_title(study: Study, text: str) -> str:
    """Return the text, whose first amount in points says of what."""
    scale = scale_of(study)
    if scale.difference_unit != POINTS:
        return text
    return re.sub(rf"(?<=[\d)] )({POINTS})(?!\w)", rf"\1 of {scale.title}", text, count=1)


def _sizes_text(
    study: Study, sizes: Sequence[tuple[float, float, float]], *, words: tuple[str, str]
) -> str:
    scale = scale_of(study)
    unit = f" {scale.difference_unit}" if scale.difference_unit else ""
    if len(sizes) > MOST_LISTED:
        estimates = [size for size, _, _ in sizes]
        shown = f"{scale.number(min(estimates))} to {scale.number(max(estimates))}{unit}"
        after = ""
    elif len(sizes) == 1:
        ((size, low, high),) = sizes
        shown, after = amount(study, size), f" ({ends_text(low, high, study=study)})"
    else:
        listed = [
            f"{scale.number(size)} ({ends_text(low, high, study=study)})"
            for size, low, high in sizes
        ]
        shown, after = f"{enumeration(listed)}{unit}", ", in this order"
    if scale.difference_unit == POINTS:
        return f"{shown} are {words[0]}{after}"
    return f"{scale.title} is {shown} {words[1]}{after}"
