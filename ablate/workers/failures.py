"""What an exception during training means for a run: its status and its error message."""

from __future__ import annotations

from ablate.errors import RequestError
from ablate.study.result import Status
from ablate.training.trainer import DivergedError
from ablate.wording import error_message, error_summary

OUT_OF_MEMORY_SIGNS = ("ResourceExhausted", "RESOURCE_EXHAUSTED", "OOM when allocating")
"""What TensorFlow and JAX write when the memory of a device runs out."""


def status_of(error: BaseException) -> Status:
    """The status of a run that ended with an exception."""
    if isinstance(error, DivergedError):
        return Status.DIVERGED
    return Status.OUT_OF_MEMORY if _is_out_of_memory(error) else Status.FAILED


def failure_message(error: BaseException) -> str:
    """An exception on one line; a RequestError and a DivergedError without their type."""
    if isinstance(error, RequestError | DivergedError):
        return error_message(error) or "no message"
    return error_summary(error)


def _is_out_of_memory(error: BaseException | None) -> bool:
    """Whether memory ran out, that of the machine or that of a device."""
    while error is not None:
        summary = error_summary(error)
        if isinstance(error, MemoryError) or any(sign in summary for sign in OUT_OF_MEMORY_SIGNS):
            return True
        error = error.__context__  # Keras raises its own exception over that of a layer
    return False
