"""How the numbers, cells and sentences of a study are written for people."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ablate.study.design import Cell
from ablate.study.response import Response
from ablate.study.study import Study
from ablate.wording import MINUS, MISSING, NO_BREAK, decimal, enumeration, one_line

ROUNDING = 1e-9
"""What a logarithm may miss of a whole number."""
FURTHER_DIGITS = 4
"""Most decimals by which an interval is shown more exactly than its estimate."""
FULL_MODEL = "full model"
"""How a cell that does not differ from the full model is called."""
LARGE = 1e7
"""Responses of this size are written as powers of ten."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How the numbers of one response are written.

    Attributes:
        title: The response in words, such as ``test accuracy``.
        factor: What a stored number is multiplied by: 100 for fractions.
        digits: Decimals shown.
        unit: Written after a value, such as ``%``.
        difference_unit: Written after a difference, such as ``points``.
        margin: The margin of the study, as stored; NaN for a response without one.
    """

    title: str
    factor: float
    digits: int
    unit: str
    difference_unit: str
    margin: float = math.nan

    def number(self, value: float) -> str:
        """Return a value without its unit."""
        return self._text(value, self.digits)

    def value(self, value: float) -> str:
        """Return a value with its unit."""
        return _with_unit(self.number(value), self.unit)

    def signed(self, difference: float) -> str:
        """Return a difference with its sign and without its unit."""
        return self._text(difference, self.digits, sign=True)

    def size(self, difference: float) -> str:
        """Return the size of a difference with its unit; one that is not 0 is never shown as 0."""
        shown = abs(difference * self.factor)
        if 0 < shown < 0.5 * 10.0**-self.digits:
            return _with_unit(f"{shown:.2g}", self.difference_unit)
        return _with_unit(self.number(difference), self.difference_unit)

    def interval(self, low: float, high: float) -> str:
        """Return both ends of an interval of values."""
        return _interval(self.number(low), self.number(high))

    def signed_interval(self, low: float, high: float) -> str:
        """Return both ends of an interval of differences."""
        return _interval(*self.signed_ends(low, high))

    def signed_ends(self, low: float, high: float) -> tuple[str, str]:
        """Return both ends of an interval of differences, each with its sign.

        They have more decimals where rounding would hide on which side of 0 or of the margin an
        end is, and with it the reason of a verdict.
        """
        digits = self.digits
        while digits < self.digits + FURTHER_DIGITS and any(
            self._hides_side(end, digits) for end in (low, high)
        ):
            digits += 1
        return self._text(low, digits, sign=True), self._text(high, digits, sign=True)

    def _hides_side(self, end: float, digits: int) -> bool:
        """Return whether an end is shown as 0 or as the margin though it is neither."""
        shown = round(abs(end * self.factor), digits)
        return any(
            shown == round(limit * self.factor, digits)
            and not math.isclose(abs(end), limit, rel_tol=ROUNDING, abs_tol=ROUNDING * self.margin)
            for limit in (0.0, self.margin)
            if math.isfinite(limit) and math.isfinite(end)
        )

    def _text(self, value: float, digits: int, *, sign: bool = False) -> str:
        shown = value * self.factor
        if math.isfinite(shown) and abs(shown) >= LARGE:
            return f"{shown:{'+' if sign else ''}.3g}".replace("-", MINUS)
        return decimal(shown, digits, sign=sign)


def scale_of(study: Study, index: int = 0) -> Scale:
    """Return the scale of a response of a study; that of the first shows a tenth of the margin."""
    response = study.responses[index]
    if index:
        return response_scale(response)
    factor = response_scale(response).factor
    digits = min(8, max(0, 1 - math.floor(math.log10(study.margin * factor) + ROUNDING)))
    return replace(response_scale(response, digits=digits), margin=study.margin)


def response_scale(response: Response, *, digits: int | None = None) -> Scale:
    """Return the scale of a response, with the given decimals or those that suit its unit."""
    fraction = response.unit == "fraction"
    unit, difference_unit = {
        "fraction": ("%", "points"),
        "percent": ("%", "points"),
        "seconds": ("s", "s"),
    }.get(response.unit, (response.unit, response.unit))
    if digits is None:
        digits = 2 if response.unit in ("fraction", "percent", "seconds") else 4
    title = one_line(response.name.replace("_", " "))
    return Scale(title, 100.0 if fraction else 1.0, digits, unit, difference_unit)


def amount(study: Study, difference: float, *, sign: bool = False) -> str:
    """Return a difference of the first response for a sentence, such as ``1.25 points``."""
    scale = scale_of(study)
    if not sign:
        return scale.size(difference).replace(NO_BREAK, " ")
    return f"{scale.signed(difference)} {scale.difference_unit}".rstrip()


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
    return one_line(", ".join(differences)) or FULL_MODEL


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
