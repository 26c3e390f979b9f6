"""Ctrl-C and SIGTERM: the first one stops in good order, the second at once."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from types import FrameType

from rich.console import Console
from rich.text import Text

from ablate.store.disk import UnwritableError, in_words, is_disk_error
from ablate.store.folder import StudyFolder
from ablate.wording import own_command

INTERRUPTED = 130
TERMINATED = 143
TERMINATED_SECONDS = 3.0


class StopError(BaseException):
    """The user or the system wants the command to end.

    No Exception, so that nobody takes it for a fault and goes on.

    Attributes:
        code: The exit code that says so.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def seconds_left(code: int) -> float | None:
    """How long MLflow may still be waited for; None for as long as it answers.

    Whoever sends SIGTERM does not wait long before it kills.

    Args:
        code: The exit code of what stopped the command; 0 if nothing did.
    """
    return TERMINATED_SECONDS if code == TERMINATED else None


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Within the block, the first signal raises `Stopped`; a second one ends the process at once.

    Worker processes end with this one, however it ends.
    """
    codes = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        code = codes[signal.Signals(number)]
        if received:
            os._exit(code)
        received.append(number)
        raise StopError(code)

    before = {number: signal.signal(number, stop) for number in codes}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def writing(work: Callable[[], int], console: Console, *, folder: StudyFolder) -> int:
    """Do what writes to the disk; if that takes no more, say what to do, and end with 1.

    Args:
        work: What to do; returns an exit code.
        console: Where to say it.
        folder: The folder of the study.
    """
    try:
        return work()
    except UnwritableError as fault:
        said = str(fault)
    except OSError as error:
        if not is_disk_error(error):
            raise
        said = in_words(error, folder.path)
    console.print(
        Text(f"{said} Make room there, or make it writable, then go on:\n  {own_command()}"),
        style="red",
        soft_wrap=True,
    )
    return 1
