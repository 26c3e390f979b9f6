"""The one reader of the files that this program has written.

Between writing and reading, a file may have been truncated, edited, replaced by a folder, a link or
a pipe, or come from somebody else. Whatever is wrong with it is one exception with one line.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from ablate.errors import RequestError
from ablate.store.schema import parse_json
from ablate.wording import one_line

Content = TypeVar("Content")

LONGEST_FAULT = 200
LONGEST_WORD = 64
MEGABYTE = 10**6
_NOT_A_FILE = (errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.ENODEV, errno.EOPNOTSUPP)
"""What the system answers if a link, a folder, a pipe or a socket is opened as a file."""
_KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


class DamagedFileError(Exception):
    """A file that cannot be used; the message names it, what is wrong and what to do.

    Attributes:
        fault: What is wrong, in a few words.
    """

    def __init__(self, path: Path, fault: str, *, remedy: str = "") -> None:
        self.fault = one_line(fault, LONGEST_FAULT)
        super().__init__(f"{path} is damaged: {self.fault}.{remedy and ' '}{remedy}")


def open_file(path: Path, flags: int) -> int:
    """Open a file without waiting for a pipe and without following a link; return its descriptor.

    Args:
        path: The file.
        flags: As for `os.open`.

    Raises:
        FileNotFoundError: There is none.
        DamagedFileError: Something else is there.
        RequestError: It may not be opened.
    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    except NotADirectoryError:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from None
    except PermissionError as error:
        raise RequestError(f"Cannot open {path}: {error.strerror}.") from None
    except OSError as error:
        if error.errno not in _NOT_A_FILE:
            raise
        raise DamagedFileError(path, f"expected a file; found {_kind(path)}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DamagedFileError(path, f"expected a file; found {_kind(path)}")
    return descriptor


def _kind(path: Path) -> str:
    try:
        return _KINDS.get(stat.S_IFMT(path.lstat().st_mode), "a device")
    except OSError:
        return "something else"


def read_file(path: Path, *, most_bytes: int, offset: int = 0) -> bytes:
    """The content of a file.

    Args:
        path: The file.
        most_bytes: A larger file is damaged.
        offset: Where to start, in bytes.

    Raises:
        FileNotFoundError: There is none.
        DamagedFileError: It is too large, or no file.
        RequestError: It may not be read.
    """
    try:
        with open(open_file(path, os.O_RDONLY), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > most_bytes:
                found, most = size // MEGABYTE, most_bytes // MEGABYTE
                raise DamagedFileError(path, f"{found:,} MB large, expected at most {most:,} MB")
            file.seek(offset)
            return file.read(max(0, size - offset))
    except FileNotFoundError:
        raise
    except OSError as error:  # a disk that fails
        raise RequestError(f"Cannot read {path}: {error.strerror}.") from None


def read_word(path: Path) -> str:
    """The one word that a file holds, such as an identifier; empty if there is none."""
    try:
        word = read_file(path, most_bytes=LONGEST_WORD).decode("ascii")
    except (FileNotFoundError, DamagedFileError, UnicodeDecodeError):
        return ""
    return word if re.fullmatch(r"[\w-]+", word) else ""


@dataclass(frozen=True)
class FileFormat(Generic[Content]):
    """A kind of JSON file.

    Attributes:
        build: Makes what a file stands for of its JSON value, such as `decode` does. Raises
            ValueError, whose message says what is wrong.
        remedy: The sentence that says what to do about a damaged file.
        most_bytes: A larger file is damaged.
    """

    build: Callable[[Any], Content]
    remedy: str
    most_bytes: int = 16 * MEGABYTE

    def read(self, path: Path) -> Content:
        """What a file stands for.

        Raises:
            FileNotFoundError: There is none.
            DamagedFileError: It holds something else.
            RequestError: It may not be read.
        """
        try:
            content = read_file(path, most_bytes=self.most_bytes)
        except DamagedFileError as error:
            raise DamagedFileError(path, error.fault, remedy=self.remedy) from None
        try:
            return self.build(parse_json(content))
        except ValueError as error:
            raise DamagedFileError(path, str(error), remedy=self.remedy) from None
