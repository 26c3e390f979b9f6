"""The units of a study on this machine: what the `local` launcher does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from ablate.config.request import plain, read_request
from ablate.store.folder import StudyFolder
from ablate.workers.pool import train_units
from ablate.workers.slots import slots_for
from ablate.workers.unit import Unit


def launch(config: DictConfig, job_overrides: Sequence[Sequence[str]]) -> None:
    """Train the unit that each job's overrides name."""
    request = read_request(plain(config))
    folder = StudyFolder(Path("runs") / request.study.name)
    slots = slots_for(folder.read_plan(), request.device)
    train_units(
        folder,
        [Unit.from_overrides(overrides) for overrides in job_overrides],
        slots=slots,
        fault_policy=request.fault_policy,
    )
