"""A CSV file as a table of text: its separator, its columns and its rows."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ablate.errors import RequestError, nearest
from ablate.wording import escaped_name

SEPARATORS = (",", ";", "\t")
"""What may stand between two columns."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table.

    Attributes:
        number: Its line in the file, counted from 1.
        cells: What it holds in each column.
    """

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a CSV file.

    Attributes:
        path: Its path as the user wrote it.
        file: The file.
        columns: The names of its columns.
        rows: Its rows; empty ones are left out.
    """

    path: str
    file: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def check_column(self, name: object, key: str) -> str:
        """Return the name of a column.

        Args:
            name: The name.
            key: The key that gives it, such as ``data.label``.

        Raises:
            RequestError: There is no such column; the message names the nearest one.
        """
        if isinstance(name, str) and name in self.columns:
            return name
        raise RequestError(
            f"Expected {key} to name a column of {escaped_name(self.path)}; there is no "
            f"{name!r}.{nearest(str(name), self.columns)}"
        )


def read_table(path: object) -> Table:
    """Read a CSV file whose first row names its columns.

    Raises:
        RequestError: It cannot be read, or a row has more or fewer cells than the first.
    """
    if not isinstance(path, str) or not path:
        raise RequestError(f"Expected data.path to be the path of a CSV file; received {path!r}.")
    file = Path(os.path.expanduser(path))
    if not os.path.isfile(file):
        kind = "a folder" if os.path.isdir(file) else "no file"
        raise RequestError(f"Expected data.path to be a CSV file; {escaped_name(path)} is {kind}.")
    try:
        text = file.read_text(encoding="utf-8-sig")
        heading_line = text.partition("\n")[0]
        separator = max(SEPARATORS, key=heading_line.count)
        # Not splitlines(), which ends a line at rare characters of a cell as well.
        reader = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
        found = [(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RequestError(
            f"Expected {escaped_name(path)} to be a CSV file in UTF-8; {error}."
        ) from error
    if len(found) < 2:
        raise RequestError(f"Expected rows below the names of columns in {escaped_name(path)}.")
    (_, heading), *rest = found
    columns = tuple(map(str.strip, heading))
    _check_cells(path, columns, rest)
    rows = [
        Row(number, dict(zip(columns, map(str.strip, cells), strict=True)))
        for number, cells in rest
    ]
    return Table(path, file, columns, tuple(rows))


def _check_cells(
    path: str, columns: tuple[str, ...], rows: Sequence[tuple[int, Sequence[str]]]
) -> None:
    if len(set(columns)) < len(columns):
        raise RequestError(
            f"Expected columns with names of their own in {escaped_name(path)}; received "
            f"{', '.join(columns)}."
        )
    for number, cells in rows:
        if len(cells) != len(columns):
            raise RequestError(
                f"Expected {len(columns)} cells in each row of {escaped_name(path)}; line {number} "
                f"has {len(cells)}."
            )
