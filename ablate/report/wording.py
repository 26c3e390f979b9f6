"""How numbers and names are written for people; files for programs hold them unrounded."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ablate.study.design import Cell
from ablate.study.study import Study
from ablate.wording import (  # noqa: F401
    MINUS,
    MISSING,
    NO_BREAK,
    decimal,
    enumeration,
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
    factor = 100.0 if response.unit == "fraction" else 1.0
    unit, difference_unit = {
        "fraction": ("%", "points"),
        "seconds": ("s", "s"),
    }.get(response.unit, (response.unit, response.unit))
    digits = 2 if response.unit in ("fraction", "seconds") else 4
    if index == 0:
        digits = min(8, max(0, 2 - math.ceil(math.log10(study.margin * factor))))
    return Scale(one_line(response.name.replace("_", " ")), factor, digits, unit, difference_unit)


def amount(study: Study, difference: float, *, sign: bool = False) -> str:
    """Return a difference of the first response for a sentence, such as ``1.25 points``."""
    scale = scale_of(study)
    number = scale.signed(difference) if sign else scale.number(difference)
    return f"{number} {scale.difference_unit}".rstrip()


def sentence(text: str) -> str:
    """Return a sentence on one line in which no line break can separate a number from its unit."""
    return re.sub(r"(?<=\d) (?=(?:%|points?|s)(?!\w))", NO_BREAK, one_line(text))


def describe(study: Study, levels: Mapping[str, str]) -> str:
    """Return how a cell differs from the full model, such as ``no residual, norm=none``."""
    differences = [
        _level_text(factor.name, str(levels[factor.name]))
        for factor in study.factors
        if levels[factor.name] != factor.reference.name
    ]
    return one_line(", ".join(differences)) or "full model"


def cell_list(study: Study, cells: Sequence[Cell], *, most: int = 4) -> str:
    """Return a few cells by their differences, such as ``[no residual] and [no norm]``."""
    return enumeration([f"[{describe(study, dict(cell.levels))}]" for cell in cells], most=most)


def _level_text(factor: str, level: str) -> str:
    texts = {"absent": f"no {factor}", "present": f"with {factor}"}
    return texts.get(level, f"{factor}={level}")


def _with_unit(number: str, unit: str) -> str:
    return f"{number}{NO_BREAK}{unit}" if unit and number != MISSING else number


def _interval(low: str, high: str) -> str:
    return MISSING if MISSING in (low, high) else f"[{low}, {high}]"
