"""What a worker process does: train the seeds of a unit, send heartbeats, write logs."""

from __future__ import annotations

import dataclasses
import errno
import io
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from ablate.config.program import ProgramVariant
from ablate.errors import RequestError
from ablate.store import image_cache
from ablate.store.disk import is_disk_error, open_to_append
from ablate.store.folder import StudyFolder
from ablate.store.lock import worker_lock
from ablate.store.plan import Plan, PlannedCell
from ablate.study.record import COSTS
from ablate.workers.cell_runs import Callbacks, CellRuns
from ablate.workers.cell_trainer import CellTrainer
from ablate.workers.exits import DISK_ERROR_EXIT, LOG_HEADER
from ablate.workers.program_cell_trainer import ProgramCellTrainer
from ablate.workers.settings import WorkerSettings
from ablate.workers.slots import Slot, occupy
from ablate.workers.unit import Unit

HEARTBEAT = b"heartbeat"


def train(
    folder: StudyFolder, unit: Unit, *, slot: Slot, settings: WorkerSettings, messages: Connection
) -> None:
    """Train the seeds of a unit in a process of its own; what a run prints goes to its log."""
    try:
        first = folder.run(unit.cell, unit.seeds[0])
        first.make()
        _print_to(first.log)
        device = occupy(slot, settings.backend)
        train_unit(
            folder,
            unit,
            image_bytes=slot.image_bytes,
            worker_provenance={"device": device, "threads": str(slot.threads)},
            settings=settings,
            callbacks=Callbacks(lambda: _send_heartbeat(messages), _print_to),
        )
    except OSError as error:
        if not is_disk_error(error):
            raise
        messages.send_bytes(str(error.errno or errno.ENOSPC).encode())
        os._exit(DISK_ERROR_EXIT)


def train_unit(
    folder: StudyFolder,
    unit: Unit,
    *,
    image_bytes: float,
    worker_provenance: Mapping[str, str],
    settings: WorkerSettings,
    callbacks: Callbacks,
) -> None:
    """Train the seeds of a unit in this process, all with the same compiled model or program.

    If memory runs out, the remaining seeds are left for another process.

    Args:
        folder: The folder of the study, which holds its plan.
        unit: The cell and its seeds.
        image_bytes: Most bytes of images to hold in memory; more are read from the disk.
        worker_provenance: Device and threads, for the provenance of the results.
        settings: What every worker of the study is told.
        callbacks: What to do besides training.

    Raises:
        OSError: The disk cannot be written.
    """
    with worker_lock(folder.path):
        plan = folder.read_plan()
        planned = plan.find(unit.cell)
        own = {**worker_provenance, **_program_path(planned)}
        plan = dataclasses.replace(plan, provenance={**plan.provenance, **own})
        trainer = _trainer(
            folder, plan, planned=planned, image_bytes=image_bytes, heartbeat=callbacks.heartbeat
        )
        runs = CellRuns(folder, plan, planned=planned, trainer=trainer, callbacks=callbacks)
        retention = settings.retention
        if plan.is_of_programs:  # which save their models themselves
            retention = dataclasses.replace(retention, model="none")
        runs.train(unit.seeds, retention=retention, retries=settings.retries)


def _trainer(
    folder: StudyFolder,
    plan: Plan,
    *,
    planned: PlannedCell,
    image_bytes: float,
    heartbeat: Callable[[], None],
) -> CellTrainer:
    """What trains the seeds of a cell."""
    if isinstance(planned.variant, ProgramVariant):
        return ProgramCellTrainer(
            planned.variant.program,
            responses=_names_in_result(plan, planned),
            run_folder=lambda seed: folder.run(planned.cell.slug, seed),
            lock=folder.path / "workers",
            threads=int(plan.provenance.get("threads", 1)),
            heartbeat=heartbeat,
        )
    from ablate.workers.keras_cell_trainer import KerasCellTrainer  # imports Keras

    return KerasCellTrainer(
        planned.variant,
        plan.dataset_of(planned),
        load_images=lambda: image_cache.load(
            folder.images, planned.dataset, most_bytes=image_bytes
        ),
        heartbeat=heartbeat,
    )


def _program_path(planned: PlannedCell) -> dict[str, str]:
    """Where the external program of a cell is, for the provenance of its results."""
    if not isinstance(planned.variant, ProgramVariant):
        return {}
    name = planned.variant.program.words[0]
    return {"program": shutil.which(name) or name}


def _names_in_result(plan: Plan, planned: PlannedCell) -> list[str]:
    """The numbers that the result of a program must hold; its costs are measured."""
    names = (response.name for response in plan.responses_of(planned))
    return [name for name in dict.fromkeys(names) if name not in COSTS]


def _send_heartbeat(messages: Connection) -> None:
    try:
        messages.send_bytes(HEARTBEAT)
    except ConnectionError:
        # The parent is gone, and the next command may already train: commit nothing more.
        os._exit(1)


def _print_to(log: Path) -> None:
    """Append to a log what this process prints from now on."""
    with suppress(OSError, RequestError), open_to_append(log) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # its encoding was that of the terminal
                stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        file.write(f"{LOG_HEADER}{os.getpid()}\n")
