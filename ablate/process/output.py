"""The output of a command, which never stops a study.

What cannot be written, because its reader is gone, is dropped: after `... | head -1`, or when a
terminal is closed. What the encoding of a terminal cannot show is replaced.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer
    from rich.console import Console

STREAMS = {"stdout": 1, "stderr": 2}
HANDLER = "ablate.plain"
"""Name of the error handler for letters that an encoding does not have."""
PLAIN = {"\u00a0": " ", "−": "-", "–": "-", "—": "-", "…": "...", "×": "x", "±": "+-", "→": "->"}
"""What is written for some of them; others become escapes."""


class Output(io.RawIOBase):
    """Writes to a descriptor, and to nowhere once that has failed."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def writable(self) -> bool:
        """Always."""
        return True

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether it writes to a terminal."""
        return os.isatty(self._descriptor)

    def write(self, content: ReadableBuffer, /) -> int:
        """Write bytes, some of them at least; return how many."""
        try:
            return os.write(self._descriptor, content)
        except BlockingIOError:
            raise
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._descriptor)
            os.close(nowhere)
            return os.write(self._descriptor, content)


def console(*, stderr: bool = False) -> Console:
    """A console whose lines change in place on a terminal alone.

    Notebooks and CI services set FORCE_COLOR or TTY_COMPATIBLE, with which rich takes a pipe for a
    terminal.
    """
    from rich.console import Console  # not where only signals are caught

    is_terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, highlight=False, force_terminal=None if is_terminal else False)


def write_plain(error: UnicodeError) -> tuple[str, int]:
    """Return what is written for letters that an encoding does not have, and where they end.

    Raises:
        UnicodeError: It is about reading.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    return "".join(PLAIN.get(each) or ascii(each)[1:-1] for each in letters), error.end


def survive_closed_output() -> None:
    """Let this process print any text, and to closed pipes and terminals, without an error."""
    codecs.register_error(HANDLER, write_plain)
    # A file that is opened must not become the output of a process that was started without one.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= max(STREAMS.values()):
        pass
    os.close(descriptor)
    for name, descriptor in STREAMS.items():
        stream = getattr(sys, name) or io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        replacement = io.TextIOWrapper(
            io.BufferedWriter(Output(descriptor)),
            encoding=stream.encoding,
            errors=HANDLER,
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )
        setattr(sys, name, replacement)
