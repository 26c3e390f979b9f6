"""One study from request to report: what the `design` sweeper does."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig
from rich.console import Console
from rich.text import Text

from ablate.config.overrides import parse_override
from ablate.config.request import Request, content_of, read_request
from ablate.data.images import Images
from ablate.errors import RequestError
from ablate.planning.forecast import bytes_needed, in_words
from ablate.planning.planner import composer, make_plan, overrides_of, with_more_seeds
from ablate.planning.reconcile import reconcile
from ablate.report.page import write_report
from ablate.runner.execute import execute, measured
from ablate.runner.stop import TERMINATED, StopError, seconds_left, writing
from ablate.store.disk import UnwritableError, check_room
from ablate.store.folder import StudyFolder
from ablate.store.lock import held
from ablate.store.plan import Plan
from ablate.study.result import Status
from ablate.study.study import Study
from ablate.tracking.progress import show_end, show_forecast, show_how_to_go_on, show_plan
from ablate.tracking.recording import Recording
from ablate.workers.slots import Slot, slots_for
from ablate.workers.unit import pending_units


def sweep(
    context: HydraContext, config: DictConfig, *, launcher: Launcher, arguments: Sequence[str]
) -> int:
    """Plan a study, train what is missing of it, record it and write its report.

    Returns:
        The exit code: 0 if all runs are complete, 1 if some are not, 130 or 143 if stopped.

    Raises:
        RequestError: Something in the request is not what it should be; nothing was trained.
    """
    HydraConfig.instance().set_config(config)
    request = read_request(content_of(config))
    _refuse_overrides(arguments, request.study)
    folder = StudyFolder(Path("runs") / request.study.name)
    compose = composer(context.config_loader, config, arguments=arguments)
    job = _Job(folder, launcher, Console(highlight=False), request=request, arguments=arguments)
    plan, images = make_plan(request.study, compose)
    check_room(folder.path)
    if request.plan_only:
        job.show(plan)
        return 0
    check_room(Path("reports") / request.study.name)
    with held(folder.path):
        plan, slots = job.show(plan)
        check_room(
            folder.path, needed=bytes_needed(plan, images, folder=folder, workers=len(slots))
        )
        return writing(lambda: job.run(plan, images, slots=slots), job.console, folder=folder)


@dataclass
class _Job:
    """One command: its request, and where and with what it is carried out."""

    folder: StudyFolder
    launcher: Launcher
    console: Console
    request: Request
    arguments: Sequence[str]

    def show(self, plan: Plan) -> tuple[Plan, list[Slot]]:
        """The plan with what is done already, its models measured, and on what it is trained."""
        request, folder = self.request, self.folder
        on_change = "show" if request.plan_only else request.on_change
        plan = reconcile(plan, folder, on_change=on_change, console=self.console)
        slots = slots_for(plan, request.device)
        patience = request.fault_policy.heartbeat_timeout_seconds
        plan = measured(plan, folder, slots=slots, patience=patience)
        show_plan(self.console, plan, folder=folder)
        lines = in_words(plan, folder, slots=slots, patience=patience)
        show_forecast(self.console, plan, lines=lines)
        return plan, slots

    def run(self, plan: Plan, images: Mapping[str, Images], *, slots: Sequence[Slot]) -> int:
        """Train, record and report; returns the exit code."""
        rounds = _Rounds(
            self.folder, self.launcher, self.console, images=images, arguments=self.arguments
        )
        recording = rounds.train(plan, slots=slots, store_uri=self.request.store_uri)
        if rounds.stopped == TERMINATED:
            # Whoever sent the signal will not wait for a report.
            recording.finish(None, seconds=seconds_left(rounds.stopped))
            complete = False
        else:
            complete = _report(self.folder, self.console, recording=recording, request=self.request)
        if rounds.stopped:
            show_how_to_go_on(self.console)
            return rounds.stopped
        return 0 if complete and not rounds.fault else 1


@dataclass
class _Rounds:
    """Trains a plan, and as long as adaptive seeds ask for more of them, the plan that follows.

    Attributes:
        stopped: The exit code that says by what it was broken off; 0 if it was not.
        fault: What the launcher died of; empty if it did not.
    """

    folder: StudyFolder
    launcher: Launcher
    console: Console
    images: Mapping[str, Images]
    arguments: Sequence[str]
    stopped: int = 0
    fault: str = ""

    def train(self, plan: Plan, *, slots: Sequence[Slot], store_uri: str) -> Recording:
        """Train until nothing is missing and no further seed is asked for."""
        following: Plan | None = plan
        while following is not None:
            plan = following
            # Rounds that an earlier call has trained are only counted.
            while not self.folder.pending(plan) and (more := with_more_seeds(plan, self.folder)):
                plan = more
            self.folder.adopt(plan)
            recording = execute(
                plan,
                self.folder,
                images=self.images,
                train=functools.partial(self._launch, plan, slots),
                console=self.console,
                store_uri=store_uri,
            )
            broken_off = self.stopped or self.fault
            following = None if broken_off else with_more_seeds(plan, self.folder)
        return recording

    def _launch(self, plan: Plan, slots: Sequence[Slot]) -> float | None:
        """Train what is pending; returns how many seconds MLflow may take after that."""
        jobs = [
            [
                *self.arguments,
                *overrides_of(plan.study, plan.find(unit.cell).cell),
                unit.as_override(),
            ]
            for unit in pending_units(plan, self.folder, workers=len(slots))
        ]
        try:
            self.launcher.launch(jobs, initial_job_idx=0)
        except StopError as stop:
            self.stopped = stop.code
            self.folder.preempt(plan)
        except UnwritableError:
            raise
        except Exception as error:
            # Whatever a launcher dies of, what was trained gets its report.
            self.fault = f"{type(error).__name__}: {error}".splitlines()[0][:500]
            self.console.print(Text(f"The launcher failed: {self.fault}"), style="red")
        return seconds_left(self.stopped)


def _report(
    folder: StudyFolder, console: Console, *, recording: Recording, request: Request
) -> bool:
    """Write the report, end the recording, and say what came out; whether all is complete."""
    record = folder.read_study()
    report = Path("reports") / record.study.name
    analysis = write_report(report, record, interactions=request.interactions)
    recording.finish(report)
    show_end(console, analysis, runs=record.runs, report=report, store_uri=request.store_uri)
    if recording.fault:
        console.print(Text(recording.fault, style="red"), soft_wrap=True)
    return bool((record.runs["status"] == str(Status.COMPLETE)).all())


def _refuse_overrides(arguments: Sequence[str], study: Study) -> None:
    """Overrides that a study cannot honour: those of what a factor or the study decides."""
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
