"""The disk that holds a study: whether it can be written, and what to report when it cannot."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TextIO

from ablate.errors import RequestError
from ablate.store.reader import open_file

UNWRITABLE = {
    errno.ENOSPC: "it is full",
    errno.EDQUOT: "your quota on it is used up",
    errno.EFBIG: "a file would be larger than is allowed",
    errno.EROFS: "it is read-only",
    errno.EIO: "it reports an input/output error",
}
"""Errors of the disk, not of the program, with what users read."""
UNKNOWN_CAUSE = "it is full, or a file would be larger than is allowed"
BUFFER_BYTES = 1 << 20


class UnwritableError(Exception):
    """The disk cannot be written; files that exist are complete. Users read the message."""


def is_disk_error(error: BaseException) -> bool:
    """Whether an error means that the disk cannot be written."""
    return isinstance(error, OSError) and (error.errno in UNWRITABLE or _is_short_write(error))


def describe_disk_error(error: OSError, path: Path) -> str:
    """What is wrong with the disk that holds a path."""
    cause = UNWRITABLE.get(error.errno or 0, error.strerror or UNKNOWN_CAUSE)
    return (
        f"Cannot write to the disk that holds {path}: {cause} ({_free_bytes(path) / 1e6:.1f} MB "
        f"free). Finished runs are safe."
    )


def _is_short_write(error: OSError) -> bool:
    # NumPy reports how much of an array was written, without the cause.
    return error.errno is None and "requested and" in str(error)


def check_disk_space(path: Path, *, needed: int = 0) -> None:
    """Check before training that a folder can be written and has enough space.

    Args:
        path: The folder; created if it does not exist.
        needed: Bytes that the study will write there.

    Raises:
        RequestError: It cannot be written, or has less space.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".probe.{os.getpid()}"
        remove(probe)  # it may be a link, to a file of the user
        with probe.open("xb") as file:
            file.write(b"probe")
        probe.unlink()
    except OSError as error:
        raise RequestError(
            f"Expected to write in {path}; {error.strerror}. Work in a directory that you may "
            f"write to."
        ) from error
    if (free := _free_bytes(path)) < needed:
        raise RequestError(
            f"Expected {needed / 1e6:.0f} MB free on the disk that holds {path}; found "
            f"{free / 1e6:.0f} MB. Free some space, or work on another disk."
        )


def _free_bytes(path: Path) -> int:
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def remove(path: Path) -> None:
    """Remove a file, a link, or a folder with all that it holds; a link is not followed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    elif os.path.lexists(path):
        path.unlink(missing_ok=True)


def make_way(path: Path) -> None:
    """Remove what is at the path of a file, unless it is a file."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if not stat.S_ISREG(path.lstat().st_mode):
            remove(path)


def clear_links(path: Path, *, below: Path) -> None:
    """Remove what is no folder from a path; what a link leads to is not touched.

    Args:
        path: The path of a folder.
        below: A folder above it, which stays as it is, be it a link or not.
    """
    place = below
    for part in path.relative_to(below).parts:
        place /= part
        if place.is_symlink() or not place.is_dir():
            remove(place)


def make_folder(path: Path, *, below: Path) -> None:
    """Make a folder, also where it or a folder above it is a link or a file; see `clear_links`."""
    clear_links(path, below=below)
    path.mkdir(parents=True, exist_ok=True)


def open_to_append(path: Path) -> TextIO:
    """Open a text file to add to its end; anything else at its path is removed first."""
    make_way(path)
    descriptor = open_file(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    return open(descriptor, "a", encoding="utf-8")


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that it exists completely or, on any failure, as it was before.

    Anything else at its path is removed first.
    """
    make_way(path)
    with open_atomically(path) as file:
        file.write(text.encode("utf-8"))


@contextlib.contextmanager
def open_atomically(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Open a file for writing; it replaces the file at `path` when the block ends without error.

    Args:
        path: Where the file will be.
        durable: Whether the file must survive a loss of power as soon as this returns, not only
            after the system has written it to the disk by itself.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    remove(temporary)  # of a killed process that had the same number
    with temporary.open("xb", buffering=BUFFER_BYTES) as file:
        yield file
        file.flush()
        if durable:
            os.fsync(file.fileno())
    temporary.replace(path)
