"""A text file with a table: its encoding, its separator, its heading and its rows."""

from __future__ import annotations

import codecs
import csv
import difflib
import io
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from ablate.errors import RequestError
from ablate.report.results.exports import find_column
from ablate.wording import error_message, escaped_name

SEPARATORS = (",", ";", "\t", "|")
MOST_BYTES = 50_000_000
"""Of a file with a row a run; reading it takes a hundred times as much memory."""
HEAD_LINES = 60
"""Lines among which the separator and the heading are looked for."""
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
WORKBOOKS = {b"PK\x03\x04": "an Excel workbook or another archive", b"PAR1": "a Parquet file"}
"""How files begin that hold tables and are no text."""


def read_table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """The table as text, its index the number of each row as in a spreadsheet.

    Args:
        path: The file.
        columns: The columns that the heading should have, by which it is recognised.

    Raises:
        RequestError: The file cannot be read as a table.
    """
    text = _read_text(path)
    separator, start = _heading(text, columns)
    try:
        records = list(enumerate(_records(text, separator, strict=True), start=1))
    except csv.Error as error:
        raise RequestError(f"Cannot read {path} as CSV: {error}.") from None
    if not records:
        raise RequestError(f"Cannot read {path} as CSV: it is empty.")
    names = _trimmed(_names(records[start][1]), 0)
    rows = [(number, _trimmed(row, len(names))) for number, row in records[start + 1 :]]
    rows = [(number, row) for number, row in rows if any(row) and not _is_comment(row, names)]
    if _has_row_numbers(rows, names):
        names = ["", *names]
    _check(names, rows, path)
    cells = [[*row, *[""] * (len(names) - len(row))] for _, row in rows]
    return pd.DataFrame(cells, index=[number for number, _ in rows], columns=names, dtype=str)


def _refuse_large(path: Path) -> None:
    size = os.path.getsize(path) if os.path.isfile(path) else 0
    if size > MOST_BYTES:
        raise RequestError(
            f"Expected a row for each run, in at most {MOST_BYTES / 1e6:.0f} MB; "
            f"{escaped_name(path)} has {size / 1e6:,.0f} MB."
        )


def _read_text(path: Path) -> str:
    """The text of a file in any of the usual encodings."""
    if os.path.exists(path) and not os.path.isfile(path):  # opening a pipe would block
        raise RequestError(
            f"Expected runs= to be a CSV file; {escaped_name(path)} is a folder, a pipe or a "
            f"device. Save the results in a file first."
        )
    _refuse_large(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise RequestError(_missing_file(path)) from None
    except (OSError, ValueError, MemoryError) as error:
        raise RequestError(f"Cannot read {path} as CSV: {error_message(error)}.") from None
    for start, kind in WORKBOOKS.items():
        if content.startswith(start):
            raise RequestError(f"Expected a text file such as CSV; {path} is {kind}. Export it.")
    encodings = [name for mark, name in BYTE_ORDER_MARKS.items() if content.startswith(mark)]
    if not encodings and b"\0" in content[:1000]:
        encodings = ["utf-16-le" if content[1:2] == b"\0" else "utf-16-be"]
    for encoding in encodings or ["utf-8", "cp1252", "latin-1"]:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise RequestError(f"Cannot read {path} as CSV: it holds bytes that are no text.")


def _missing_file(path: Path) -> str:
    folder = path.parent
    others = [file.name for file in folder.glob("*.?sv")] if folder.is_dir() else []
    close = difflib.get_close_matches(path.name, others, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    known = f" Known: {', '.join(sorted(others))}." if others else ""
    return f"No file {path}.{hint}{known}"


def _heading(text: str, columns: Sequence[str]) -> tuple[str, int]:
    """The separator, and the index of the record that is the heading.

    The heading is the first record with the most of the columns that are asked for; notes and
    settings may come before it. If none has any, it is the first record that is no note.
    """
    head = "\n".join(text.splitlines()[:HEAD_LINES])
    best, chosen = (0, 0, 0), ("", 0)
    first, widest = (SEPARATORS[0], 0), 0
    for separator in SEPARATORS:
        try:
            records = [_names(record) for record in _records(head, separator)]
        except csv.Error:
            continue
        plain = next((index for index, names in enumerate(records) if not _is_note(names)), 0)
        if records and len(records[plain]) > widest:
            first, widest = (separator, plain), len(records[plain])
        for index, names in enumerate(records):
            found = sum(find_column(column, names) is not None for column in columns)
            quality = (found, len(names), -index)
            if found and quality > best:
                best, chosen = quality, (separator, index)
    return chosen if chosen[0] else first


def _records(text: str, separator: str, *, strict: bool = False) -> Iterator[list[str]]:
    stream = io.StringIO(text, newline="")
    return csv.reader(stream, delimiter=separator, skipinitialspace=True, strict=strict)


def _names(record: Sequence[str]) -> list[str]:
    """The names of a heading, without the sign of a note before the first one."""
    names = [name.strip() for name in record]
    if names and names[0].startswith("# "):
        names[0] = names[0].removeprefix("# ").strip()
    return names


def _is_note(names: Sequence[str]) -> bool:
    return not any(names) or names[0].startswith(("#", "sep="))


def _trimmed(row: Sequence[str], columns: int) -> list[str]:
    """The values of a row without spaces, and without empty ones that have no column."""
    values = [value.strip() for value in row]
    while len(values) > columns and not values[-1]:
        values.pop()
    return values


def _has_row_numbers(rows: Sequence[tuple[int, list[str]]], names: Sequence[str]) -> bool:
    """Whether rows begin with their number, for which R writes no name into the heading."""
    counted = [str(number) for number in range(1, len(rows) + 1)]
    return (
        bool(rows)
        and all(len(row) == len(names) + 1 for _, row in rows)
        and [row[0] for _, row in rows] == counted
    )


def _is_comment(row: Sequence[str], names: Sequence[str]) -> bool:
    return row[0].startswith("#") and len(row) != len(names)


def _check(names: Sequence[str], rows: Sequence[tuple[int, list[str]]], path: Path) -> None:
    """Refuse a table that would be read in a way that its author did not mean."""
    for name, count in Counter(names).items():
        if name and count > 1:
            raise RequestError(
                f"Expected every column of {path} once; received {name!r} {count} times."
            )
    for number, row in rows:
        if len(row) > len(names):
            raise RequestError(
                f"Expected as many values as names in every row of {path}; received {len(row)} "
                f"values for the {len(names)} names in row {number}. Separate values by "
                f"semicolons if numbers have decimal commas."
            )
    if not rows:
        raise RequestError(f"Expected one row for each run in {path}; received no row.")
