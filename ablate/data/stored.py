"""Arrays of images that may be larger than the memory: on the disk, and used piece by piece.

An array on the disk is a `numpy.memmap`. Its pages count as memory of the process once they are
used, so functions that walk through an array give them back piece by piece.
"""

from __future__ import annotations

import errno
import math
import mmap
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ablate.data.memory import fits
from ablate.errors import RequestError
from ablate.wording import escaped_name

PIECE_BYTES = 1 << 24
"""Bytes of an array that are used at once."""


def allocate(shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
    """An array of zeros: in the memory if it fits twice into it, or else on the disk.

    The file has no name and ends with the array, however the process ends. It is in the working
    directory, which holds the files of a study: the usual folder for such files may be in memory.

    Raises:
        RequestError: The disk has no room for it.
    """
    size = math.prod(max(axis, 1) for axis in shape) * np.dtype(dtype).itemsize
    if fits(size):
        return np.zeros(shape, dtype)
    folder = Path.cwd()
    try:
        if size > shutil.disk_usage(folder).free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with tempfile.TemporaryFile(dir=folder) as file:
            # A write into a mapped file that finds no room would kill the process.
            os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, dtype, mode="r+", shape=tuple(shape))
    except OSError as error:
        raise RequestError(
            f"Expected room in the memory or in {escaped_name(folder)} for images of "
            f"{size // 10**6} MB; {error.strerror}. Give a smaller data.image_size."
        ) from error


def is_on_disk(array: NDArray[Any]) -> bool:
    """Whether the values of an array are on the disk."""
    return isinstance(array, np.memmap)


def release(array: NDArray[Any]) -> None:
    """Give back the memory of an array on the disk; its values are read again when used."""
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    if is_on_disk(array) and isinstance(base, mmap.mmap):
        base.madvise(mmap.MADV_DONTNEED)


def pieces(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """An array row by row, in pieces of a bounded size if it is on the disk."""
    if not is_on_disk(array):
        yield array
        return
    rows = rows_at_once(array)
    for first in range(0, len(array), rows):
        yield array[first : first + rows]
        release(array)


def rows_at_once(array: NDArray[Any]) -> int:
    """How many rows of an array are used at once."""
    return max(1, PIECE_BYTES * len(array) // max(array.nbytes, 1))


def read_rows(array: NDArray[Any], rows: NDArray[Any]) -> NDArray[Any]:
    """Copies of some rows of an array, from its file if it has one with a name.

    A page of a mapped file comes with its neighbours, so that a few rows at random would take as
    much memory as the whole array.
    """
    if not isinstance(array, np.memmap) or array.filename is None:
        return np.asarray(array[rows])
    if not isinstance(array.base, mmap.mmap):
        raise ValueError("Expected a whole array of a file; received a part of one.")
    found = np.empty((len(rows), *array.shape[1:]), array.dtype)
    buffers = found.reshape(len(rows), -1).view(np.uint8)
    with open(array.filename, "rb", buffering=0) as file:
        for buffer, row in zip(buffers, rows.tolist(), strict=True):
            start = array.offset + row * len(buffer)
            if os.preadv(file.fileno(), [buffer], start) != len(buffer):
                raise OSError(errno.EIO, f"{array.filename} is shorter than it was")
    return found


def take(array: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[Any]:
    """Some rows of an array, as an array of their own."""
    if not is_on_disk(array):
        return array[rows]
    chosen = allocate((len(rows), *array.shape[1:]), array.dtype)
    step = rows_at_once(array)
    for first in range(0, len(rows), step):
        chosen[first : first + step] = array[rows[first : first + step]]
        release(array)
        release(chosen)
    return chosen


def change(array: NDArray[Any], function: Callable[[NDArray[Any]], NDArray[Any]]) -> NDArray[Any]:
    """The values of an array after a function of the same shape and type, in the same place."""
    for piece in pieces(array):
        piece[...] = function(piece)
    return array


def bounds(array: NDArray[Any]) -> tuple[Any, Any]:
    """The smallest and the largest value of an array; NaN if one is."""
    found = [(piece.min(), piece.max()) for piece in pieces(array)]
    low, high = zip(*found, strict=True)
    return np.min(low), np.max(high)
