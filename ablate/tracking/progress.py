"""What the terminal shows: the plan, the progress of training, and the answer at the end."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from ablate.analysis.looks import looks_of
from ablate.config.program import ProgramVariant
from ablate.config.store_uri import runs_hint
from ablate.data.info import DatasetInfo
from ablate.report.section import ReportData
from ablate.report.terminal import end_lines
from ablate.report.wording import response_scale
from ablate.store.events import EpochEnded, Event, Interrupted, Resumed, Started
from ablate.store.folder import StudyFolder
from ablate.store.plan import Plan
from ablate.store.program_command import run_command
from ablate.store.state import StudyState
from ablate.study.aliases import aliases
from ablate.study.design import Run
from ablate.study.response import Response
from ablate.study.result import Result, Status
from ablate.study.study import Study
from ablate.wording import (
    NO_BREAK,
    enumeration,
    first_few,
    own_command,
    printable,
    quantity,
    terminal_line,
)

MOST_ALIASES = 12
MOST_FAULTS = 12
MOST_CLASSES = 10
MOST_LEFT_OUT = 3


def show_forecast(console: Console, plan: Plan, *, lines: Sequence[str]) -> None:
    """Print which effects the design confounds, and the lines of the forecast."""
    confounded = aliases(plan.study)
    for alias in confounded[:MOST_ALIASES]:
        console.print(_plain(f"In this design, {alias}."), soft_wrap=True)
    if len(confounded) > MOST_ALIASES:
        console.print(f"... and {len(confounded) - MOST_ALIASES} more such pairs.")
    for line in lines:
        console.print(_plain(line), soft_wrap=True)


def show_faults(console: Console, state: StudyState, *, earlier: Plan | None) -> None:
    """Print which of the study's files are damaged, and what becomes of them.

    Args:
        console: Where to print.
        state: The study.
        earlier: The plan that the study's folder holds; None if there is none or it is damaged.
    """
    lines = list(state.faults.values())
    if earlier is None and state.folder.has_plan:
        lines.insert(0, "The plan on disk is damaged; it is written again.")
    for line in lines[:MOST_FAULTS]:
        console.print(Text(terminal_line(line), style="yellow"), soft_wrap=True)
    if len(lines) > MOST_FAULTS:
        console.print(f"... and {len(lines) - MOST_FAULTS} more damaged results.", style="yellow")


def show_plan(console: Console, state: StudyState) -> None:
    """Print a row for each cell: its levels, how many of its runs are done, its model's size."""
    plan, study = state.plan, state.plan.study
    table = Table(title=_plain(f"Study {study.name}"), title_justify="left", show_lines=False)
    for factor in study.factors:
        table.add_column(_plain(factor.name))
    for heading in ("done", "parameters", "MACs"):
        table.add_column(heading, justify="right")
    done = Counter(run.cell for run in state.settled)
    for planned in plan.cells:
        reference = study.is_reference(planned.cell.levels)
        table.add_row(
            *(_plain(level) for _, level in planned.cell.levels),
            f"{done[planned.cell]}/{len(planned.seeds)}",
            f"{planned.parameters:,}" if planned.parameters else "–",
            f"{planned.macs:,}" if planned.macs else "–",
            style="bold" if reference else "",
        )
    total = len(list(plan.runs()))
    console.print(table)
    console.print(
        f"{len(plan.cells)} cells ({study.design}), {_replicates(study)}, {total} runs"
        f"{' in the first round' if study.most_replicates else ''}; "
        f"{done.total()} of {total} done. The full model is in bold.",
        soft_wrap=True,
    )
    if plan.is_of_programs:
        console.print(_plain(_program_line(state)), soft_wrap=True)
    for line in _dataset_lines(tuple(plan.datasets.values())):
        console.print(Text(terminal_line(line)), soft_wrap=True)


def _program_line(state: StudyState) -> str:
    """The command of one run, which shows how the program gets its options."""
    cells = state.plan.cells
    full = [each for each in cells if state.plan.study.is_reference(each.cell.levels)]
    planned = (full or cells)[0]
    assert isinstance(planned.variant, ProgramVariant)
    folder = state.folder.run(planned.cell.slug, planned.seeds[0])
    command = run_command(planned.variant.program, seed=planned.seeds[0], folder=folder)
    name = "the full model" if full else planned.cell.name
    return f"The program of {name}, seed {planned.seeds[0]}: {command.text}"


def _dataset_lines(datasets: Sequence[DatasetInfo]) -> Iterator[str]:
    """Shape, range, parts and classes of each data set, and what was left out."""
    for number, info in enumerate(datasets, start=1):
        name = "Images" if len(datasets) == 1 else f"Images {number}"
        shape = " x ".join(str(size) for size in info.shape)
        values = info.values and f", values {info.values[0]:.3g} to {info.values[1]:.3g}"
        classes = enumeration(info.classes, most=MOST_CLASSES)
        yield (
            f"{name}: {shape}{values or ''}; {info.train:,} to train, {info.validation:,} to "
            f"validate, {info.test:,} to test; {len(info.classes)} classes: {classes}."
        )
        yield from info.notes
        if info.excluded:
            yield f"Left out: {first_few(info.excluded, most=MOST_LEFT_OUT)}."


def show_notes(console: Console, plan: Plan) -> None:
    """Print what a user must know of how the models are trained, with the number of cells."""
    notes = Counter(note for planned in plan.cells for note in planned.notes)
    for note, cells in notes.items():
        where = "" if cells == len(plan.cells) else f" (in {cells} of {len(plan.cells)} cells)"
        console.print(_plain(f"{note}{where}"), soft_wrap=True)


def _replicates(study: Study) -> str:
    if study.most_replicates is not None:
        rounds = ", ".join(str(seeds) for seeds in looks_of(study))
        return f"{study.replicates} to {study.most_replicates} replicates in rounds ({rounds})"
    return quantity(study.replicates, "replicate")


class ProgressDisplay:
    """Shows the progress of runs: a live display on a terminal, plain lines elsewhere."""

    def __init__(
        self, console: Console, *, plan: Plan, folder: StudyFolder, runs: Sequence[Run]
    ) -> None:
        self._console, self._plan, self._folder = console, plan, folder
        self._cells = {planned.cell: planned for planned in plan.cells}
        self._start_text = "running" if plan.is_of_programs else "building the model"
        self._total, self._ended = len(runs), 0
        self._started = time.monotonic()
        self._active: dict[Run, str] = {}
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
        )
        self._task = self._bar.add_task("runs", total=self._total, left="")
        self._live = Live(console=console, refresh_per_second=4, get_renderable=self._render)

    def __enter__(self) -> ProgressDisplay:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *unused: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def event(self, run: Run, event: Event) -> None:
        """Show what a run does now, and print interruptions."""
        match event:
            case Started():
                self._active[run] = self._start_text
            case Interrupted(status, cause):
                self._active[run] = self._start_text
                if status is not Status.PREEMPTED:
                    self._print(run, f"interrupted ({status}: {cause}); retrying.")
            case Resumed(epoch, _, skipped):
                self._active[run] = f"resuming after epoch {epoch}" if epoch else self._start_text
                if skipped:
                    self._print(run, "; ".join(skipped) + "; skipped.")
            case EpochEnded():
                self._active[run] = self._epoch(run, event)

    def ended(self, run: Run, result: Result) -> None:
        """Count a run that has ended, and print how it ended."""
        self._active.pop(run, None)
        self._ended += 1
        self._bar.update(self._task, completed=self._ended, left=self._time_left())
        width = len(str(self._total))
        count = f"[{self._ended:>{width}}/{self._total}]"
        line = f"{count} {run.cell.name}, seed {run.seed}: "
        if result.status is not Status.COMPLETE:
            log = self._folder.run(run.cell.slug, run.seed).log
            self._console.print(
                _plain(f"{line}{str(result.status).upper()}: {result.error} Log: {log}"),
                style="red",
                soft_wrap=True,
            )
        elif not self._console.is_terminal:
            self._console.print(_plain(line + self._outcome(result)), soft_wrap=True)

    def tick(self) -> None:
        """Do nothing: the live display refreshes itself."""

    def _print(self, run: Run, text: str) -> None:
        line = _plain(f"{run.cell.name}, seed {run.seed}: {text}")
        self._console.print(line, style="yellow", soft_wrap=True)

    def _epoch(self, run: Run, event: EpochEnded) -> str:
        planned = self._cells[run.cell]
        if isinstance(planned.variant, ProgramVariant):
            known = {each.name: each for each in self._plan.responses_of(planned)}
            first = [name for name in (*known, *event.numbers) if name in event.numbers][:1]
            parts = [f"epoch {event.epoch}"]
            parts += [
                _number(known.get(name, Response(name)), event.numbers[name]) for name in first
            ]
            return ", ".join([*parts, f"{event.seconds:.2f} s"])
        parts = [f"epoch {event.epoch}/{planned.variant.recipe.epochs}"]
        for measure in self._plan.measures_of(planned)[:1]:
            value = event.numbers.get(f"val_{measure.name}", math.nan)
            parts.append(f"validation {_number(measure, value)}")
        return ", ".join([*parts, f"{event.seconds:.2f} s"])

    def _outcome(self, result: Result) -> str:
        seconds = result.cost.train_seconds if result.cost else 0.0
        response = self._plan.study.response
        if response.name not in result.responses:
            return f"{seconds:.1f} s"
        return f"{_number(response, result.responses[response.name])}, {seconds:.1f} s"

    def _time_left(self) -> str:
        remaining = self._total - self._ended
        seconds = (time.monotonic() - self._started) / self._ended * remaining
        return f"about {seconds:.0f} s left" if remaining else ""

    def _render(self) -> Group:
        lines = [
            Text.assemble(
                "  ",
                _plain(f"{run.cell.name}, seed {run.seed}: {state}"),
                overflow="ellipsis",
                no_wrap=True,
            )
            for run, state in list(self._active.items())
        ]
        return Group(*lines, self._bar)


def show_how_to_resume(console: Console) -> None:
    """Print the command that resumes what was stopped."""
    text = f"Stopped. Finished runs are saved. To resume:\n  {own_command()}"
    console.print(Text(text), soft_wrap=True)


def show_run(
    console: Console, result: Result, *, known: Sequence[Response], path: Path, store_uri: str
) -> None:
    """Print the responses and costs of one run, and where it is.

    Args:
        console: Where to print.
        result: How the run ended.
        known: The responses whose unit is known.
        path: The folder of the run.
        store_uri: MLflow's tracking URI.
    """
    if result.status is Status.COMPLETE:
        by_name = {response.name: response for response in known}
        for name, value in result.responses.items():
            console.print(_plain(_number(by_name.get(name, Response(name)), value)))
    else:
        console.print(_plain(f"{str(result.status).upper()}: {result.error}"), soft_wrap=True)
    if result.cost is not None:
        cost = result.cost
        # The size of the model of an external program may be unknown.
        sizes = {"parameters": cost.parameters, "MACs": cost.macs}
        parts = [f"{size:,} {name}" for name, size in sizes.items() if size]
        console.print(", ".join([*parts, f"trained in {cost.train_seconds:.1f} s"]))
    console.print(Text(f"Run:  {path}"), soft_wrap=True)
    console.print(Text(f"Runs: {runs_hint(store_uri)}"), soft_wrap=True)


def show_end(console: Console, data: ReportData, *, report: Path, store_uri: str) -> None:
    """Print how many runs are complete, the answer, the next command, and where the report is."""
    console.print()
    counts = data.runs["status"].value_counts()
    complete = int(counts.get(str(Status.COMPLETE), 0))
    others = ", ".join(f"{n} {status}" for status, n in counts.items() if status != "complete")
    console.print(f"{complete} of {len(data.runs)} runs complete{f'; {others}' if others else ''}.")
    for line in end_lines(data, width=console.width):
        console.print(_plain(line), soft_wrap=True)
    console.print(Text(f"Report: {report / 'index.html'}"), soft_wrap=True)
    console.print(Text(f"Runs:   {runs_hint(store_uri)}"), soft_wrap=True)


def _plain(text: str) -> Text:
    """Text that cannot control the terminal: names come from files."""
    return Text(printable(text))


def _number(response: Response, value: float) -> str:
    scale = response_scale(response)
    return f"{scale.title} {scale.value(value)}".replace(NO_BREAK, " ")
