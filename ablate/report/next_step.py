"""What to do next: the command that settles what a study leaves open."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from ablate.analysis.checks import FEW_SEEDS
from ablate.analysis.findings import Analysis, Candidate, Component, SeedRange, Verdict
from ablate.analysis.verdicts import FEWEST
from ablate.report.cells import number
from ablate.report.headline import answered_components, seeds_to_decide, verdict_of
from ablate.report.section import ReportData
from ablate.report.sentences import seed_range_text
from ablate.report.wording import describe
from ablate.study.result import Status
from ablate.study.study import Study
from ablate.wording import duration, enumeration, one_line, quantity

MOST_AT_ONCE = 20
"""Further seeds that one step asks for, if fewer may do."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to do next.

    Attributes:
        reason: Why, as a sentence.
        command: What to type; empty if nothing has to be run.
    """

    reason: str
    command: str = ""


def next_step(data: ReportData) -> NextStep:
    """The step that settles most of what is open."""
    unfinished = _unfinished_runs(data)
    if unfinished:
        return NextStep(
            f"{quantity(unfinished, 'run')} did not finish. The same command trains only what is "
            f"missing:",
            _own_command(data),
        )
    if data.analysis.no_answer is not None:
        return NextStep("Change the training of the full model first; more seeds cannot help.")
    open_parts = [
        item for item in answered_components(data.analysis) if verdict_of(item) is Verdict.UNDECIDED
    ]
    most = int(data.analysis.cells["n"].max()) if len(data.analysis.cells) else 0
    if most < FEWEST and data.analysis.components:
        return _with_seeds(
            data,
            FEW_SEEDS,
            reason=f"Verdicts need {FEWEST} seeds or more in each cell; {FEW_SEEDS} are "
            f"recommended",
        )
    if open_parts:
        return _decide(data, open_parts, most)
    if not data.analysis.components:
        return NextStep("Nothing can be decided from these runs.")
    candidate = data.analysis.simplest.candidate if data.analysis.simplest is not None else None
    if candidate is not None and candidate.further is not None:
        return _confirm(data, candidate, further=candidate.further, most=most)
    if any(not verdict_of(item) for item in answered_components(data.analysis)):
        return NextStep("More seeds cannot give the verdicts that are missing.")
    return NextStep("No verdict is left undecided at this margin: nothing more has to be run.")


def _decide(data: ReportData, parts: Sequence[Component], most: int) -> NextStep:
    """The command with the seeds that would likely decide some parts."""
    known = [item for item in parts if item.further is not None]
    seeds = seeds_to_decide(known)
    if seeds is None:
        return NextStep(
            "How many more seeds would settle what is undecided cannot be estimated from these "
            "runs: the effects are too close to the margin."
        )
    names = enumeration([item.factor for item in known], most=4)
    reason = f"{seed_range_text(seeds)} a cell would likely settle {names}"
    return _with_seeds(data, most + _at_once(seeds), reason=reason + _capped(seeds))


def _at_once(seeds: SeedRange) -> int:
    """The upper end of a range, or where that is large, no more than its lower end asks for."""
    return min(seeds.high, max(seeds.low, MOST_AT_ONCE))


def _capped(seeds: SeedRange) -> str:
    more = _at_once(seeds)
    return "" if more == seeds.high else f"; {more} of them to begin with"


def _confirm(data: ReportData, candidate: Candidate, *, further: SeedRange, most: int) -> NextStep:
    """The command with the seeds that would likely confirm a simpler model."""
    name = describe(data.study, candidate.levels)
    reason = f"{seed_range_text(further)} a cell would likely show that [{name}] is enough"
    return _with_seeds(data, most + _at_once(further), reason=reason + _capped(further))


def _with_seeds(data: ReportData, seeds: int, *, reason: str) -> NextStep:
    """The step to more seeds, with its command and time."""
    if not _own_command(data):
        return NextStep(
            f"{reason}. Add them to {one_line(data.record.provenance.get('runs', 'the file'))} "
            f"for every cell, then:",
            data.commands[0] if data.commands else "",
        )
    more = seeds - int(data.analysis.cells["n"].max())
    time = _training_seconds(data.analysis, more)
    took = f" (about {duration(time)} of training)" if math.isfinite(time) else ""
    return NextStep(
        f"{reason}{took}; finished runs are reused:",
        with_replicates(_own_command(data), data.study, seeds=seeds),
    )


def with_replicates(command: str, study: Study, *, seeds: int) -> str:
    """A command that asks for a number of seeds a cell."""
    kept = [
        argument
        for argument in shlex.split(command)
        if not re.match(r"\+{0,2}study\.replicates=", argument)
    ]
    value = str(seeds)
    if study.most_replicates is not None:
        value = f"{{min: {study.replicates}, max: {seeds}}}"
    return shlex.join([*kept, f"study.replicates={value}"])


def _own_command(data: ReportData) -> str:
    """The command that trained the study; empty for results of other programs."""
    if "runs" in data.record.provenance:
        return ""
    return data.commands[0] if data.commands else ""


def _unfinished_runs(data: ReportData) -> int:
    """Runs that the same command would train: those that did not reach a settled end."""
    if not _own_command(data):
        return 0
    settled = {str(status) for status in Status if status.settled}
    return int((~data.runs["status"].isin(settled)).sum())


def _training_seconds(analysis: Analysis, more: int) -> float:
    """Seconds of training that some more seeds of every cell take."""
    return more * sum(number(value) for value in analysis.cells["train_seconds"])
