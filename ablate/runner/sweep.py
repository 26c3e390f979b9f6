"""One study from request to report: what the `design` sweeper does."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig
from rich.text import Text

from ablate.config.overrides import parse_override
from ablate.config.request import Request, content_of, read_request
from ablate.config.store_uri import STORE_URI
from ablate.errors import RequestError
from ablate.planning.changes import reconcile
from ablate.planning.disk_budget import bytes_needed
from ablate.planning.forecast import forecast
from ablate.planning.planner import composer, make_plan, overrides_of, with_more_seeds
from ablate.process import stop
from ablate.process.output import console
from ablate.process.stop import TERMINATED
from ablate.report.cells import recommended_cells
from ablate.report.page import report_data, write_report
from ablate.runner.execute import Session, execute, match_widths, measure_models
from ablate.runner.jobs import WITH_SAFE_POINTS, launch_jobs, name_of
from ablate.runner.stop import TERMINATED_SECONDS, report_disk_errors, seconds_left
from ablate.store.disk import check_disk_space
from ablate.store.folder import StudyFolder
from ablate.store.launched import JOB_EXIT_SECONDS
from ablate.store.lock import study_lock, wait_for_workers
from ablate.store.models import remove_models
from ablate.store.plan import Plan
from ablate.store.state import StudyState
from ablate.store.tables import study_record
from ablate.study.result import Status
from ablate.study.study import Study
from ablate.tracking.progress import (
    show_end,
    show_faults,
    show_forecast,
    show_how_to_resume,
    show_notes,
    show_plan,
)
from ablate.tracking.recording import Recording
from ablate.tracking.summary import summary_of
from ablate.workers.slots import Slot, slots_for
from ablate.workers.unit import pending_units

STILL_TRAINING = (
    "Jobs of this study may still train on another machine, so their runs are not marked as "
    "preempted. They end by themselves within a minute; then the same command resumes their runs."
)
"""A result that such a job commits must not be replaced by one of this process."""


def sweep(
    context: HydraContext, config: DictConfig, *, launcher: Launcher, arguments: Sequence[str]
) -> int:
    """Plan a study, train its pending runs, record them and write the report.

    Returns:
        The exit code: 0 if all runs are complete, 1 if some are not, 130 or 143 if stopped.

    Raises:
        RequestError: The request is not valid; nothing was trained.
    """
    HydraConfig.instance().set_config(config)
    request = read_request(content_of(config))
    _refuse_overrides(arguments, request.study)
    folder = StudyFolder(Path("runs") / request.study.name)
    stop.check()
    compose = composer(context.config_loader, config, arguments=arguments)
    plan, images = make_plan(request.study, compose)
    session = Session(images, console(), request.store_uri)
    command = _Command(folder, launcher, session, request=request, arguments=arguments)
    check_disk_space(folder.path)
    if request.plan_only:
        command.show(plan)
        return 0
    check_disk_space(Path("reports") / request.study.name)
    with study_lock(folder.path):
        state, slots = command.show(plan)
        needed = bytes_needed(state, images, workers=len(slots), keep_model=request.retention.model)
        check_disk_space(folder.path, needed=needed)
        return report_disk_errors(lambda: command.run(state, slots), session.console, folder=folder)


@dataclass
class _Command:
    """One command: its request, and what it is carried out with."""

    folder: StudyFolder
    launcher: Launcher
    session: Session
    request: Request
    arguments: Sequence[str]

    def show(self, plan: Plan) -> tuple[StudyState, list[Slot]]:
        """Print the plan and how many runs are done; returns the study and the workers' slots."""
        request, console = self.request, self.session.console
        slots = slots_for(plan, request.device)
        timeout_seconds = request.fault_policy.heartbeat_timeout_seconds
        plan, matches = match_widths(
            plan, self.folder, slots=slots, timeout_seconds=timeout_seconds
        )
        earlier = self.folder.earlier_plan()
        state = reconcile(
            StudyState.read(self.folder, plan),
            earlier,
            on_change="show" if request.plan_only else request.on_change,
            console=console,
        )
        show_faults(console, state, earlier=earlier)
        state = measure_models(state, earlier, slots=slots, timeout_seconds=timeout_seconds)
        show_plan(console, state)
        for line in matches:
            self.session.show(line)
        show_notes(console, state.plan)
        lines = forecast(state, slots=slots, timeout_seconds=timeout_seconds)
        show_forecast(console, state.plan, lines=lines)
        return state, slots

    def run(self, state: StudyState, slots: Sequence[Slot]) -> int:
        """Train, record and report; returns the exit code."""
        rounds = _Rounds(self.launcher, self.session, slots=slots, arguments=self.arguments)
        state, recording = rounds.train(state)
        stopped, complete = rounds.stopped, False
        if stopped == TERMINATED:
            # The sender of the signal does not wait for a report.
            recording.finish(None, seconds=seconds_left(stopped))
        else:
            try:
                complete = _report(state, self.session, recording=recording, request=self.request)
            except stop.StopError:
                stopped = stop.acknowledge()
                recording.finish(None, seconds=TERMINATED_SECONDS)
        if stopped := stop.acknowledge() or stopped:
            show_how_to_resume(self.session.console)
            return stopped
        return 0 if complete and not rounds.fault else 1


@dataclass
class _Rounds:
    """Trains a plan and, as long as adaptive seeds ask for more runs, the plan of the next round.

    Attributes:
        stopped: The exit code of the signal that stopped training; 0 if none did.
        fault: The error of the launcher; empty if it had none.
    """

    launcher: Launcher
    session: Session
    slots: Sequence[Slot]
    arguments: Sequence[str]
    stopped: int = 0
    fault: str = ""

    def train(self, state: StudyState) -> tuple[StudyState, Recording]:
        """Train until no run is pending and no further seed is asked for."""
        while True:
            # Rounds that an earlier command has trained are only counted.
            while not state.pending and (following := with_more_seeds(state)):
                state = state.with_plan(following)
            state = state.adopt()
            train = functools.partial(self._launch, state)
            state, recording = execute(state, self.session, train=train)
            self.stopped = self.stopped or stop.acknowledge()
            interrupted = self.stopped or self.fault
            following = None if interrupted else with_more_seeds(state)
            if following is None:
                return state, recording
            state = state.with_plan(following)

    def _launch(self, state: StudyState) -> float | None:
        """Train the pending runs; returns how many seconds MLflow may take after that."""
        plan = state.plan
        jobs = [
            [
                *map(_without_store, self.arguments),
                *overrides_of(plan.study, plan.find(unit.cell).cell),
                unit.as_override(),
            ]
            for unit in pending_units(state, workers=len(self.slots))
        ]
        with contextlib.suppress(stop.StopError):
            self.fault = launch_jobs(self.launcher, jobs, folder=state.folder)
        ended = self._have_jobs_ended(state.folder)
        if self.stopped:
            self.fault = ""
            if ended:
                state.preempt()
            else:
                self.session.show(STILL_TRAINING, style="yellow")
        elif self.fault:
            # The finished runs are reported whichever error a launcher has.
            self.session.show(f"The launcher failed: {self.fault}", style="red")
        return seconds_left(self.stopped)

    def _have_jobs_ended(self, folder: StudyFolder) -> bool:
        """Whether no process trains any more; `stopped` is set if a signal has arrived."""
        while True:
            # After a signal, code without safe points may have returned, or raised anything.
            self.stopped = self.stopped or stop.acknowledge()
            if name_of(self.launcher) in WITH_SAFE_POINTS:
                return True  # it has waited for its processes
            with contextlib.suppress(stop.StopError):
                return wait_for_workers(folder.path, seconds=JOB_EXIT_SECONDS) is True


def _without_store(argument: str) -> str:
    """An argument for a job, which never uses MLflow's store; launchers save arguments in files."""
    gives_store = parse_override(argument).key_or_group == "store.uri"
    return f"store.uri={STORE_URI}" if gives_store else argument


def _report(state: StudyState, session: Session, *, recording: Recording, request: Request) -> bool:
    """Write the report, end the recording, and print the answer; whether all is complete."""
    record, console = study_record(state), session.console
    report = Path("reports") / record.study.name
    analysis = write_report(
        report, record, interactions=request.interactions, paper_columns=request.paper_columns
    )
    if request.retention.model == "best" and not state.pending:
        cells = {planned.cell.slug for planned in state.plan.cells}
        remove_models(state.folder, cells - {*recommended_cells(analysis)})
    recording.finish(report, summary_of(analysis))
    data = report_data(record, analysis)
    show_end(console, data, report=report, store_uri=request.store_uri)
    if recording.fault:
        console.print(Text(recording.fault, style="red"), soft_wrap=True)
    return bool((record.runs["status"] == str(Status.COMPLETE)).all())


def _refuse_overrides(arguments: Sequence[str], study: Study) -> None:
    """Refuse overrides of keys that a factor or the study decides."""
    switched = {
        parse_override(override).key_or_group: factor.name
        for factor in study.factors
        for level in factor.levels
        for override in level.overrides
    }
    for argument in arguments:
        key = parse_override(argument).key_or_group
        if key in switched:
            raise RequestError(
                f"Expected no override of {key}, since factor {switched[key]!r} of study "
                f"{study.name!r} switches it; received {argument}."
            )
        if key.split(".")[0] in ("seed", "unit"):
            raise RequestError(
                f"Expected study.replicates=N for a study, whose seeds are 0 to N - 1; received "
                f"{argument}."
            )
