"""What to do next: the command that settles what a study leaves open."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from ablate.analysis.checks import FEW_SEEDS
from ablate.analysis.findings import Analysis, Candidate, Component, SeedRange, Verdict, Withheld
from ablate.analysis.verdicts import FEWEST
from ablate.analysis.warnings import RunsAtChance
from ablate.report.cells import cell_label, levels_of, number, records
from ablate.report.decisions import (
    MOST_WORTH_ASKING,
    answered_components,
    best_level,
    decisive_effect,
    is_worth_asking,
    seeds_to_decide,
    verdict_of,
)
from ablate.report.names import by_factor, part_names
from ablate.report.section import ReportData
from ablate.report.sentences import seed_range_text
from ablate.report.wording import amount, cell_list, describe
from ablate.study.design import Cell, full_factorial, leave_one_out
from ablate.study.result import Status
from ablate.study.study import Study
from ablate.wording import duration, enumeration, one_line, quantity

TO_LEARN_MORE = 20
"""Further seeds where it is not known how many decide."""
MOST_NAMED = 8
MOST_COMBINATIONS = 64
"""Cells above which not all combinations are proposed, but each part's removal alone."""
USEFUL = {Verdict.NEEDED, Verdict.HELPS, Verdict.BETTER}


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
    """The step that settles most of what is open, after what to do about runs that went wrong."""
    unfinished = _unfinished_runs(data)
    step = unfinished or _step_of_results(data)
    if data.analysis.no_answer is not None or not data.analysis.components:
        return step
    first = _look_at_guessing(data) if unfinished else _look_at_runs(data)
    return NextStep(f"{first} {step.reason}", step.command) if first else step


def _look_at_runs(data: ReportData) -> str:
    """What to do about runs that went wrong; empty if there are none."""
    left_out = "" if _cells_without_result(data) else _look_at_left_out(data)
    return " ".join(filter(None, (left_out, _look_at_guessing(data))))


def _look_at_left_out(data: ReportData) -> str:
    """What to do about runs without a result; empty if there are none."""
    labels = _labels(data, data.runs["status"] != Status.COMPLETE)
    if not labels:
        return ""
    return (
        f"{_runs_of(labels)} gave no result: see why under Runs without a result, and train "
        f"again without that cause."
    )


def _look_at_guessing(data: ReportData) -> str:
    """What to do about runs that did not learn; empty if there are none."""
    found = [item for item in data.analysis.warnings if isinstance(item, RunsAtChance)]
    if not found:
        return ""
    rates = found[0].rates
    number = sum(rate.failed for rate in rates)
    cells = cell_list(data.study, [rate.cell for rate in rates])
    return (
        f"Look at the {quantity(number, 'run')} of {cells} that did not learn: with a lower "
        f"learning rate or more epochs the answer may change."
    )


def _labels(data: ReportData, chosen: pd.Series[bool]) -> list[str]:
    """The cell of each chosen run, by its differences from the full model."""
    return [f"[{cell_label(data.analysis, row)}]" for row in records(data.runs[chosen])]


def _runs_of(labels: Sequence[str]) -> str:
    """How many runs, and of which cells."""
    return f"{quantity(len(labels), 'run')} of {enumeration(list(dict.fromkeys(labels)))}"


def _step_of_results(data: ReportData) -> NextStep:
    """The step after all runs are done."""
    if data.analysis.no_answer is not None:
        return NextStep("Change the training of the full model first; more seeds cannot help.")
    if not data.analysis.components:
        return NextStep("Nothing can be decided from these runs.")
    most = int(data.analysis.cells["n"].max())
    if most < FEWEST:
        return _with_seeds(
            data,
            FEW_SEEDS - most,
            reason=f"Verdicts need {FEWEST} seeds or more in each cell; {FEW_SEEDS} are "
            f"recommended",
        )
    return _settle(data)


def _settle(data: ReportData) -> NextStep:
    """The step after all runs are done, with enough seeds for verdicts."""
    parts = answered_components(data.analysis)
    if any(_lacks_cells(part) for part in parts):
        return _other_cells(data)
    cells = _cells_without_result(data)
    if cells:
        return NextStep(
            f"All runs of {cell_list(data.study, cells)} ended without a result, for the reasons "
            f"given under Runs without a result. Change how they are trained, or leave them out of "
            f"the study; more seeds cannot help."
        )
    undecided = [part for part in parts if verdict_of(part) is Verdict.UNDECIDED]
    if undecided:
        return _decide(data, undecided)
    candidate = data.analysis.simplest.candidate if data.analysis.simplest is not None else None
    if candidate is not None and _may_be_enough(data.analysis, candidate):
        return _confirm(data, candidate)
    if any(not verdict_of(part) for part in parts):
        return NextStep("More seeds cannot give the verdicts that are missing.")
    worse = [part for part in parts if verdict_of(part) is Verdict.WORSE]
    several = [group for group in by_factor(worse) if len(group) > 1]
    if several and not _own_command(data):
        return _compare_alternatives(data, several[0])
    helping = [part for part in parts if part.margin_seeds is not None]
    if helping:
        return _weigh(data, helping)
    rest = "more seeds are not needed" if _look_at_runs(data) else "nothing more has to be run"
    return NextStep(f"Every part has a verdict at this margin: {rest}.")


def _cells_without_result(data: ReportData) -> list[Cell]:
    """The cells without a complete run that the answer needs."""
    effects = map(decisive_effect, answered_components(data.analysis))
    return list(dict.fromkeys(cell for effect in effects if effect for cell in effect.missing))


def _lacks_cells(component: Component) -> bool:
    """Whether only other cells, not more seeds, can give a verdict on a part."""
    effect = decisive_effect(component)
    return effect is None or effect.withheld is Withheld.CONFUSED


def _other_cells(data: ReportData) -> NextStep:
    """The cells that separate what the cells so far cannot."""
    study, own = data.study, _own_command(data)
    all_of_them = study.combinations <= MOST_COMBINATIONS
    wanted = full_factorial(study) if all_of_them else leave_one_out(study)
    missing = _without_complete_run(data.analysis, wanted)
    if own:
        time = _training_seconds(data.analysis, study.replicates) / len(data.analysis.cells)
        which = "all" if all_of_them else "the full model and the full model without each part,"
        design = "full_factorial" if all_of_them else "leave_one_out"
        others = {"study.resolution": study.resolution, "study.cells": study.cells}
        return NextStep(
            f"More seeds cannot help here, other combinations can. The command trains {which} "
            f"{len(wanted)} combinations{_took(time * len(missing))}; finished runs are reused:",
            with_arguments(
                own, {"study.design": design, **{key: "null" for key in others if others[key]}}
            ),
        )
    separate = [part for part in answered_components(data.analysis) if _lacks_cells(part)]
    if all(decisive_effect(part) is None for part in separate):
        # The full model without the part is enough for its effect in the full model.
        levels = {**study.reference, **{part.factor: part.level for part in separate[:1]}}
        missing = [Cell(tuple(levels.items()))]
    return NextStep(
        f"More seeds cannot help here, other combinations can: run {_named(study, missing)} too. "
        f"Add {'it' if len(missing) == 1 else 'them'} to {_file(data)}, then:",
        _first_command(data),
    )


def _named(study: Study, cells: Sequence[Cell]) -> str:
    """Some cells in words, and the number of the others."""
    named = [f"[{describe(study, dict(cell.levels))}]" for cell in cells[:MOST_NAMED]]
    rest = [f"{len(cells) - len(named)} more"] if len(cells) > len(named) else []
    return enumeration([*named, *rest], most=MOST_NAMED + 1)


def _without_complete_run(analysis: Analysis, cells: Sequence[Cell]) -> list[Cell]:
    """Those of some cells that have no complete run."""
    complete = [
        levels_of(analysis.study, row) for row in records(analysis.cells) if number(row["n"]) > 0
    ]
    return [cell for cell in cells if dict(cell.levels) not in complete]


def _decide(data: ReportData, parts: Sequence[Component]) -> NextStep:
    """The command with the seeds that would likely decide some parts."""
    settled = [part for part in parts if is_worth_asking(part.further)]
    seeds = seeds_to_decide(settled)
    if seeds is not None:
        names = part_names(data.study, settled)
        return _with_range(data, seeds, result=f"settle {names}", parts=len(settled))
    names = part_names(data.study, parts)
    return _with_seeds(
        data,
        TO_LEARN_MORE,
        reason=f"Settling {names} may need more than {MOST_WORTH_ASKING} more seeds, since an "
        f"effect is close to the margin or its spread is large. With {TO_LEARN_MORE} more in each "
        f"cell the report can tell",
    )


def _may_be_enough(analysis: Analysis, candidate: Candidate) -> bool:
    """Whether a simpler model lacks no part that is known to help, and seeds can show it."""
    if not is_worth_asking(candidate.further):
        return False
    useful = {
        (part.factor, part.level) for part in analysis.components if verdict_of(part) in USEFUL
    }
    return not useful & set(candidate.levels.items())


def _confirm(data: ReportData, candidate: Candidate) -> NextStep:
    """The command with the seeds that would likely confirm a simpler model."""
    name = describe(data.study, candidate.levels)
    assert candidate.further is not None
    return _with_range(data, candidate.further, result=f"show that [{name}] is enough")


def _weigh(data: ReportData, parts: Sequence[Component]) -> NextStep:
    """Whether parts that help are worth the margin, for those who need to know it."""
    margin = amount(data.study, data.study.margin)
    verb = "helps" if len(parts) == 1 else "help"
    open_question = f"whether {part_names(data.study, parts)} {verb} by {margin} or more"
    decided = "More seeds are not needed to know that it helps."
    if len(parts) > 1:
        decided = "More seeds are not needed to know that they help."
    known = [part.margin_seeds for part in parts if part.margin_seeds is not None]
    seeds = SeedRange.for_all(known)
    if not is_worth_asking(seeds):
        return NextStep(
            f"{decided} Showing {open_question} may need more than {MOST_WORTH_ASKING} more seeds, "
            f"since the effect is close to the margin."
        )
    step = _with_range(data, seeds, result=f"show {open_question}")
    return NextStep(f"{decided} {step.reason}", step.command)


def _compare_alternatives(data: ReportData, group: Sequence[Component]) -> NextStep:
    """The command that compares the other levels of a factor with the best of them."""
    factor, level = group[0].factor, best_level(group)
    levels = {**data.study.reference, factor: level}
    reference = ", ".join(f"{name}: {word}" for name, word in levels.items())
    return NextStep(
        f"More seeds are not needed. The levels of {factor} were compared with "
        f"{data.study.reference[factor]} alone; to compare them with {factor}={level}:",
        with_arguments(_first_command(data), {"reference": f"{{{reference}}}"}),
    )


def _with_range(data: ReportData, seeds: SeedRange, *, result: str, parts: int = 1) -> NextStep:
    """The step to so many seeds that the result is likely."""
    reason = f"{seed_range_text(seeds)} in each cell would likely {result}"
    if seeds.low < seeds.high:
        reason += f" (how many is up to chance{' and differs by part' if parts > 1 else ''})"
    return _with_seeds(data, seeds.high, reason=reason)


def _with_seeds(data: ReportData, more: int, *, reason: str) -> NextStep:
    """The step to more seeds, with its command and time."""
    own = _own_command(data)
    if not own:
        return NextStep(f"{reason}. Add them to {_file(data)}, then:", _first_command(data))
    took = _took(_training_seconds(data.analysis, more))
    cells = len(data.analysis.cells)
    most = "at most " if data.study.most_replicates is not None else ""
    return NextStep(
        f"{reason}. The command trains {most}{quantity(more, 'more seed')} in each of "
        f"{quantity(cells, 'cell')} = {quantity(more * cells, 'run')}{took}; finished runs are "
        f"reused:",
        with_replicates(own, data.study, seeds=int(data.analysis.cells["n"].max()) + more),
    )


def _took(seconds: float) -> str:
    return f" (about {duration(seconds)} of training)" if math.isfinite(seconds) else ""


def with_replicates(command: str, study: Study, *, seeds: int) -> str:
    """A command that asks for a number of seeds a cell."""
    value = str(seeds)
    if study.most_replicates is not None:
        value = f"{{min: {study.replicates}, max: {seeds}}}"
    return with_arguments(command, {"study.replicates": value})


def with_arguments(command: str, values: dict[str, str]) -> str:
    """A command with some of its arguments replaced, by key."""
    keys = "|".join(map(re.escape, values))
    kept = [
        argument
        for argument in shlex.split(command)
        if not re.match(rf"\+{{0,2}}(?:{keys})=", argument)
    ]
    return shlex.join([*kept, *(f"{key}={value}" for key, value in values.items())])


def _own_command(data: ReportData) -> str:
    """The command that trained the study; empty for results of other programs."""
    return "" if "runs" in data.record.provenance else _first_command(data)


def _first_command(data: ReportData) -> str:
    return data.commands[0] if data.commands else ""


def _file(data: ReportData) -> str:
    """The name of the file with results of other programs."""
    return one_line(data.record.provenance.get("runs", "the file"))


def _unfinished_runs(data: ReportData) -> NextStep | None:
    """The step for runs that the same command would train; None where there are none."""
    if not _own_command(data):
        return None
    settled = {str(status) for status in Status if status.settled}
    ended = data.runs[~data.runs["status"].isin(settled)]["status"]
    if ended.empty:
        return None
    failed = _labels(data, data.runs["status"] == Status.FAILED)
    reason = f"{quantity(len(ended), 'run')} did not finish."
    if failed:
        reason = (
            f"{_runs_of(failed)} failed. Remove the cause, which is named under Runs without "
            f"a result."
        )
    return NextStep(f"{reason} The same command trains only what is missing:", _own_command(data))


def _training_seconds(analysis: Analysis, more: int) -> float:
    """Seconds of training that some more seeds of every cell take."""
    return more * sum(number(value) for value in analysis.cells["train_seconds"])
