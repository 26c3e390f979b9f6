"""IDX files, in which MNIST and data sets like it are published: an array of bytes in each."""

from __future__ import annotations

import gzip
import math
import os
import re
import struct
import zlib
from io import BufferedReader
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ablate.data.folders import entries
from ablate.data.memory import check_fits
from ablate.errors import RequestError
from ablate.wording import enumeration, escaped_name, one_line

NAMES = {
    "x_train": r"train[-_.]images[-_.]idx3[-_.]ubyte",
    "y_train": r"train[-_.]labels[-_.]idx1[-_.]ubyte",
    "x_test": r"(t10k|test)[-_.]images[-_.]idx3[-_.]ubyte",
    "y_test": r"(t10k|test)[-_.]labels[-_.]idx1[-_.]ubyte",
}
"""How the file of each array is called; `.gz` may follow."""
USUAL = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
BYTES_TYPE = 8
"""The type code of an array of bytes."""
AXES = {"x": 3, "y": 1}
"""Axes of the array of images and of labels."""


def find(folder: Path) -> dict[str, Path]:
    """The files of a folder by array, the one that is not compressed where it has both."""
    found: dict[str, Path] = {}
    for entry in sorted(entries(folder), key=lambda entry: entry.suffix.lower() == ".gz"):
        for key, pattern in NAMES.items():
            if os.path.isfile(entry) and re.fullmatch(
                rf"{pattern}(\.gz)?", entry.name, re.IGNORECASE
            ):
                found.setdefault(key, entry)
    return found


def read_folder(folder: Path) -> dict[str, NDArray[np.uint8]]:
    """The arrays of a folder that `find` finds files in.

    Raises:
        RequestError: A file is missing, damaged or of another kind.
    """
    found = find(folder)
    if missing := [USUAL[key] for key in NAMES if key not in found]:
        raise RequestError(
            f"Expected the four IDX files of a data set in {escaped_name(folder)}, each possibly "
            f"with .gz; there is no {enumeration(missing)}."
        )
    return {key: read(found[key], axes=AXES[key[0]]) for key in NAMES}


def read(file: Path, *, axes: int) -> NDArray[np.uint8]:
    """The array of a file, also of one that gzip has compressed.

    Args:
        file: The file.
        axes: How many axes the array must have.

    Raises:
        RequestError: The file is damaged, or holds something else.
    """
    try:
        with _open(file) as stream:
            return _parse(stream, file, axes)
    except (OSError, EOFError, zlib.error) as error:
        reason = one_line(getattr(error, "strerror", None) or error)
        raise RequestError(
            f"Expected the IDX file {escaped_name(file)} to be readable; {reason}."
        ) from error


def _open(file: Path) -> gzip.GzipFile | BufferedReader:
    stream = file.open("rb")
    compressed = stream.read(2) == b"\x1f\x8b"  # some tools decompress and keep the .gz
    stream.close()
    return gzip.open(file, "rb") if compressed else file.open("rb")


def _parse(stream: gzip.GzipFile | BufferedReader, file: Path, axes: int) -> NDArray[np.uint8]:
    header = stream.read(4 + 4 * axes)
    if len(header) < 4 + 4 * axes or header[:4] != bytes((0, 0, BYTES_TYPE, axes)):
        raise RequestError(
            f"Expected an IDX file of bytes with {axes} axes; {escaped_name(file)} starts with "
            f"{header[:4].hex(' ') or 'nothing'}."
        )
    shape = struct.unpack(f">{axes}I", header[4:])
    size = math.prod(shape)
    check_fits(size, f"{escaped_name(file)} with {size / 1e9:.1f} GB.")
    # One byte more shows whether there is more than the header says; a few bytes may hold any size.
    content = stream.read(size + 1)
    if len(content) != size:
        held = "more" if len(content) > size else f"{len(content)}"
        raise RequestError(
            f"Expected {size} values after the header of {escaped_name(file)}, {_axes(shape)}; "
            f"received {held}. The file is damaged."
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def _axes(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
