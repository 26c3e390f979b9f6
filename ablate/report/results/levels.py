"""The columns of factors and of the seed: words that become levels and numbers of pairs."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ablate.errors import RequestError, nearest
from ablate.report.results.request import Request
from ablate.study.study import Factor, Level

TRUTH = dict.fromkeys(("true", "yes", "on", "y", "present"), "present") | dict.fromkeys(
    ("false", "no", "off", "n", "absent"), "absent"
)
NOTHING = "none"
"""The level of an empty cell, such as that of a parameter that was not set."""


@dataclass(frozen=True, slots=True)
class Seeds:
    """What pairs runs.

    Attributes:
        labels: The label of each run as the file has it; empty where the request names no column.
        numbers: A whole number for each label; missing where there is no label.
        names: The label of each number, if labels are no whole numbers of 0 or more.
    """

    labels: pd.Series
    numbers: pd.Series
    names: tuple[str, ...] = ()


def read_levels(column: pd.Series) -> pd.Series:
    """The level of each run: true, yes and on count as ``present``, their opposites as ``absent``.

    An empty cell is the level ``none``, or the opposite of the only other level if that is a truth
    value.

    Raises:
        RequestError: The column has empty cells and the word none.
    """
    empty = column == ""
    known = {word: TRUTH.get(word.lower()) for word in column[~empty].unique()}
    truths = set(known.values())
    is_switch = None not in truths and len(truths) == len(known)
    if not empty.any():
        return column.map(known) if is_switch and known else column
    if is_switch and len(known) == 1:
        (level,) = truths
        return column.map(known).mask(empty, "absent" if level == "present" else "present")
    if is_switch or NOTHING in {str(word).lower() for word in known}:
        words = ", ".join(sorted(map(str, known))) or "none at all"
        raise RequestError(
            f"Expected a level in every row of column {column.name!r}, since empty cells could be "
            f"one of its levels, {words}; row {empty.idxmax()} is empty."
        )
    return column.mask(empty, NOTHING)


def read_factor(name: str, levels: pd.Series, *, request: Request) -> Factor:
    """The factor of a column of levels, its reference level first.

    Raises:
        RequestError: There are fewer than two levels, or no reference level of that name.
    """
    seen = list(dict.fromkeys(levels))
    if len(seen) < 2:
        raise RequestError(
            f"Factor {name!r} needs two or more distinct levels; {request.runs} holds only "
            f"{seen[0]!r}."
        )
    reference = "present" if "present" in seen else seen[0]
    if name in request.reference:
        reference = _requested_level(name, request.reference[name], seen)
    seen.sort(key=lambda word: word != reference)
    return Factor(name, tuple(Level(word) for word in seen))


def guessed_reference(request: Request, factors: Sequence[Factor]) -> tuple[str, ...]:
    """The factors whose reference level is only the first in the file."""
    return tuple(
        factor.name
        for factor in factors
        if factor.name not in request.reference and factor.reference.name != "present"
    )


def read_seeds(table: pd.DataFrame, complete: pd.Series, *, request: Request) -> Seeds:
    """What pairs the runs: any label does, such as a fold.

    Raises:
        RequestError: A complete run has no label.
    """
    if not request.seed:
        return Seeds(pd.Series("", table.index), pd.Series(pd.NA, table.index, dtype="Int64"))
    labels = table[request.seed]
    empty = labels == ""
    if (empty & complete).any():
        raise RequestError(
            f"Expected a seed, or another label that pairs runs, in every row of column "
            f"{request.seed!r}; row {(empty & complete).idxmax()} of {request.runs} has none."
        )
    if labels[~empty].str.fullmatch(r"[0-9]{1,18}([.,]0+)?").all():
        whole = labels.str.extract(r"^([0-9]+)", expand=False)
        return Seeds(labels, whole.where(~empty).astype("Int64"))
    names = tuple(dict.fromkeys(labels[~empty]))
    numbers = labels.map({label: number for number, label in enumerate(names)})
    return Seeds(labels, numbers.astype("Int64"), names)


def _requested_level(name: str, value: Any, seen: Sequence[str]) -> str:
    """The level that a request means; its value may have been read as a number or boolean."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    for word in (text, TRUTH.get(text.lower(), text)):
        if word in seen:
            return word
    equal = [word for word in seen if _as_number(word) == _as_number(text)]
    if len(equal) == 1:
        return equal[0]
    raise RequestError(f"Factor {name!r} has no level {text!r}.{nearest(text, seen)}")


def _as_number(word: str) -> float:
    number = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?"
    return float(word) if re.fullmatch(number, word, re.IGNORECASE) else math.nan
