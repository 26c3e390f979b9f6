"""How a command may be stopped: by Ctrl-C, by SIGTERM, or by a disk that cannot be written."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from types import FrameType

from rich.console import Console
from rich.text import Text

from ablate.store.disk import UnwritableError, describe_disk_error, is_disk_error
from ablate.store.folder import StudyFolder
from ablate.wording import own_command

INTERRUPTED = 130
TERMINATED = 143
TERMINATED_SECONDS = 3.0


class StopError(BaseException):
    """The user or the system stops the command.

    It is no Exception, so that no handler takes it for a failure of a run and continues.

    Attributes:
        code: The exit code of the command.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def seconds_left(code: int) -> float | None:
    """How long the command may still wait for MLflow; None for as long as it answers.

    A scheduler that sends SIGTERM kills the command shortly after.

    Args:
        code: The exit code of what stopped the command; 0 if nothing did.
    """
    return TERMINATED_SECONDS if code == TERMINATED else None


@contextlib.contextmanager
def stop_on_signals() -> Iterator[None]:
    """Let the first signal raise `StopError`, and the second end the process at once.

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


def report_disk_errors(work: Callable[[], int], console: Console, *, folder: StudyFolder) -> int:
    """Do some work; if the disk cannot be written, print what to do and return 1.

    Args:
        work: The work; returns an exit code.
        console: Where the message is printed.
        folder: The folder of the study.
    """
    try:
        return work()
    except UnwritableError as fault:
        message = str(fault)
    except OSError as error:
        if not is_disk_error(error):
            raise
        message = describe_disk_error(error, folder.path)
    console.print(
        Text(f"{message} Free space, or make it writable, then resume:\n  {own_command()}"),
        style="red",
        soft_wrap=True,
    )
    return 1
