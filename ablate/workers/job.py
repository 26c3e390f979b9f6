"""One job of a study in this process: what launchers other than `local` call."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from ablate.config.request import plain, read_request
from ablate.store.folder import StudyFolder
from ablate.workers.slots import occupy, slots_for
from ablate.workers.unit import Unit


def train_job(config: DictConfig) -> None:
    """Train the unit that the configuration names, as the frozen plan of the study states it."""
    content = plain(config)
    request = read_request(content)
    folder = StudyFolder(Path("runs") / request.study.name)
    plan = folder.read_plan()
    slot = slots_for(plan, request.device)[0]
    device = occupy(slot, plan.backend)
    from ablate.workers.worker import Callbacks, train_unit  # imports Keras

    train_unit(
        folder,
        Unit.from_node(content["unit"]),
        about={"device": device, "threads": str(slot.threads)},
        keep_checkpoints=request.fault_policy.keep_checkpoints,
        callbacks=Callbacks(),
    )
