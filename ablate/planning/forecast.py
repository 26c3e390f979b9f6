"""How long a study will take, from a measured probe, and what it can detect."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ablate.analysis.looks import looks_of
from ablate.analysis.power import smallest_detectable
from ablate.data.images import Images
from ablate.planning.model_checks import probe_cells
from ablate.store.checkpoint import DEPTH
from ablate.store.folder import StudyFolder
from ablate.store.plan import Plan, PlannedCell
from ablate.wording import duration, quantity
from ablate.workers.slots import Slot
from ablate.workers.unit import pending_units


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast one cell trains, as measured.

    Attributes:
        macs: Multiply-accumulates of a forward pass of its model.
        build_seconds: Until the first step, once a unit.
        step_seconds: Of a training step.
        image_seconds: Of an image in inference mode.
    """

    macs: int
    build_seconds: float
    step_seconds: float
    image_seconds: float


def probe(plan: Plan, folder: StudyFolder, *, slots: Sequence[Slot], patience: float) -> list[Pace]:
    """The pace of the pending cells with the fewest and the most MACs, some steps each.

    Measured at once, as they will be trained; on noise, since pixels do not matter. A cell whose
    probe fails has none: what is wrong with it is for its own run to tell.
    """
    pending = {planned.cell: planned for planned, _ in folder.pending(plan)}
    if not pending:
        return []
    by_size = sorted(pending.values(), key=lambda planned: planned.macs)
    ends = [by_size[0], *by_size[-1:]] if len(by_size) > 1 else by_size
    answers = probe_cells(ends, slots, images=plan.images, patience=patience)
    return [Pace(**answer) for answer in answers]


def training_seconds(
    plan: Plan, folder: StudyFolder, *, paces: Sequence[Pace], slots: Sequence[Slot]
) -> float:
    """Wall time until all pending runs have ended; NaN without a probe.

    Between the two probed models, time is taken to grow in proportion to MACs.
    """
    if not paces:
        return math.nan
    units = pending_units(plan, folder, workers=len(slots))
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
    """Standard deviation of a response over the seeds of a cell, median over cells; else NaN."""
    if response not in runs:
        return math.nan
    spreads = runs.groupby("cell")[response].std().dropna()
    return float(spreads.median()) if len(spreads) else math.nan


def detectable(plan: Plan, spread: float) -> float:
    """Smallest simple effect that the plan detects with 80 % power; NaN for a single seed."""
    study = plan.study
    components = sum(len(factor.levels) - 1 for factor in study.factors)
    tests = 2 * components * len(looks_of(study))  # each verdict twice, at every look
    seeds = study.most_replicates or study.replicates
    return smallest_detectable(spread, seeds, tests=tests)


def _unit_seconds(plan: Plan, planned: PlannedCell, seeds: int, *, paces: Sequence[Pace]) -> float:
    images, recipe = plan.images[planned.images], planned.variant.recipe
    pace = _between(paces, planned.macs)
    steps = max(1, images["train"] // recipe.batch_size)
    evaluated = recipe.epochs * images["validation"] + images["train"] + images["test"]
    run = recipe.epochs * steps * pace["step_seconds"] + evaluated * pace["image_seconds"]
    return pace["build_seconds"] + seeds * run


def _between(paces: Sequence[Pace], macs: int) -> dict[str, Any]:
    known = sorted(paces, key=lambda pace: pace.macs)
    sizes = [pace.macs for pace in known]
    return {
        field.name: float(np.interp(macs, sizes, [getattr(pace, field.name) for pace in known]))
        for field in dataclasses.fields(Pace)
    }


def in_words(
    plan: Plan, folder: StudyFolder, *, slots: Sequence[Slot], patience: float
) -> list[str]:
    """What the plan says of time and power, one line each.

    Args:
        plan: The plan, its models measured.
        folder: Its folder.
        slots: What each worker may use.
        patience: Seconds after which a process counts as hanging.
    """
    lines = []
    paces = probe(plan, folder, slots=slots, patience=patience)
    if paces:
        seconds = training_seconds(plan, folder, paces=paces, slots=slots)
        lines.append(
            f"Training takes about {duration(seconds)} with {quantity(len(slots), 'worker')}, "
            f"estimated from some steps of the smallest and the largest model."
        )
    return [*lines, _power_in_words(plan, folder)]


def _power_in_words(plan: Plan, folder: StudyFolder) -> str:
    study = plan.study
    response = study.response
    spread = spread_of(folder.runs(plan), response.name)
    source = "as seen in earlier runs"
    if not math.isfinite(spread):
        spread, source = study.margin, "a guess, the margin, as there are no earlier runs"
    smallest = detectable(plan, spread)
    if not math.isfinite(smallest):
        return "With one seed a cell no effect can be told from chance."
    factor, unit = (100, "points") if response.unit == "fraction" else (1, response.unit)
    name = response.name.replace("_", " ")
    return (
        f"An effect in the full model of {factor * smallest:.3g} {unit} of {name} would be found "
        f"4 times out of 5, if seeds spread by {factor * spread:.3g} {unit} ({source}); the margin "
        f"is {factor * study.margin:.3g}."
    )


FIXED_BYTES = 10_000_000
"""MLflow's empty store, the report with its figures, and the log of the processes."""
RUN_BYTES = 30_000
"""A run's journal, result and log, and what MLflow holds of it."""
VALUE_BYTES = 4
VALUES_A_PARAMETER = 3
"""A weight and two moments of the optimizer."""


def bytes_needed(
    plan: Plan, images: Mapping[str, Images], *, folder: StudyFolder, workers: int
) -> int:
    """About how much a study will write: frozen images, checkpoints of runs at work, records."""
    pending = folder.pending(plan)
    if not pending:
        return FIXED_BYTES
    pixels = sum(
        array.nbytes
        for item in images.values()
        if not (folder.images / item.fingerprint).is_dir()
        for part in item.parts.values()
        for array in (part.x, part.y)
    )
    largest = max(planned.parameters for planned, _ in pending)
    # One file more than are kept, while it is written.
    checkpoints = workers * (DEPTH + 1) * largest * VALUES_A_PARAMETER * VALUE_BYTES
    return FIXED_BYTES + pixels + checkpoints + RUN_BYTES * len(pending)
