"""A disk that takes no more: how much a study will write, and how it ends if it cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rich.console import Console
from rich.text import Text

from ablate.config import own_command
from ablate.data.images import Images
from ablate.store.checkpoint import DEPTH
from ablate.store.disk import Unwritable, in_words, is_unwritable
from ablate.store.folder import StudyFolder
from ablate.store.plan import Plan

FIXED_BYTES = 10_000_000
"""MLflow's empty store, the report with its figures, and the log of the processes."""
RUN_BYTES = 30_000
"""A run's journal, result and log, and what MLflow holds of it."""
VALUE_BYTES = 4
VALUES_A_PARAMETER = 3
"""A weight and two moments of the optimizer."""


def bytes_needed(
    plan: Plan, images: Mapping[str, Images], *, folder: StudyFolder, workers: int
) -> int:
    """About how much a study will write: frozen images, checkpoints of runs at work, records."""
    pending = folder.pending(plan)
    if not pending:
        return FIXED_BYTES
    pixels = sum(
        array.nbytes
        for item in images.values()
        if not (folder.images / item.fingerprint).is_dir()
        for part in item.parts.values()
        for array in (part.x, part.y)
    )
    largest = max(planned.parameters for planned, _ in pending)
    # One file more than are kept, while it is written.
    checkpoints = workers * (DEPTH + 1) * largest * VALUES_A_PARAMETER * VALUE_BYTES
    return FIXED_BYTES + pixels + checkpoints + RUN_BYTES * len(pending)


def writing(work: Callable[[], int], console: Console, *, folder: StudyFolder) -> int:
    """Do what writes to the disk; if that takes no more, say what to do, and end with 1.

    Args:
        work: What to do; returns an exit code.
        console: Where to say it.
        folder: The folder of the study.
    """
    try:
        return work()
    except Unwritable as fault:
        said = str(fault)
    except OSError as error:
        if not is_unwritable(error):
            raise
        said = in_words(error, folder.path)
    console.print(
        Text(f"{said} Make room there, or make it writable, then go on:\n  {own_command()}"),
        style="red",
        soft_wrap=True,
    )
    return 1
