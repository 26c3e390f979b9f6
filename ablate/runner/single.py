"""One run of one variant: what `python -m ablate` does without `--multirun`."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console
from rich.text import Text

from ablate.config.request import Request, content_of, read_request
from ablate.data.images import Images
from ablate.errors import RequestError
from ablate.planning.forecast import bytes_needed
from ablate.planning.planner import plan_cells
from ablate.runner.execute import execute, measured
from ablate.runner.stop import StopError, seconds_left, writing
from ablate.store.disk import check_room
from ablate.store.folder import StudyFolder
from ablate.store.lock import held
from ablate.store.plan import Plan, digest
from ablate.study.design import Cell, Run
from ablate.study.result import Status
from ablate.study.study import SINGLE
from ablate.tracking.progress import show_how_to_go_on, show_run
from ablate.workers.pool import train_units
from ablate.workers.slots import Slot, slots_for
from ablate.workers.unit import Unit


def run_one(config: DictConfig) -> int:
    """Train one variant with one seed, record it, and print what it left.

    Returns:
        The exit code: 0 if the run is complete, 1 if it is not.

    Raises:
        RequestError: Something in the request is not what it should be; nothing was trained.
    """
    request = read_request(content_of(config))
    study = dataclasses.replace(request.study, name=SINGLE, question="Runs of single variants.")
    cell = Cell((("variant", digest(dataclasses.asdict(request.variant))[:12]),))
    plan, images = plan_cells(study, {cell: request.variant}, seeds=(request.seed,))
    job = _Job(StudyFolder(Path("runs") / SINGLE), Console(highlight=False), request, images)
    check_room(job.folder.path)
    with held(job.folder.path):
        return writing(lambda: job.run(plan), job.console, folder=job.folder)


def with_earlier(plan: Plan, folder: StudyFolder) -> Plan:
    """The plan with every run that was made here before, so that MLflow can be caught up on all."""
    try:
        earlier = folder.read_plan()
    except RequestError:
        return plan
    (now,) = plan.cells
    (seed,) = now.seeds
    # The same run by another name, such as from another path to the same images, takes its place.
    wanted = plan.fingerprint(now, seed)
    kept = {
        f"{old.cell.slug}/{run.seed}": found
        for old, run in earlier.runs()
        if (found := earlier.fingerprint(old, run.seed)) != wanted and run != Run(now.cell, seed)
    }
    cells = []
    for old in earlier.cells:
        seeds = tuple(other for other in old.seeds if f"{old.cell.slug}/{other}" in kept)
        if old.cell == now.cell:
            now = dataclasses.replace(now, seeds=tuple(sorted((*seeds, seed))))
        elif seeds and earlier.code == plan.code:
            cells.append(dataclasses.replace(old, seeds=seeds))
        elif seeds:  # its model may have another size by now, if it is ever built again
            cells.append(dataclasses.replace(old, seeds=seeds, parameters=0, macs=0))
    images = {**earlier.images, **plan.images}
    return dataclasses.replace(plan, cells=(*cells, now), images=images, kept=kept)


@dataclass
class _Job:
    """One command: its request, its images, and where it is carried out.

    Attributes:
        stopped: The exit code that says by what it was broken off; 0 if it was not.
    """

    folder: StudyFolder
    console: Console
    request: Request
    images: Mapping[str, Images]
    stopped: int = 0

    def run(self, plan: Plan) -> int:
        """Train, record and tell; returns the exit code."""
        folder, request = self.folder, self.request
        slots = slots_for(plan, request.device)[:1]
        plan = measured(
            plan, folder, slots=slots, patience=request.fault_policy.heartbeat_timeout_seconds
        )
        check_room(folder.path, needed=bytes_needed(plan, self.images, folder=folder, workers=1))
        folder.adopt(with_earlier(plan, folder))
        recording = execute(
            plan,
            folder,
            images=self.images,
            train=functools.partial(self._train, plan, slots),
            console=self.console,
            store_uri=request.store_uri,
        )
        recording.finish(None, seconds=seconds_left(self.stopped))
        place = folder.run(plan.cells[0].cell.slug, request.seed)
        result = place.result()
        if result is not None:
            show_run(self.console, result, place=place.path, store_uri=request.store_uri)
        if recording.fault:
            self.console.print(Text(recording.fault), soft_wrap=True)
        if self.stopped:
            show_how_to_go_on(self.console)
        complete = result is not None and result.status is Status.COMPLETE
        return self.stopped or (0 if complete else 1)

    def _train(self, plan: Plan, slots: Sequence[Slot]) -> float | None:
        """Train the run; returns how many seconds MLflow may take after that."""
        unit = Unit(plan.cells[0].cell.slug, (self.request.seed,))
        try:
            train_units(self.folder, [unit], slots=slots, fault_policy=self.request.fault_policy)
        except StopError as stop:
            self.stopped = stop.code
            self.folder.preempt(plan)
        return seconds_left(self.stopped)
