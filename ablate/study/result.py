"""The result of a run: how it ended, its responses, its cost and its provenance."""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

LATEST_UNIX_TIME = 7_258_118_400
"""The year 2200, in seconds since 1970."""


class Status(enum.StrEnum):
    """How a run ended."""

    COMPLETE = enum.auto()
    DIVERGED = enum.auto()  # a loss that is not finite
    FAILED = enum.auto()  # an exception; see `error`
    CRASHED = enum.auto()  # the worker process ended unexpectedly; see `error`
    OUT_OF_MEMORY = enum.auto()  # of the machine or of the GPU
    TIMEOUT = enum.auto()  # no heartbeat for too long
    PREEMPTED = enum.auto()  # the study was stopped; the next command resumes the run

    @property
    def settled(self) -> bool:
        """Whether training the run again would change nothing.

        A diverged run diverges again; a failed or crashed one is worth another attempt.
        """
        return self in (Status.COMPLETE, Status.DIVERGED)


def check_fingerprint(fingerprint: str) -> None:
    """Check that a fingerprint can be part of the name of a folder.

    Raises:
        ValueError: It has other characters than letters, digits, ``_`` and ``-``, or too many.
    """
    if not re.fullmatch(r"[\w-]{0,128}", fingerprint, re.ASCII):
        raise ValueError(f"Expected a fingerprint of letters and digits; received {fingerprint!r}.")


def check_unix_time(unix_time: float) -> None:
    """Check that a time lies in the years that programs can write.

    Raises:
        ValueError: It is before 1970 or after 2200, or no number.
    """
    if not 0 <= unix_time < LATEST_UNIX_TIME:
        raise ValueError(f"Expected seconds since 1970; received {unix_time!r}.")


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a run.

    Attributes:
        parameters: Number of trainable and other weights of the model.
        macs: Multiply-accumulate operations of one forward pass over one image.
        train_seconds: Wall time of the training epochs, without building and compiling.
        seconds_per_epoch: Median wall time of an epoch, without the first one if there are more.
        peak_memory_bytes: Largest resident memory of the process that trained it.
    """

    parameters: int
    macs: int
    train_seconds: float
    seconds_per_epoch: float
    peak_memory_bytes: int

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 <= value < math.inf:
                raise ValueError(f"Expected {name} of 0 or more; received {value!r}.")


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a run.

    Attributes:
        cell: Slug of its cell.
        seed: Its run seed.
        fingerprint: Identity of the run: hash of everything that can change its result.
        status: How it ended.
        responses: Final numbers; empty unless the run is complete.
        cost: Its cost; None unless the run is complete.
        provenance: Versions, commit, device and the like, all as text.
        error: Why it is not complete; empty if it is.
        unix_time: When it was committed, in seconds since 1970; 0 in results of earlier versions.
    """

    cell: str
    seed: int
    fingerprint: str
    status: Status
    responses: Mapping[str, float] = field(default_factory=dict)
    cost: Cost | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    unix_time: float = field(default=0.0, compare=False)

    def __post_init__(self) -> None:
        check_fingerprint(self.fingerprint)
        check_unix_time(self.unix_time)
        complete = self.status is Status.COMPLETE
        if bool(self.responses) != complete or bool(self.error) == complete:
            raise ValueError(
                f"Expected responses from a complete run and an error from any other; received "
                f"status {self.status}, responses {dict(self.responses)}, error {self.error!r}."
            )
        if not all(math.isfinite(value) for value in self.responses.values()):
            raise ValueError(
                f"Expected finite responses; received {dict(self.responses)}. "
                f"A run without a finite response is DIVERGED."
            )

    def as_json(self) -> dict[str, Any]:
        """The result as plain JSON values."""
        return asdict(self)
