"""The simplest model that is not worse than the full model by the margin."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from ablate.analysis.cells import reference_index
from ablate.analysis.effects import oriented
from ablate.analysis.estimates import ALPHA, Estimates, estimate, holm
from ablate.analysis.findings import Simplest
from ablate.analysis.looks import looks_of
from ablate.analysis.measurements import Array, Measurements
from ablate.analysis.parts import part_count
from ablate.study.design import Cell
from ablate.study.study import Study


def simplest_model(
    study: Study, measurements: Measurements, *, cells: pd.DataFrame
) -> Simplest | None:
    """Find the cell with the fewest parts, then MACs, that is shown to be no worse by the margin.

    Every simpler cell is tested against the full model for a loss as large as the margin, one-sided
    at 5 % with Holm's correction over all cells tested. So the chance of naming a cell that does
    lose the margin is at most 5 %, however many cells were searched. `ablate.analysis.parts`
    defines how many parts a cell has.

    Args:
        study: The study.
        measurements: Its complete runs.
        cells: The table of cells, for their MACs.

    Returns:
        The full model's own cell where no simpler cell passes; None where the full model has no
        complete run.
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
    losses, p = loss_tests(
        oriented(study, measurements.responses[study.response.name]),
        reference=reference,
        others=np.array(simpler, dtype=np.int_),
        margin=study.margin,
        paired=measurements.paired,
        looks=len(looks_of(study)),
    )
    tested = int(np.isfinite(p).sum())
    passed = [index for index in range(len(simpler)) if p[index] <= ALPHA]
    if not passed:
        cell = measurements.cells[reference]
        return Simplest(cell.slug, dict(cell.levels), tested)
    best = min(passed, key=lambda index: (sizes[simpler[index]], simpler[index]))
    cell = measurements.cells[simpler[best]]
    loss = float(losses.estimate[best])
    return Simplest(cell.slug, dict(cell.levels), tested, loss=loss, p=float(p[best]))


def loss_tests(
    responses: Array,
    *,
    reference: int,
    others: npt.NDArray[np.int_],
    margin: float,
    paired: bool,
    looks: int = 1,
) -> tuple[Estimates, Array]:
    """Test cells for a loss as large as the margin against the reference cell.

    Args:
        responses: Shape `(..., rows, cells)`, more is better.
        reference: Index of the reference cell.
        others: Indices of the cells tested.
        margin: The loss that is too large.
        paired: Whether rows are blocks.
        looks: How often the runs are looked at while seeds are added.

    Returns:
        The losses (reference minus cell), and for each the one-sided p value of a loss of the
        margin or more, after Holm's correction; shape `(..., others)`.
    """
    weights = -np.eye(responses.shape[-1])[others]
    weights[:, reference] += 1.0
    losses = estimate(responses, weights, paired=paired, looks=looks)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = stats.t.cdf((losses.estimate - margin) / losses.error, losses.df)
    # Equal losses in all blocks have no spread, so only their signs can be tested. Identical
    # results are no worse.
    signs = np.where(losses.estimate < margin, 0.5**losses.n, 1.0)
    p = np.where(losses.error == 0, np.where(losses.estimate == 0, 0.0, signs), p)
    return losses, holm(looks * p, np.zeros(len(others), dtype=np.int_))


def _can_be_answer(study: Study, cell: Cell) -> bool:
    """Return whether all controls are at their reference: any other cell repeats such a one."""
    return all(cell[name] == study.reference[name] for name in study.controls)


def _sizes(study: Study, cells: tuple[Cell, ...], table: pd.DataFrame) -> list[tuple[int, float]]:
    macs = table["macs"].to_numpy(dtype=np.float64)
    # Unless the MACs of all cells with results are known, they decide nothing.
    known = np.isfinite(macs[table["n"] > 0]).all()
    return [
        (part_count(study.factors, cell), float(value) if known else 0.0)
        for cell, value in zip(cells, macs, strict=True)
    ]
