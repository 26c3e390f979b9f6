"""Amounts and cells in the plain words of an analysis's sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ablate.study.study import Study


def amount(study: Study, value: float, *, signed: bool = False) -> str:
    """A difference of the first response, such as ``1.25 points``: to a tenth of the margin."""
    factor, unit = _unit(study)
    return f"{_number(study, value * factor, signed=signed)}{unit}"


def interval(study: Study, ends: tuple[float, float]) -> str:
    """A 95 % interval of a difference of the first response."""
    factor, _ = _unit(study)
    if not all(math.isfinite(end) for end in ends):
        return "no interval"
    shown = (_number(study, end * factor, signed=True) for end in ends)
    return f"95 % interval {' to '.join(shown)}"


def difference_in_words(study: Study, levels: Mapping[str, str]) -> str:
    """A cell by how it differs from the full model, such as ``no residual, norm=none``."""
    moved = [
        _moved(name, levels[name])
        for name, reference in study.reference.items()
        if levels[name] != reference
    ]
    return ", ".join(moved) or "full model"


def p_in_words(p: float) -> str:
    """A p value, such as ``p = 0.012``; never rounded to 0."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def enumeration(items: Sequence[str], *, most: int = 4) -> str:
    """A few items in words, the rest as a number."""
    shown = list(items[:most])
    if len(items) > most:
        shown.append(f"{len(items) - most} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def count(number: int, noun: str) -> str:
    """A number with its noun, such as ``1 seed`` or ``3 seeds``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _moved(factor: str, level: str) -> str:
    words = {"absent": f"no {factor}", "present": f"with {factor}"}
    return words.get(level, f"{factor}={level}")


def _unit(study: Study) -> tuple[float, str]:
    unit = study.response.unit
    if unit == "fraction":
        return 100.0, " points"
    return 1.0, f" {'s' if unit == 'seconds' else unit}" if unit else ""


def _number(study: Study, value: float, *, signed: bool) -> str:
    factor, _ = _unit(study)
    digits = min(8, max(0, 2 - math.ceil(math.log10(study.margin * factor))))
    text = f"{value:{'+' if signed else ''},.{digits}f}"
    if not any(digit in text for digit in "123456789"):
        # A zero that rounding left has no sign.
        text = text.lstrip("+-")
    return text.replace("-", "−")
