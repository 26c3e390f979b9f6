"""One study from request to report: what the `design` sweeper does."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig
from rich.console import Console
from rich.text import Text

from ablate.config import Request, plain, read_request
from ablate.data.images import Images
from ablate.device import Slot
from ablate.report.page import write_report
from ablate.result import Status
from ablate.runner.execute import Recording, execute, measured, slots_for
from ablate.runner.forecast import in_words
from ablate.runner.plan import composer, make_plan, overrides_of, with_more_seeds
from ablate.runner.progress import show_end, show_forecast, show_plan
from ablate.runner.unit import pending_units
from ablate.store.folder import StudyFolder
from ablate.store.plan import Plan
from ablate.study import Refusal, Study

INTERRUPTED = 130


def sweep(
    context: HydraContext, config: DictConfig, *, launcher: Launcher, arguments: Sequence[str]
) -> int:
    """Plan a study, train what is missing of it, record it and write its report.

    Returns:
        The exit code: 0 if all runs are complete, 1 if some are not, 130 if interrupted.

    Raises:
        Refusal: Something in the request is not what it should be; nothing was trained.
    """
    HydraConfig.instance().set_config(config)
    request = read_request(plain(config))
    _refuse_overrides(arguments, request.study)
    console = Console(highlight=False)
    folder = StudyFolder(Path("runs") / request.study.name)
    compose = composer(context.config_loader, config, arguments=arguments)
    plan, images = make_plan(request.study, compose)
    slots = slots_for(plan, request.device)
    plan = measured(plan, folder, slots=slots)
    show_plan(console, plan, folder=folder)
    show_forecast(console, plan, lines=in_words(plan, folder, slots=slots))
    if request.plan_only:
        return 0

    rounds = _Rounds(folder, launcher, console, images=images, arguments=arguments)
    recording = rounds.train(plan, slots=slots, store_uri=request.store_uri)
    complete = _report(folder, console, recording=recording, request=request)
    if rounds.interrupted:
        return INTERRUPTED
    return 0 if complete else 1


@dataclass
class _Rounds:
    """Trains a plan, and as long as adaptive seeds ask for more of them, the plan that follows.

    Attributes:
        interrupted: Whether the user broke off.
    """

    folder: StudyFolder
    launcher: Launcher
    console: Console
    images: Mapping[str, Images]
    arguments: Sequence[str]
    interrupted: bool = False

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
            following = None if self.interrupted else with_more_seeds(plan, self.folder)
        return recording

    def _launch(self, plan: Plan, slots: Sequence[Slot]) -> None:
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
        except KeyboardInterrupt:
            self.interrupted = True


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
        console.print(Text(f"Not recorded in MLflow: {recording.fault}", style="red"))
    return bool((record.runs["status"] == str(Status.COMPLETE)).all())


def _refuse_overrides(arguments: Sequence[str], study: Study) -> None:
    """Overrides that a study cannot honour: swept ones, and those that a factor decides."""
    parser = OverridesParser.create()
    switched = {
        override.key_or_group: factor.name
        for factor in study.factors
        for level in factor.levels
        for override in parser.parse_overrides(list(level.overrides))
    }
    for override in parser.parse_overrides(list(arguments)):
        key = override.key_or_group
        if override.is_sweep_override():
            raise Refusal(
                f"Expected one value for {key}; received {override.input_line}. What a study "
                f"compares are the levels of its factors, in experiments/study/."
            )
        if key in switched:
            raise Refusal(
                f"Expected no override of {key}, since factor {switched[key]!r} of study "
                f"{study.name!r} switches it; received {override.input_line}."
            )
        if key in ("seed", "unit"):
            raise Refusal(
                f"Expected study.replicates=N for a study, whose seeds are 0 to N - 1; received "
                f"{override.input_line}."
            )
