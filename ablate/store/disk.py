"""The disk that a study lies on: whether it can be written, and what to say when it cannot."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from ablate.errors import RequestError

UNWRITABLE = {
    errno.ENOSPC: "it is full",
    errno.EDQUOT: "your quota on it is used up",
    errno.EFBIG: "a file would be larger than is allowed",
    errno.EROFS: "it is read-only",
    errno.EIO: "it does not answer as it should",
}
"""Errors of the disk and not of the program, in words."""
SHORT_WORDS = "it is full, or a file would be larger than is allowed"


class UnwritableError(Exception):
    """The disk took no more; what was written before is whole. The message is what users read."""


def is_disk_error(error: BaseException) -> bool:
    """Whether an error says that the disk takes no more."""
    return isinstance(error, OSError) and (error.errno in UNWRITABLE or _is_short(error))


def in_words(error: OSError, place: Path) -> str:
    """What is wrong with the disk and what to do about it."""
    why = UNWRITABLE.get(error.errno or 0, error.strerror or SHORT_WORDS)
    return (
        f"Cannot write to the disk that holds {place}: {why} ({_free(place) / 1e6:.1f} MB free). "
        f"What was finished is safe."
    )


def _is_short(error: OSError) -> bool:
    # NumPy says of an array that was written in part only how much of it was, and not why.
    return error.errno is None and "requested and" in str(error)


def check_room(place: Path, *, needed: int = 0) -> None:
    """Make sure before training that a folder can be written and has room.

    Args:
        place: The folder; made if it is not there.
        needed: Bytes that the study will write there.

    Raises:
        RequestError: It cannot be written, or has less room.
    """
    try:
        place.mkdir(parents=True, exist_ok=True)
        probe = place / f".probe.{os.getpid()}"
        probe.write_bytes(b"room")
        probe.unlink()
    except OSError as error:
        raise RequestError(
            f"Expected to write in {place}; {error.strerror}. Work in a directory that you may "
            f"write to."
        ) from error
    if (free := _free(place)) < needed:
        raise RequestError(
            f"Expected {needed / 1e6:.0f} MB free on the disk that holds {place}; found "
            f"{free / 1e6:.0f} MB. Free some, or work on another disk."
        )


def _free(place: Path) -> int:
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that it is there whole or, if anything goes wrong, as it was before."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
