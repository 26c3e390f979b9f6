"""One run of one variant: what `python -m ablate` does without `--multirun`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console
from rich.text import Text

from ablate.config import Request, plain, read_request
from ablate.design import Cell
from ablate.result import Status
from ablate.runner.execute import execute, measured, slots_for
from ablate.runner.plan import plan_cells
from ablate.runner.pool import train_units
from ablate.runner.progress import show_how_to_go_on, show_run
from ablate.runner.stop import Stopped
from ablate.runner.unit import Unit
from ablate.runner.writing import bytes_needed, writing
from ablate.store.disk import check_room
from ablate.store.folder import StudyFolder
from ablate.store.lock import held
from ablate.store.plan import digest

NAME = "single"


def run_one(config: DictConfig) -> int:
    """Train one variant with one seed, record it, and print what it left.

    Returns:
        The exit code: 0 if the run is complete, 1 if it is not.

    Raises:
        Refusal: Something in the request is not what it should be; nothing was trained.
    """
    request = read_request(plain(config))
    folder = StudyFolder(Path("runs") / NAME)
    console = Console(highlight=False)
    check_room(folder.path)
    with held(folder.path):
        return writing(lambda: _run(request, folder, console), console, folder=folder)


def _run(request: Request, folder: StudyFolder, console: Console) -> int:
    study = dataclasses.replace(request.study, name=NAME, question="Runs of single variants.")
    cell = Cell((("variant", digest(dataclasses.asdict(request.variant))[:12]),))
    plan, images = plan_cells(study, {cell: request.variant}, seeds=(request.seed,))
    slots = slots_for(plan, request.device)[:1]
    plan = measured(plan, folder, slots=slots, patience=request.care.patience_seconds)
    check_room(folder.path, needed=bytes_needed(plan, images, folder=folder))
    folder.adopt(plan)
    stopped = 0

    def train() -> None:
        nonlocal stopped
        try:
            unit = Unit(cell.slug, (request.seed,))
            train_units(folder, [unit], slots=slots, care=request.care)
        except Stopped as stop:
            stopped = stop.code
            folder.preempt(plan)

    recording = execute(
        plan,
        folder,
        images=images,
        train=train,
        console=console,
        store_uri=request.store_uri,
    )
    recording.finish(None)
    place = folder.run(cell.slug, request.seed)
    result = place.result()
    if result is None:
        return stopped or 1
    show_run(console, result, place=place.path, store_uri=request.store_uri)
    if recording.fault:
        console.print(Text(recording.fault), soft_wrap=True)
    if stopped:
        show_how_to_go_on(console)
    return stopped or (0 if result.status is Status.COMPLETE else 1)
