"""Photographs that a CSV file lists, with one label, several labels or a box in each row."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablate.data.class_folders import PART_NAMES
from ablate.data.csv_table import Row, Table, read_table
from ablate.data.folders import (
    NAMED,
    check_counts,
    check_folder,
    check_image_size,
    name_within,
    path_fault,
    read_photographs,
    refuse,
)
from ablate.data.images import Images, Split, Unsplit, byte_notes, byte_scale
from ablate.data.parts import in_parts
from ablate.data.photograph import FORMATS, upright_size
from ablate.data.stored import take
from ablate.errors import RequestError
from ablate.fields import check_choice
from ablate.wording import escaped_name, first_few, quantity

BOX = ("x0", "y0", "x1", "y1")
"""The columns of a box: its left, upper, right and lower edge in pixels of the file."""


def load(  # noqa: PLR0913 - one keyword a key of conf/data/image_csv.yaml
    *,
    path: str,
    image_size: Sequence[int],
    task: str | None = None,
    folder: str | None = None,
    file: str = "file",
    label: str = "label",
    separator: str | None = None,
    part: str | None = None,
    split_seed: int = 0,
) -> Images | Unsplit:
    """The photographs of a CSV file, resized to one size.

    Its first row names the columns; commas, semicolons or tabs stand between them. Without a column
    of parts, 60, 20 and 20 % of the images are the parts. Every file is decoded before any
    training; `ablate.data.photograph.read` describes how a file becomes pixels.

    Args:
        path: The CSV file; relative to the working directory.
        image_size: Height and width in pixels to which each photograph is resized.
        task: What each row holds: one label (``classification``), several (``multilabel``), or a
            label and a box in the columns x0, y0, x1 and y1 (``boxes``); None: boxes if there are
            these columns, several labels with a separator, or else one label.
        folder: The folder that the names of files start from; None: that of the CSV file.
        file: The column of file names.
        label: The column of labels.
        separator: What stands between the labels of an image, such as ``|``.
        part: The column with train, val or test for each image; None: there is none. Without rows
            for test, those of val are the test part.
        split_seed: Seed of the parts that are split.

    Raises:
        RequestError: The file or an argument is not as described, or photographs are missing or
            bad.
    """
    height, width = check_image_size(image_size)
    table = read_table(path)
    form = _form(table, task, separator)
    columns = {"data.file": file, "data.label": label}
    columns |= {} if part is None else {"data.part": part}
    for key, column in columns.items():
        table.check_column(column, key)
    root = table.file.parent if folder is None else check_folder(folder, "data.folder")
    files = _files(table, root, column=file)
    make = _targets(form, table, label=label, separator=separator)
    own = None if part is None else _part_of_each(table, part)
    x, broken = read_photographs(files, height=height, width=width)
    refuse(broken, root)
    y, notes = make.targets(files)
    scale = byte_scale(x)
    known: dict[str, Any] = {
        "classes": tuple(map(escaped_name, make.classes)),
        "scale": scale,
        "notes": (*_part_notes(own), *notes, *byte_notes(x, scale)),
        "task": form,
    }
    return in_parts(_parts(Split(x, y), own), split_seed=split_seed, known=known)


def _part_notes(own: NDArray[np.str_] | None) -> tuple[str, ...]:
    """A note on parts of which none is for testing."""
    if own is None or "validation" not in own or "test" in own:
        return ()
    return (
        "No row is for test, so those of val are the test part, and a fifth of train is for "
        "validation.",
    )


def _parts(rest: Split, own: NDArray[np.str_] | None) -> dict[str, Split]:
    """The images of each part, by name."""
    if own is None:
        return {"train": rest}
    rows = {str(part): np.flatnonzero(own == part) for part in np.unique(own)}
    return {part: Split(take(rest.x, each), rest.y[each]) for part, each in rows.items()}


@dataclass(frozen=True, slots=True)
class _Targets:
    """What the rows ask for.

    Attributes:
        classes: The names of the classes.
        targets: Returns the targets of the files, and notes.
    """

    classes: tuple[str, ...]
    targets: Callable[[Sequence[Path]], tuple[NDArray[Any], tuple[str, ...]]]


def _form(table: Table, task: str | None, separator: str | None) -> str:
    """The task of the rows."""
    if separator is not None and (not isinstance(separator, str) or not separator):
        raise RequestError(
            f"Expected data.separator to be what stands between labels, such as '|', or null; "
            f"received {separator!r}."
        )
    if task is None:
        has_boxes = set(BOX) <= set(table.columns) and separator is None
        task = "boxes" if has_boxes else "classification" if separator is None else "multilabel"
    check_choice(task, "data.task", choices=("classification", "multilabel", "boxes"))
    if (task == "multilabel") != (separator is not None):
        raise RequestError(
            f"Expected data.separator, such as '|', for several labels an image, and for no other "
            f"task; received data.task={task} and data.separator={separator!r}."
        )
    return task


def _files(table: Table, root: Path, *, column: str) -> list[Path]:
    """The photograph of each row; names may lack their extension.

    Raises:
        RequestError: Some are missing, or cannot be photographs, or are in two rows.
    """
    names = [row.cells[column] for row in table.rows]
    files = [_with_extension(root / os.path.expanduser(name)) for name in names]
    missing = [
        name
        for name, file in zip(names, files, strict=True)
        if not name or not os.path.exists(file)
    ]
    if missing:
        raise RequestError(
            f"Expected the files of {escaped_name(table.path)} in {escaped_name(root)}; "
            f"{len(missing)} of {len(files)} missing: "
            f"{first_few([escaped_name(name) or '(no name)' for name in missing], most=NAMED)}. "
            f"See data.folder."
        )
    twice = [file for file, count in Counter(files).items() if count > 1]
    if twice:
        names = [name_within(file, root) for file in twice]
        raise RequestError(
            f"Expected one row for each file in {escaped_name(table.path)}; "
            f"{quantity(len(names), 'file')} in several: {first_few(names, most=NAMED)}."
        )
    faults = {file: path_fault(file, extensions=FORMATS) for file in files}
    refuse({file: fault for file, fault in faults.items() if fault}, root)
    return files


def _with_extension(file: Path) -> Path:
    if os.path.exists(file) or file.suffix.lower() in FORMATS:
        return file
    found = [each for each in (Path(f"{file}{end}") for end in FORMATS) if os.path.exists(each)]
    return found[0] if found else file


def _part_of_each(table: Table, column: str) -> NDArray[np.str_]:
    """The part of each row.

    Raises:
        RequestError: A row has something else, or no image is for training.
    """
    found = []
    for row in table.rows:
        name = row.cells[column]
        parts = [part for part, form in PART_NAMES.items() if re.fullmatch(form, name, re.I)]
        if not parts:
            raise RequestError(
                f"Expected train, val or test in column {column} of {escaped_name(table.path)}; "
                f"line {row.number} has {name!r}."
            )
        found += parts
    if "train" not in found:
        raise RequestError(
            f"Expected images for train in column {column} of {escaped_name(table.path)}; there "
            f"are none."
        )
    return np.array(found)


def _targets(form: str, table: Table, *, label: str, separator: str | None) -> _Targets:
    """What the rows ask for, checked as far as the table alone tells.

    Raises:
        RequestError: A label is missing, all are equal, or a box is none.
    """
    if separator is not None:
        return _several_labels(table, label, separator)
    labels = [row.cells[label] for row in table.rows]
    for row, name in zip(table.rows, labels, strict=True):
        if not name:
            raise RequestError(
                f"Expected a label in column {label} of {escaped_name(table.path)}; line "
                f"{row.number} has none."
            )
    classes = _in_order(labels, table, label)
    indices = np.array([classes.index(name) for name in labels], np.int64)
    if form == "classification":
        counts = Counter(labels)
        check_counts({name: counts[name] for name in classes}, table.path)
        return _Targets(classes, lambda files: (indices, ()))
    boxes = np.array([_box(row, table) for row in table.rows], np.float64)
    return _Targets(classes, lambda files: _box_targets(table, boxes, indices, files))


def _in_order(labels: Sequence[str], table: Table, column: str) -> tuple[str, ...]:
    """The distinct labels in order; whole numbers by their value."""
    names = set(labels)
    if len(names) < 2:
        raise RequestError(
            f"Expected two different labels or more in column {column} of "
            f"{escaped_name(table.path)}; received "
            f"{f'{next(iter(names))!r} in every row' if names else 'none'}."
        )
    if all(re.fullmatch(r"\d{1,18}", name, re.ASCII) for name in names):
        return tuple(sorted(names, key=int))
    return tuple(sorted(names))


def _several_labels(table: Table, column: str, separator: str) -> _Targets:
    each = [
        {name.strip() for name in row.cells[column].split(separator)} - {""} for row in table.rows
    ]
    classes = _in_order([name for names in each for name in names], table, column)
    y = np.array([[name in names for name in classes] for names in each], np.uint8)
    return _Targets(classes, lambda files: (y, ()))


def _box(row: Row, table: Table) -> tuple[float, ...]:
    """The edges of the box of a row."""
    edges = []
    for column in BOX:
        text = row.cells.get(column, "")
        try:
            edges.append(float(text))
        except ValueError:
            edges.append(math.nan)
        if not math.isfinite(edges[-1]):
            raise RequestError(
                f"Expected numbers in the columns x0, y0, x1 and y1 of "
                f"{escaped_name(table.path)}; line {row.number} has {text!r} in {column}."
            )
    left, top, right, bottom = edges
    if left >= right or top >= bottom:
        raise RequestError(
            f"Expected x0 below x1 and y0 below y1 in {escaped_name(table.path)}; line "
            f"{row.number} has {', '.join(f'{name}={row.cells[name]}' for name in BOX)}."
        )
    return tuple(edges)


def _box_targets(
    table: Table, boxes: NDArray[np.float64], indices: NDArray[np.int64], files: Sequence[Path]
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """The edges as fractions of width and height, then the class; shape `(images, 5)`.

    Raises:
        RequestError: A box is outside its image.
    """
    sizes = np.array([upright_size(file) for file in files], np.float64)
    outside = (boxes.min(axis=1) < 0) | (boxes[:, 2:] > sizes).any(axis=1)
    if outside.any():
        row = int(outside.argmax())
        cells: Mapping[str, str] = table.rows[row].cells
        raise RequestError(
            f"Expected boxes within their image; {int(outside.sum())} of {len(boxes)} outside, the "
            f"first in line {table.rows[row].number} of {escaped_name(table.path)}: "
            f"{', '.join(f'{name}={cells[name]}' for name in BOX)} for {files[row].name} of "
            f"{sizes[row, 0]:.0f} x {sizes[row, 1]:.0f} pixels."
        )
    fractions = boxes / np.tile(sizes, 2)
    notes: tuple[str, ...] = ()
    if boxes.max() <= 1:
        fractions = boxes
        notes = ("The boxes lie within 0 and 1, so they are fractions of width and height.",)
    targets = np.concatenate([fractions, indices[:, np.newaxis]], axis=1).astype(np.float32)
    return targets, notes
