"""How long a study will take, extrapolated from measured steps, and which effects it can detect."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ablate.analysis.checks import FEW_SEEDS
from ablate.analysis.looks import looks_of
from ablate.analysis.power import smallest_detectable
from ablate.analysis.verdicts import FEWEST
from ablate.planning.model_checks import time_cells
from ablate.report.wording import amount, scale_of
from ablate.store.plan import Plan, PlannedCell
from ablate.store.state import StudyState
from ablate.store.tables import run_table
from ablate.study.study import Study
from ablate.wording import duration, quantity
from ablate.workers.slots import Slot
from ablate.workers.unit import pending_units


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast one cell trains, as measured.

    Attributes:
        macs: Multiply-accumulates of a forward pass of its model.
        build_seconds: Time until the first step, once a unit.
        step_seconds: Time of a training step.
        image_seconds: Time of an image in inference mode.
    """

    macs: int
    build_seconds: float
    step_seconds: float
    image_seconds: float


def forecast(state: StudyState, *, slots: Sequence[Slot], timeout_seconds: float) -> list[str]:
    """How long training will take and which effects can be detected, a line each.

    Args:
        state: The study, the sizes of its models known.
        slots: What each worker may use.
        timeout_seconds: Seconds after which a process counts as hanging.
    """
    lines = []
    if state.plan.is_of_programs:
        return [*_program_time(state, slots), _describe_power(state)]
    paces = measure_paces(state, slots=slots, timeout_seconds=timeout_seconds)
    if paces:
        seconds = training_seconds(state, paces=paces, slots=slots)
        lines.append(
            f"Training takes about {duration(seconds)} with {quantity(len(slots), 'worker')}, "
            f"estimated from some steps of the smallest and the largest model."
        )
    return [*lines, _describe_power(state)]


def _program_time(state: StudyState, slots: Sequence[Slot]) -> list[str]:
    """How long external programs will take, as far as finished runs show it; empty if none will."""
    if not state.pending:
        return []
    costs = [result.cost for result in state.results.values() if result.cost is not None]
    workers = quantity(len(slots), "worker")
    if not costs:
        return [f"Programs run with {workers}; how long is known once a run has ended."]
    mean = sum(cost.train_seconds for cost in costs) / len(costs)
    seconds = mean * math.ceil(len(state.pending) / len(slots))
    return [
        f"Training takes about {duration(seconds)} with {workers}, estimated from the "
        f"{quantity(len(costs), 'run')} so far."
    ]


def measure_paces(
    state: StudyState, *, slots: Sequence[Slot], timeout_seconds: float
) -> list[Pace]:
    """The pace of the pending cells with the fewest and the most MACs, some steps each.

    They are measured concurrently, as they will be trained, and on noise, since pixels do not
    matter. A cell that cannot be measured is left out: its own run will report what is wrong.
    """
    pending = {planned.cell: planned for planned, _ in state.pending}
    if not pending:
        return []
    by_size = sorted(pending.values(), key=lambda planned: planned.macs)
    ends = [by_size[0], *by_size[-1:]] if len(by_size) > 1 else by_size
    measured = time_cells(
        ends, slots, datasets=state.plan.datasets, timeout_seconds=timeout_seconds
    )
    return [Pace(**each) for each in measured]


def training_seconds(state: StudyState, *, paces: Sequence[Pace], slots: Sequence[Slot]) -> float:
    """Wall time until all pending runs have ended; NaN without a measured pace.

    Between the two measured models, time is taken to grow in proportion to MACs.
    """
    if not paces:
        return math.nan
    plan, units = state.plan, pending_units(state, workers=len(slots))
    costs = [
        _unit_seconds(plan, plan.find(unit.cell), len(unit.seeds), paces=paces) for unit in units
    ]
    # Units are started in the order of their size, each by the worker that is free first.
    busy = [0.0] * len(slots)
    for cost in costs:
        first = busy.index(min(busy))
        busy[first] += cost
    return max(busy)


def spread_of(runs: pd.DataFrame, response: str) -> float:
    """Standard deviation of a response over the seeds of a cell, median over cells.

    NaN if no cell has two values of the response.
    """
    if response not in runs:
        return math.nan
    spreads = runs.groupby("cell")[response].std().dropna()
    return float(spreads.median()) if len(spreads) else math.nan


def detectable_effect(plan: Plan, spread: float) -> float:
    """Smallest simple effect that the plan detects with 80 % power; NaN for a single seed."""
    study = plan.study
    components = sum(len(factor.levels) - 1 for factor in study.factors)
    tests = 2 * components * len(looks_of(study))  # each verdict twice, at every look
    seeds = study.most_replicates or study.replicates
    return smallest_detectable(spread, seeds, tests=tests)


def _unit_seconds(plan: Plan, planned: PlannedCell, seeds: int, *, paces: Sequence[Pace]) -> float:
    info, recipe = plan.dataset_of(planned), planned.variant.recipe
    pace = _interpolate(paces, planned.macs)
    steps = max(1, info.train // recipe.batch_size)
    evaluated = recipe.epochs * info.validation + info.train + info.test
    run = recipe.epochs * steps * pace.step_seconds + evaluated * pace.image_seconds
    return pace.build_seconds + seeds * run


def _interpolate(paces: Sequence[Pace], macs: int) -> Pace:
    known = sorted(paces, key=lambda pace: pace.macs)
    sizes = [pace.macs for pace in known]
    seconds = {
        field.name: float(np.interp(macs, sizes, [getattr(pace, field.name) for pace in known]))
        for field in dataclasses.fields(Pace)
        if field.name != "macs"
    }
    return Pace(macs, **seconds)


def quick_look_text(study: Study) -> str:
    """A sentence on plans with few seeds; empty with five or more."""
    seeds = study.most_replicates or study.replicates
    if seeds >= FEW_SEEDS:
        return ""
    kind = "a quick look" if seeds >= FEWEST else "too few for verdicts"
    return f"{quantity(seeds, 'seed')} a cell: {kind}; five or more give reliable averages. "


def _describe_power(state: StudyState) -> str:
    study = state.plan.study
    response = study.response
    spread = spread_of(run_table(state), response.name)
    source = "as seen in earlier runs"
    if not math.isfinite(spread):
        spread, source = study.margin, "a guess, the margin, as there are no earlier runs"
    smallest = detectable_effect(state.plan, spread)
    if not math.isfinite(smallest):
        return "With one seed per cell, no effect can be distinguished from chance."
    quick = quick_look_text(study)
    if response.unit == "fraction" and smallest > 1:
        return f"{quick}Nothing could be detected, if seeds spread by {amount(study, spread)}."
    return quick + (
        f"An effect in the full model of {amount(study, smallest)} of {scale_of(study).title} "
        f"would be found 4 times out of 5, if seeds spread by {amount(study, spread)} ({source}); "
        f"the margin is {amount(study, study.margin)}."
    )
