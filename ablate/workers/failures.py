"""What an exception during training means for a run: its status and its error message."""

from __future__ import annotations

import sys

from ablate.errors import RequestError
from ablate.study.result import Status
from ablate.wording import error_message, error_summary
from ablate.workers.program_output import ProgramError

OUT_OF_MEMORY_SIGNS = ("ResourceExhausted", "RESOURCE_EXHAUSTED", "OOM when allocating")
"""What TensorFlow and JAX write when the memory of a device runs out."""


def status_of(error: BaseException) -> Status:
    """The status of a run that ended with an exception."""
    if isinstance(error, ProgramError):
        return error.status
    if _is_diverged(error):
        return Status.DIVERGED
    return Status.OUT_OF_MEMORY if _is_out_of_memory(error) else Status.FAILED


def failure_message(error: BaseException) -> str:
    """An exception on one line; what this program raises itself without its type."""
    if isinstance(error, RequestError | ProgramError) or _is_diverged(error):
        return error_message(error) or "no message"
    return error_summary(error)


def _is_diverged(error: BaseException) -> bool:
    # The trainer imports Keras. Where an external program trains, it is never imported.
    trainer = sys.modules.get("ablate.training.trainer")
    return trainer is not None and isinstance(error, trainer.DivergedError)


def _is_out_of_memory(error: BaseException | None) -> bool:
    """Whether memory ran out, that of the machine or that of a device."""
    while error is not None:
        summary = error_summary(error)
        if isinstance(error, MemoryError) or any(sign in summary for sign in OUT_OF_MEMORY_SIGNS):
            return True
        error = error.__context__  # Keras raises its own exception over that of a layer
    return False
