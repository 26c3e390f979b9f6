"""The output of a command: what cannot be written, because its reader is gone, is dropped.

So `python -m ablate --multirun | head -1`, or a terminal that is closed, stops no study.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STREAMS = {"stdout": 1, "stderr": 2}


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


def survive_closed_output() -> None:
    """Let this process print to closed pipes and terminals without an error."""
    # A file that is opened must not become the output of a process that was started without one.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= max(STREAMS.values()):
        pass
    os.close(descriptor)
    for name, descriptor in STREAMS.items():
        stream = getattr(sys, name) or io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        replacement = io.TextIOWrapper(
            io.BufferedWriter(Output(descriptor)),
            encoding=stream.encoding,
            errors=stream.errors,
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )
        setattr(sys, name, replacement)
