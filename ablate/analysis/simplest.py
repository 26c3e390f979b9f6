"""The simplest model that is not worse than the full model by the margin."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from ablate.analysis.arrays import Array
from ablate.analysis.cells import reference_index
from ablate.analysis.effects import oriented
from ablate.analysis.estimates import ALPHA, Estimates, estimate, holm
from ablate.analysis.findings import Candidate, Simplest
from ablate.analysis.looks import looks_of
from ablate.analysis.measurements import Measurements
from ablate.analysis.parts import part_count
from ablate.analysis.power import Knowledge, seeds_below_margin
from ablate.analysis.verdicts import FEWEST
from ablate.study.design import Cell
from ablate.study.study import Study

Sized = TypeVar("Sized", Simplest, Candidate)


def simplest_model(
    study: Study, measurements: Measurements, *, cells: pd.DataFrame
) -> Simplest | None:
    """Find the cell with the fewest parts, then parameters, that is shown to be no worse.

    Every simpler cell is tested against the full model for a loss as large as the margin, one-sided
    at 5 % with Holm's correction over all cells tested. So the chance of naming a cell that does
    lose the margin is at most 5 %, however many cells were searched. `ablate.analysis.parts`
    defines how many parts a cell has.

    Args:
        study: The study.
        measurements: Its complete runs.
        cells: The table of cells, for their costs.

    Returns:
        The full model's own cell where no simpler cell passes; None where the full model has no
        complete run, or where no measured cell is simpler.
    """
    reference = reference_index(study, measurements)
    if reference is None or not measurements.counts[reference]:
        return None
    sizes = _sizes(study, measurements.cells, cells)
    simpler = [
        index
        for index, size in enumerate(sizes)
        if size < sizes[reference] and _can_be_answer(study, measurements.cells[index])
    ]
    if not simpler:
        return None
    looks = len(looks_of(study))
    losses = estimate(
        oriented(study, measurements.responses[study.response.name]),
        loss_weights(len(sizes), reference=reference, others=np.array(simpler, dtype=np.int_)),
        paired=measurements.paired,
        looks=looks,
        grid=measurements.grids[study.response.name],
    )
    p = loss_tests(losses, margin=study.margin, looks=looks)
    tested = int(np.isfinite(p).sum())
    passed = [index for index in range(len(simpler)) if p[index] <= ALPHA]
    if not passed:
        cell = measurements.cells[reference]
        candidate = _candidate(study, measurements, simpler=simpler, losses=losses)
        if candidate is not None:
            candidate = _with_size(candidate, cells, reference=cell.slug)
        return Simplest(cell.slug, dict(cell.levels), tested, candidate=candidate)
    best = min(passed, key=lambda index: (sizes[simpler[index]], simpler[index]))
    found = _passed(
        measurements.cells[simpler[best]], losses, index=best, p=float(p[best]), tested=tested
    )
    return _with_size(found, cells, reference=measurements.cells[reference].slug)


def _passed(cell: Cell, losses: Estimates, *, index: int, p: float, tested: int) -> Simplest:
    """Return a cell that passed its test, with its loss."""
    return Simplest(
        cell.slug,
        dict(cell.levels),
        tested,
        loss=float(losses.estimate[index]),
        low=float(losses.low[index]),
        high=float(losses.high[index]),
        n=int(losses.n[index]),
        p=p,
    )


def _candidate(
    study: Study, measurements: Measurements, *, simpler: list[int], losses: Estimates
) -> Candidate | None:
    """Return the simpler cell with the smallest loss; None where none has a loss."""
    if not np.isfinite(losses.estimate).any():
        return None
    best = int(np.nanargmin(losses.estimate))
    cell = measurements.cells[simpler[best]]
    looks = len(looks_of(study))
    return Candidate(
        cell=cell.slug,
        levels=dict(cell.levels),
        loss=float(losses.estimate[best]),
        low=float(losses.low[best]),
        high=float(losses.high[best]),
        further=seeds_below_margin(
            Knowledge(
                float(losses.estimate[best]),
                float(losses.error[best]),
                float(losses.df[best]),
                int(losses.n[best]),
            ),
            margin=study.margin,
            level=ALPHA / looks / len(simpler),
        ),
    )


def _with_size(model: Sized, cells: pd.DataFrame, *, reference: str) -> Sized:
    """Return a model with its parameters and MACs as multiples of the full model's."""
    costs = cells.set_index("cell")[["parameters", "macs"]].to_dict("index")
    own, full = costs[model.cell], costs[reference]
    parameters, macs = (
        float(own[name]) / float(full[name]) if float(full[name]) > 0 else math.nan
        for name in ("parameters", "macs")
    )
    return replace(model, parameters=parameters, macs=macs)


def loss_weights(cells: int, *, reference: int, others: npt.NDArray[np.int_]) -> Array:
    """Return the weights of losses (reference minus cell), shape `(others, cells)`."""
    weights = -np.eye(cells)[others]
    weights[:, reference] += 1.0
    return weights


def loss_tests(losses: Estimates, *, margin: float, looks: int = 1) -> Array:
    """Return one-sided p values of losses as large as the margin, after Holm's correction.

    Args:
        losses: The losses of some cells, shape `(..., others)`.
        margin: The loss that is too large.
        looks: How often the runs are looked at while seeds are added.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        p = stats.t.cdf((losses.estimate - margin) / losses.error, losses.df)
    # Equal losses in all blocks have no spread, so only their signs can be tested. Identical
    # results are no worse.
    signs = np.where(losses.estimate < margin, 0.5**losses.n, 1.0)
    p = np.where(losses.error == 0, np.where(losses.estimate == 0, 0.0, signs), p)
    p = np.where((losses.n < FEWEST) & np.isfinite(p), 1.0, p)
    return holm(looks * p, np.zeros(p.shape[-1], dtype=np.int_))


def _can_be_answer(study: Study, cell: Cell) -> bool:
    """Return whether all controls are at their reference: any other cell repeats such a one."""
    return all(cell[name] == study.reference[name] for name in study.controls)


def _sizes(study: Study, cells: tuple[Cell, ...], table: pd.DataFrame) -> list[tuple[int, float]]:
    parameters = table["parameters"].to_numpy(dtype=np.float64)
    # Unless the parameters of all cells with results are known, they decide nothing.
    known = np.isfinite(parameters[table["n"] > 0]).all()
    return [
        (part_count(study.factors, cell), float(value) if known else 0.0)
        for cell, value in zip(cells, parameters, strict=True)
    ]
