"""Numbers as people write them: with decimal commas, separators of thousands and percent signs."""

from __future__ import annotations

import math
import re

import pandas as pd

from ablate.errors import RequestError
from ablate.study.study import LARGEST

GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+", re.ASCII)
"""A number with a comma that may separate thousands as well as decimals."""


def parse_number(text: str) -> float:
    """The number that a text holds; 94.1 % is 0.941, and what is no number is NaN."""
    body = text.strip()
    percent = body.endswith("%")
    body = body.removesuffix("%").strip()
    if "," in body and "." in body:
        thousands, decimal = (",", ".") if body.rfind(",") < body.rfind(".") else (".", ",")
        body = body.replace(thousands, "").replace(decimal, ".")
    elif body.count(",") == 1:
        body = body.replace(",", ".")
    elif "," in body:
        body = body.replace(",", "")
    if "_" in body:  # which Python ignores in numbers
        return math.nan
    try:
        # Appended as an exponent, since a division would round once more.
        return float(f"{body}e-2") if percent and "e" not in body.lower() else float(body)
    except ValueError:
        return math.nan


def parse_response(column: pd.Series, complete: pd.Series, *, source: object) -> pd.Series:
    """The response as numbers: finite in every complete run, NaN in others.

    Raises:
        RequestError: A complete run has no number, or numbers are written in different ways.
    """
    values = column.map(parse_number).astype(float)
    bad = complete & ~values.map(lambda value: abs(value) < LARGEST)
    if bad.any():
        raise RequestError(
            f"Expected a finite number below {LARGEST:g} as {column.name!r} of every complete run; "
            f"row {bad.idxmax()} of {source} holds {column[bad].iloc[0]!r}. A run that failed is "
            f"left out, or has another status than complete in a column `status`."
        )
    own = column[complete]
    signs = own.str.endswith("%")
    if signs.any() and not signs.all():
        raise RequestError(
            f"Expected {column.name!r} with a percent sign in every row or in none; row "
            f"{signs.idxmin()} of {source} holds {own[~signs].iloc[0]!r}, row {signs.idxmax()} "
            f"{own[signs].iloc[0]!r}."
        )
    if own.map(lambda text: bool(GROUPED.fullmatch(text))).all():
        raise RequestError(
            f"Expected {column.name!r} with decimal points; every value of {source} has three "
            f"digits after a comma, such as {own.iloc[0]!r}, which may be thousands."
        )
    return values.where(complete)
