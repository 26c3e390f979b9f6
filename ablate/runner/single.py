"""One run of one variant: what `python -m ablate` does without `--multirun`."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig
from rich.text import Text

from ablate.config.matching import match_of
from ablate.config.request import Request, content_of, read_request
from ablate.errors import RequestError
from ablate.planning.disk_budget import bytes_needed
from ablate.planning.planner import plan_cells
from ablate.process import stop
from ablate.process.output import console
from ablate.runner.execute import Session, execute, measure_models
from ablate.runner.stop import report_disk_errors, seconds_left
from ablate.store.disk import check_disk_space
from ablate.store.folder import StudyFolder
from ablate.store.lock import study_lock
from ablate.store.plan import Plan, digest
from ablate.store.state import StudyState
from ablate.study.design import Cell, Run
from ablate.study.result import Status
from ablate.study.study import SINGLE
from ablate.tracking.progress import show_faults, show_how_to_resume, show_notes, show_run
from ablate.workers.pool import train_units
from ablate.workers.slots import Slot, slots_for
from ablate.workers.unit import Unit


def run_one(config: DictConfig) -> int:
    """Train one variant with one seed, record it, and print its result.

    Returns:
        The exit code: 0 if the run is complete, 1 if it is not.

    Raises:
        RequestError: The request is not valid; nothing was trained.
    """
    request = read_request(content_of(config))
    if request.plan_only:
        raise RequestError(
            "Expected plan_only=true with --multirun, since only a study has a plan; received it "
            "without. Write python -m ablate --multirun plan_only=true."
        )
    if match_of(request.variant) is not None:
        raise RequestError(
            "Expected model.match with --multirun, since it makes the models of a study equally "
            "large; received it without."
        )
    study = dataclasses.replace(request.study, name=SINGLE, question="Runs of single variants.")
    cell = Cell((("variant", digest(request.variant.as_json())[:12]),))
    plan, images = plan_cells(study, {cell: request.variant}, seeds=(request.seed,))
    session = Session(images, console(), request.store_uri)
    command = _Command(StudyFolder(Path("runs") / SINGLE), session, request)
    check_disk_space(command.folder.path)
    with study_lock(command.folder.path):
        return report_disk_errors(lambda: command.run(plan), session.console, folder=command.folder)


def with_earlier_runs(plan: Plan, earlier: Plan | None) -> Plan:
    """The plan together with all runs of the earlier plan, so that MLflow can get them all.

    Args:
        plan: The plan of one run.
        earlier: The plan that the folder of single runs holds; None if there is none.
    """
    if earlier is None:
        return plan
    (now,) = plan.cells
    (seed,) = now.seeds
    # The same run under another name, such as from another path to the same images, is replaced.
    wanted = plan.fingerprint(now, seed)
    kept = {
        run.key: found
        for old, run in earlier.runs()
        if (found := earlier.fingerprint(old, run.seed)) != wanted and run != Run(now.cell, seed)
    }
    cells = []
    for old in earlier.cells:
        seeds = tuple(other for other in old.seeds if Run(old.cell, other).key in kept)
        if old.cell == now.cell:
            now = dataclasses.replace(now, seeds=tuple(sorted((*seeds, seed))))
        elif seeds:
            cells.append(dataclasses.replace(old, seeds=seeds))
    return dataclasses.replace(
        plan,
        cells=(*cells, now),
        datasets={**earlier.datasets, **plan.datasets},
        sources={**earlier.sources, **plan.sources},
        kept=kept,
    )


@dataclass
class _Command:
    """One command: its request, and what it is carried out with.

    Attributes:
        stopped: The exit code of the signal that stopped training; 0 if none did.
    """

    folder: StudyFolder
    session: Session
    request: Request
    stopped: int = 0

    def run(self, plan: Plan) -> int:
        """Train, record and print the result; returns the exit code."""
        folder, request, session = self.folder, self.request, self.session
        earlier = folder.earlier_plan()
        slots = slots_for(plan, request.device)[:1]
        state = measure_models(
            StudyState.read(folder, plan),
            earlier,
            slots=slots,
            timeout_seconds=request.fault_policy.heartbeat_timeout_seconds,
        )
        keep_model = request.retention.model
        needed = bytes_needed(state, session.images, workers=1, keep_model=keep_model)
        check_disk_space(folder.path, needed=needed)
        show_faults(session.console, state, earlier=earlier)
        plan = state.plan
        show_notes(session.console, plan)
        state = state.with_plan(with_earlier_runs(plan, earlier)).adopt().with_plan(plan)
        train = functools.partial(self._train, state, slots)
        state, recording = execute(state, session, train=train)
        self.stopped = self.stopped or stop.acknowledge()
        recording.finish(None, seconds=seconds_left(self.stopped))
        ((planned, run),) = plan.runs()
        result = state.results.get(run)
        if result is not None:
            show_run(
                session.console,
                result,
                known=plan.responses_of(planned),
                path=folder.run(planned.cell.slug, run.seed).path,
                store_uri=request.store_uri,
            )
        if recording.fault:
            session.console.print(Text(recording.fault), soft_wrap=True)
        if self.stopped:
            show_how_to_resume(session.console)
        complete = result is not None and result.status is Status.COMPLETE
        return self.stopped or (0 if complete else 1)

    def _train(self, state: StudyState, slots: Sequence[Slot]) -> float | None:
        """Train the run; returns how many seconds MLflow may take after that."""
        unit = Unit(state.plan.cells[0].cell.slug, (self.request.seed,))
        try:
            train_units(
                self.folder,
                [unit],
                slots=slots,
                fault_policy=self.request.fault_policy,
                retention=self.request.retention,
            )
        except stop.StopError:
            self.stopped = stop.acknowledge()
            state.preempt()
        return seconds_left(self.stopped)
