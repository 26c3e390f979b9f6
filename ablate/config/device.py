"""What the user wants to train on, and what is done about runs that go wrong."""

from __future__ import annotations

from dataclasses import dataclass

from ablate.errors import RequestError, nearest

LONGEST_HEARTBEAT_TIMEOUT_SECONDS = 1_000_000
"""The system itself can wait for twice as long in one call."""


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """What the user wants to train on.

    Attributes:
        kind: ``auto``, ``cpu`` or ``gpu``.
        workers: Processes that train at once, on each GPU where there are any; None: measured rule.
        threads: CPU threads of each process; None: the cores shared out evenly.
    """

    kind: str
    workers: int | None
    threads: int | None

    def __post_init__(self) -> None:
        kinds = ("auto", "cpu", "gpu")
        if self.kind not in kinds:
            raise RequestError(
                f"Unknown device.kind {self.kind!r}.{nearest(str(self.kind), kinds)}"
            )
        for name in ("workers", "threads"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                raise RequestError(
                    f"Expected device.{name} to be auto or a whole number of 1 or more; received "
                    f"{value!r}."
                )


@dataclass(frozen=True, slots=True)
class FaultPolicy:
    """What is done about runs that go wrong.

    Attributes:
        retries: How often a run whose process died or hung is tried again by one command.
        heartbeat_timeout_seconds: How long a worker may give no sign of life before it counts as hanging.
        keep_checkpoints: Whether a complete run keeps its checkpoints.
    """

    retries: int
    heartbeat_timeout_seconds: float
    keep_checkpoints: bool

    def __post_init__(self) -> None:
        if type(self.retries) is not int or self.retries < 0:
            raise RequestError(
                f"Expected device.retries to be a whole number of 0 or more; received "
                f"{self.retries!r}."
            )
        patience = self.heartbeat_timeout_seconds
        if (
            type(patience) not in (int, float)
            or not 0 < patience <= LONGEST_HEARTBEAT_TIMEOUT_SECONDS
        ):
            raise RequestError(
                f"Expected device.heartbeat_timeout_seconds to be a number above 0 and at most "
                f"{LONGEST_HEARTBEAT_TIMEOUT_SECONDS} (eleven days); received {patience!r}."
            )
        if not isinstance(self.keep_checkpoints, bool):
            raise RequestError(
                f"Expected store.keep_checkpoints to be true or false; received "
                f"{self.keep_checkpoints!r}."
            )
