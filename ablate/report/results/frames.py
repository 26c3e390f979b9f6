"""A pandas table of any types as the text that results are read from."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ablate.errors import RequestError


def as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """The table as text, its index the number of each row from 0; named indices become columns.

    Raises:
        RequestError: A text holds half of a character.
    """
    named = [name for name in frame.index.names if name is not None]
    plain = frame.reset_index(named) if named else frame
    cells = {str(name): [_text(value) for value in plain[name]] for name in plain.columns}
    for name, values in cells.items():
        for row, value in enumerate([name, *values]):
            _check_characters(value, name, row)
    return pd.DataFrame(cells, dtype=str)


def _check_characters(text: str, column: str, row: int) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        place = f"row {row - 1} of the column" if row else "the name of the column"
        raise RequestError(
            f"Expected text of whole characters; received {text!a} as {place} {column!a}."
        ) from None


def _text(value: Any) -> str:
    if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
        return ""
    return str(value).strip()
