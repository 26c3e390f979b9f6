"""What a command does that is stopped by a signal, or by a disk that cannot be written."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from ablate.process.stop import TERMINATED
from ablate.store.disk import UnwritableError, describe_disk_error, is_disk_error
from ablate.store.folder import StudyFolder
from ablate.wording import own_command

TERMINATED_SECONDS = 3.0


def seconds_left(code: int) -> float | None:
    """How long the command may still wait for MLflow; None for as long as it answers.

    A scheduler that sends SIGTERM kills the command shortly after.

    Args:
        code: The exit code of what stopped the command; 0 if nothing did.
    """
    return TERMINATED_SECONDS if code == TERMINATED else None


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
