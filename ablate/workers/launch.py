"""What launchers call: `local` trains all jobs of a study in a pool, others train job by job."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from ablate.config.request import Request, content_of, read_request
from ablate.process import stop
from ablate.store.folder import StudyFolder
from ablate.store.launched import exit_with_launcher
from ablate.training.library_environment import check_environment, pin_environment
from ablate.workers.pool import train_units
from ablate.workers.settings import WorkerSettings
from ablate.workers.slots import occupy, slots_for
from ablate.workers.unit import Unit


def launch(config: DictConfig, job_overrides: Sequence[Sequence[str]]) -> None:
    """Train the units that the overrides of the jobs name, in worker processes on this machine."""
    request, folder = _request_and_folder(content_of(config))
    slots = slots_for(folder.read_plan(), request.device)
    train_units(
        folder,
        [Unit.from_overrides(overrides) for overrides in job_overrides],
        slots=slots,
        fault_policy=request.fault_policy,
        retention=request.retention,
    )


def train_job(config: DictConfig) -> None:
    """Train the unit that the configuration of one job names, in this process.

    Raises:
        RequestError: The command that launched the job has ended.
    """
    content = content_of(config)
    request, folder = _request_and_folder(content)
    with exit_with_launcher(folder.path) as in_own_process:
        if in_own_process and threading.current_thread() is threading.main_thread():
            # Ctrl-C reaches every process of the terminal; the command decides what to do about it.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        plan = folder.read_plan()
        if not plan.is_of_programs:
            pin_environment(plan.backend)
            check_environment(plan.backend)
        slot = slots_for(plan, request.device)[0]
        device = occupy(slot, plan.backend)
        from ablate.workers.cell_runs import Callbacks  # only jobs need these
        from ablate.workers.worker import train_unit

        train_unit(
            folder,
            Unit.from_node(content["unit"]),
            image_bytes=slot.image_bytes,
            worker_provenance={"device": device, "threads": str(slot.threads)},
            settings=WorkerSettings(plan.backend, request.retention, request.fault_policy.retries),
            callbacks=Callbacks(heartbeat=stop.check),
        )


def _request_and_folder(content: dict[str, Any]) -> tuple[Request, StudyFolder]:
    request = read_request(content)
    return request, StudyFolder(Path("runs") / request.study.name)
