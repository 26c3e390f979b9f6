"""A pandas table of any types as the text that results are read from."""

from __future__ import annotations

from typing import Any

import pandas as pd


def as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """The table as text, its index the number of each row from 0; named indices become columns."""
    named = [name for name in frame.index.names if name is not None]
    plain = frame.reset_index(named) if named else frame
    cells = {str(name): [_text(value) for value in plain[name]] for name in plain.columns}
    return pd.DataFrame(cells, dtype=str)


def _text(value: Any) -> str:
    if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
        return ""
    return str(value).strip()
