"""What the user wants to train on, and what is done when a run fails."""

from __future__ import annotations

from dataclasses import dataclass

from ablate.fields import check_choice, check_number, check_whole

MOST_PROCESSES = 2**10
"""Bound of processes and of their threads; more are probably a typing error."""
KINDS = ("auto", "cpu", "gpu")
PLACES = ("auto", "memory", "disk")
LONGEST_HEARTBEAT_TIMEOUT_SECONDS = 1_000_000
"""The operating system can wait for twice as long in one call."""


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """What the user wants to train on.

    Attributes:
        kind: ``auto``, ``cpu`` or ``gpu``.
        workers: Processes that train at once, on each GPU if there is one; None: a measured rule.
        threads: CPU threads of each process; None: the cores, shared evenly.
        images: Where images are while a process trains: ``memory``, ``disk``, or ``auto``: in the
            memory if they fit.
    """

    kind: str
    workers: int | None
    threads: int | None
    images: str = "auto"

    def __post_init__(self) -> None:
        check_choice(self.kind, "device.kind", choices=KINDS)
        check_choice(self.images, "device.images", choices=PLACES)
        for name in ("workers", "threads"):
            value = getattr(self, name)
            if value is not None:
                check_whole(
                    value, f"device.{name}", least=1, below=MOST_PROCESSES, otherwise="auto"
                )


@dataclass(frozen=True, slots=True)
class FaultPolicy:
    """What is done when a run fails.

    Attributes:
        retries: How often one command retries a run whose process crashed or hung.
        heartbeat_timeout_seconds: How long a worker may be without a heartbeat before it counts as
            hanging.
    """

    retries: int
    heartbeat_timeout_seconds: float

    def __post_init__(self) -> None:
        check_whole(self.retries, "device.retries", least=0)
        check_number(
            self.heartbeat_timeout_seconds,
            "device.heartbeat_timeout_seconds",
            accepts=lambda seconds: 0 < seconds <= LONGEST_HEARTBEAT_TIMEOUT_SECONDS,
            expected=f"a number above 0 and at most {LONGEST_HEARTBEAT_TIMEOUT_SECONDS} "
            f"(eleven days)",
        )
