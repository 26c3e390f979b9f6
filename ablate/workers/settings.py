"""What every worker of a study is told besides its unit."""

from __future__ import annotations

from dataclasses import dataclass

from ablate.config.retention import Retention


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What every worker of a study is told besides its unit.

    Attributes:
        backend: The backend of the plan.
        retention: What complete runs keep besides their results.
        retries: How often a run whose external program crashed or hung is tried again.
    """

    backend: str
    retention: Retention
    retries: int = 0
