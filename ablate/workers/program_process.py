"""An external program while it runs: its output, its time limit, and how it ended."""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ablate.workers import guard

LOOK_SECONDS = 1.0
"""Time between two heartbeats while the program prints nothing."""
PIECE_BYTES = 1 << 16
LONGEST_LINE = 1_000_000
"""Longer lines are logged and not read."""
TAIL_BYTES = 8000
"""How much of the end of the error output is kept."""


@dataclass(frozen=True, slots=True)
class ProgramExit:
    """How a program ended.

    Attributes:
        code: Its exit code; negative for a signal.
        seconds: How long it ran.
        memory_bytes: The largest resident memory of one of its processes.
        timed_out: Whether it was ended because it ran for too long.
        errors: The end of its error output.
    """

    code: int
    seconds: float
    memory_bytes: int
    timed_out: bool
    errors: str


class ProgramProcess:
    """A program that runs in a process group of its own, below a guard; see `guard`.

    As a context manager it makes sure that the program has ended when the block ends.
    """

    def __init__(
        self,
        words: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        log: BinaryIO,
        lock: Path,
    ) -> None:
        """Start the program.

        Args:
            words: The program and its arguments.
            directory: Its working directory.
            environment: Its environment variables.
            log: Receives all that it prints.
            lock: The file of the workers' lock.
        """
        self._log = log
        reader, self._control = os.pipe()
        self._report, writer = os.pipe()
        command = [sys.executable, "-I", "-S", guard.__file__, str(reader), str(writer)]
        self._started = time.monotonic()
        try:
            self._guard = subprocess.Popen(
                [*command, str(lock.absolute()), *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=directory,
                env=environment,
                pass_fds=(reader, writer),
                start_new_session=True,  # the Ctrl-C of a terminal does not reach it
            )
        except BaseException:
            os.close(self._control)
            os.close(self._report)
            raise
        finally:
            os.close(reader)
            os.close(writer)
        self._ended = b""
        self._timed_out = False
        self._lines = _Lines()
        self._errors = bytearray()

    def __enter__(self) -> ProgramProcess:
        return self

    def __exit__(self, *unused: object) -> None:
        self._stop()
        self._guard.wait()
        for pipe in (self._guard.stdout, self._guard.stderr):
            assert pipe is not None
            pipe.close()
        os.close(self._report)

    def _stop(self) -> None:
        if self._control >= 0:
            os.close(self._control)
            self._control = -1

    def lines(
        self, *, timeout_seconds: float | None, heartbeat: Callable[[], None]
    ) -> Iterator[bytes]:
        """The lines of the program's standard output, as they come, until it has ended.

        Args:
            timeout_seconds: How long it may run; None for no limit.
            heartbeat: Called every second.
        """
        stdout, stderr = self._guard.stdout, self._guard.stderr
        assert stdout is not None
        assert stderr is not None
        with selectors.DefaultSelector() as selector:
            for pipe in (stdout.fileno(), stderr.fileno(), self._report):
                selector.register(pipe, selectors.EVENT_READ)
            over, next_heartbeat = False, 0.0
            while not over:
                for key, _ in selector.select(LOOK_SECONDS):
                    piece = os.read(key.fd, PIECE_BYTES)
                    if key.fd == self._report:
                        self._ended += piece
                        over = not piece
                    elif piece:
                        yield from self._take(piece, is_error=key.fd == stderr.fileno())
                    else:
                        selector.unregister(key.fd)
                if self._seconds() >= next_heartbeat:
                    heartbeat()
                    next_heartbeat = self._seconds() + LOOK_SECONDS
                if timeout_seconds is not None and self._seconds() > timeout_seconds:
                    self._timed_out = True
                    self._stop()
        # A process that has left the group may hold a pipe open: take what is there, do not wait.
        for source in (stdout.fileno(), stderr.fileno()):
            os.set_blocking(source, False)
            with contextlib.suppress(BlockingIOError):
                while piece := os.read(source, PIECE_BYTES):
                    yield from self._take(piece, is_error=source == stderr.fileno())
        yield from self._lines.rest()

    def _take(self, piece: bytes, *, is_error: bool) -> Iterator[bytes]:
        self._log.write(piece)
        self._log.flush()
        if is_error:
            self._errors = (self._errors + piece)[-TAIL_BYTES:]
        else:
            yield from self._lines.add(piece)

    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def exit(self) -> ProgramExit:
        """How the program ended; call it after `lines`."""
        seconds = self._seconds()
        # A guard that was killed has reported nothing.
        code, _, kilobytes = self._ended.decode().partition(" ")
        return ProgramExit(
            code=int(code) if code else self._guard.wait(),
            seconds=seconds,
            memory_bytes=int(kilobytes or 0) * 1024,
            timed_out=self._timed_out,
            errors=self._errors.decode(errors="replace"),
        )


class _Lines:
    """Divides output into lines; those that are too long are left out."""

    def __init__(self) -> None:
        self._rest = b""
        self._is_too_long = False

    def add(self, piece: bytes) -> Iterator[bytes]:
        *complete, self._rest = (self._rest + piece).split(b"\n")
        for line in complete:
            if not self._is_too_long and len(line) <= LONGEST_LINE:
                yield line
            self._is_too_long = False
        if len(self._rest) > LONGEST_LINE:
            self._rest, self._is_too_long = b"", True

    def rest(self) -> Iterator[bytes]:
        if self._rest and not self._is_too_long:
            yield self._rest
