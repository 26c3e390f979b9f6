"""How numbers and names are written for people; files for programs hold them unrounded."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ablate.study.response import Response
from ablate.study.study import Study
from ablate.wording import (  # noqa: F401
    MINUS,
    MISSING,
    NO_BREAK,
    decimal,
    one_line,
    p_value,
    seconds,
)
from ablate.wording import short_number as short_count  # noqa: F401
from ablate.wording import tick_label as tick_count  # noqa: F401
from ablate.wording import whole_number as count  # noqa: F401


@dataclass(frozen=True, slots=True)
class Scale:
    """How the numbers of one response are written.

    Attributes:
        title: The response in words, such as ``test accuracy``.
        factor: What a stored number is multiplied with: 100 for fractions.
        digits: Decimals shown.
        unit: Written after a value, such as ``%``.
        difference_unit: Written after a difference, such as ``points``.
    """

    title: str
    factor: float
    digits: int
    unit: str
    difference_unit: str

    def number(self, value: float) -> str:
        """A value without its unit."""
        return decimal(value * self.factor, self.digits)

    def value(self, value: float) -> str:
        """A value with its unit."""
        return _with_unit(self.number(value), self.unit)

    def signed(self, difference: float) -> str:
        """A difference with its sign and without its unit."""
        return decimal(difference * self.factor, self.digits, sign=True)

    def size(self, difference: float) -> str:
        """The size of a difference with its unit."""
        return _with_unit(self.number(difference), self.difference_unit)

    def interval(self, low: float, high: float) -> str:
        """Both ends of an interval of values."""
        return _interval(self.number(low), self.number(high))

    def signed_interval(self, low: float, high: float) -> str:
        """Both ends of an interval of differences."""
        return _interval(self.signed(low), self.signed(high))


def scale_of(study: Study, index: int = 0) -> Scale:
    """The scale of one of a study's responses; decimals enough to see a tenth of the margin."""
    response = study.responses[index]
    if index:
        return response_scale(response)
    factor = response_scale(response).factor
    digits = min(8, max(0, 2 - math.ceil(math.log10(study.margin * factor))))
    return response_scale(response, digits=digits)


def response_scale(response: Response, *, digits: int | None = None) -> Scale:
    """The scale of a response, with so many decimals or those that suit its unit."""
    fraction = response.unit == "fraction"
    unit, difference_unit = {
        "fraction": ("%", "points"),
        "seconds": ("s", "s"),
    }.get(response.unit, (response.unit, response.unit))
    if digits is None:
        digits = 2 if response.unit in ("fraction", "seconds") else 4
    title = one_line(response.name.replace("_", " "))
    return Scale(title, 100.0 if fraction else 1.0, digits, unit, difference_unit)


def sentence(text: str) -> str:
    """A sentence on one line, numbers not to be parted from their unit by a line break."""
    return re.sub(r"(?<=\d) (?=(?:%|points?|s)(?!\w))", NO_BREAK, one_line(text))


def describe(study: Study, levels: Mapping[str, str]) -> str:
    """A cell by how it differs from the full model, such as ``no residual, norm=none``."""
    moved = [
        _moved(factor.name, str(levels[factor.name]))
        for factor in study.factors
        if levels[factor.name] != factor.reference.name
    ]
    return one_line(", ".join(moved)) or "full model"


def _moved(factor: str, level: str) -> str:
    words = {"absent": f"no {factor}", "present": f"with {factor}"}
    return words.get(level, f"{factor}={level}")


def _with_unit(number: str, unit: str) -> str:
    return f"{number}{NO_BREAK}{unit}" if unit and number != MISSING else number


def _interval(low: str, high: str) -> str:
    return MISSING if MISSING in (low, high) else f"[{low}, {high}]"
