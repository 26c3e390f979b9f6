"""How a signal stops a command: it sets a flag, and safe points of the program act on it.

A handler that raises an exception raises it wherever Python is at that moment: in a callback that
drops it, or in a library that answers with an error of its own. So the handler only sets a flag.
Safe points are where the program waits, and between its steps. A second signal ends the process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any, NoReturn, TypeVar

INTERRUPTED = 130
TERMINATED = 143
CODES = {
    signal.SIGINT: INTERRUPTED,
    signal.SIGTERM: TERMINATED,
    signal.SIGHUP: TERMINATED,  # the terminal is gone: as urgent as SIGTERM
}
"""The exit code of a command that a signal stops."""
SHOW_CURSOR = b"\x1b[?25h"
"""Shows the cursor of a terminal again, which the display of progress hides."""
POLL_SECONDS = 0.05
REPEAT_SECONDS = 1.0

Answer = TypeVar("Answer")


class StopError(BaseException):
    """A safe point was reached after a signal.

    It is no Exception, so that no handler takes it for a failure of a run and continues.

    Attributes:
        code: The exit code of the command.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class _Stop:
    """What this process knows of signals.

    Attributes:
        code: The exit code of the first signal; 0 before it.
        acknowledged: Whether the program has acted on it, so that safe points do not stop again.
        raises: Whether the handler raises KeyboardInterrupt, as in foreign code.
        reader: Where a waiting process reads that a signal has arrived; None without handlers.
    """

    def __init__(self) -> None:
        self.code, self.acknowledged, self.raises = 0, False, False
        self.reader: int | None = None

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        code = CODES[signal.Signals(number)]
        if self.code:
            # The kernel and the shell both send one when a terminal is closed.
            if number != signal.SIGHUP:
                exit_at_once(code)
            return
        self.code = code
        if self.raises:
            self.repeat(0, None)

    def repeat(self, number: int, frame: FrameType | None) -> None:
        """Interrupt foreign code, and again after a while, because it may drop the exception."""
        if self.raises and self.code:
            signal.setitimer(signal.ITIMER_REAL, REPEAT_SECONDS)
            raise KeyboardInterrupt


_stop = _Stop()


def exit_at_once(code: int) -> NoReturn:
    """End this process and its workers without saving anything; leave the terminal usable."""
    with contextlib.suppress(OSError):
        if os.isatty(1):
            os.write(1, SHOW_CURSOR)
    os._exit(code)


def catch_signals() -> None:
    """Catch the signals that stop this process, until it ends; call it from the main thread."""
    reader, writer = os.pipe()
    for descriptor in (reader, writer):
        os.set_blocking(descriptor, False)
    _stop.reader = reader
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in CODES:
        # A command that was started with nohup outlives its terminal.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop.on_signal)
    os.register_at_fork(after_in_child=_restore_defaults)


def _restore_defaults() -> None:
    """Let signals end a process that was forked from this one, as its parent expects."""
    global _stop
    if _stop.reader is None:
        return
    _stop = _Stop()
    signal.set_wakeup_fd(-1)
    for number in CODES:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def terminate() -> None:
    """Stop this process as SIGTERM does, unless it is stopping already; any thread may call it."""
    if not _stop.code:
        os.kill(os.getpid(), signal.SIGTERM)


def pending() -> int:
    """The exit code of a signal that the program has not acted on yet; 0 if there is none."""
    return 0 if _stop.acknowledged else _stop.code


def acknowledge() -> int:
    """Return `pending()`; from now on safe points do not stop, so that the program can save."""
    code = pending()
    _stop.acknowledged = _stop.code != 0
    return code


def check() -> None:
    """A safe point.

    Raises:
        StopError: A signal is pending.
    """
    if code := pending():
        raise StopError(code)


def wait(sources: Sequence[Any], seconds: float | None = None) -> list[Any]:
    """Wait as `multiprocessing.connection.wait` does, but no longer than until a signal arrives.

    Args:
        sources: What may become ready.
        seconds: The longest time to wait; None for no limit.

    Returns:
        The sources that are ready; none if the time is over.

    Raises:
        StopError: A signal is pending.
    """
    from multiprocessing import connection  # takes longer than all other imports of this module

    end = None if seconds is None else time.monotonic() + seconds
    while True:
        check()
        reader = None if _stop.acknowledged else _stop.reader
        left = None if end is None else max(0.0, end - time.monotonic())
        ready = connection.wait([*sources, *(() if reader is None else (reader,))], left)
        check()
        if reader is None or reader not in ready:
            return ready
        with contextlib.suppress(BlockingIOError):
            os.read(reader, 4096)  # other signals than those that stop write there as well
        ready.remove(reader)
        if ready:
            return ready


def sleep(seconds: float) -> None:
    """Sleep.

    Raises:
        StopError: A signal is pending; also if it arrives meanwhile.
    """
    wait((), seconds)


def call(function: Callable[[], Answer]) -> Answer:
    """Call a function that may take long, without waiting for its end after a signal.

    Args:
        function: Is called in a thread of its own, which a signal leaves behind.

    Returns:
        What the function returns; what it raises is raised.

    Raises:
        StopError: A signal is pending.
    """
    check()
    if _stop.reader is None:
        return function()
    answers: list[Answer] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(function())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        check()
        thread.join(POLL_SECONDS)
    check()  # what ended the function may be the same signal, sent to all processes
    if errors:
        raise errors[0]
    return answers[0]


@contextlib.contextmanager
def interrupt_foreign_code() -> Iterator[None]:
    """Let a signal also raise KeyboardInterrupt in the block, which has no safe points.

    It is raised again every second until the block ends, because foreign code may drop it. Check
    for a stop after the block: foreign code may also replace it by an error of its own.

    Raises:
        KeyboardInterrupt: A signal has arrived.
    """
    before = signal.signal(signal.SIGALRM, _stop.repeat)
    _stop.raises = True
    try:
        check()
        yield
    finally:
        _stop.raises = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
