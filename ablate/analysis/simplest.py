"""The simplest model that is not worse than the full one by the margin."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from ablate.analysis.cells import reference_place
from ablate.analysis.effects import oriented
from ablate.analysis.estimates import ALPHA, Estimates, estimate, holm
from ablate.analysis.findings import Simplest
from ablate.analysis.looks import looks_of
from ablate.analysis.measurements import Array, Measurements
from ablate.analysis.wording import amount, difference_in_words, p_in_words
from ablate.study.design import Cell
from ablate.study.study import Factor, Study

NOTHING = frozenset({"absent", "none"})
"""Level names that say that a part is not there."""


def simplest_model(study: Study, measured: Measurements, *, cells: pd.DataFrame) -> Simplest | None:
    """The cell with the fewest parts, then MACs, that was shown to be no worse by the margin.

    Every simpler cell is tested against the full model for a loss as large as the margin, one-sided
    at 5 % with Holm's correction over all cells tested, so that the chance of naming a cell that
    does lose the margin is at most 5 % however many cells were searched.

    A factor with a level called absent or none is a part unless it has that level; any other factor
    counts as a part at its reference level.

    Args:
        study: The study.
        measured: Its complete runs.
        cells: The table of cells, for their MACs.

    Returns:
        The full model's own cell where nothing simpler passes; None where it has no complete run.
    """
    reference = reference_place(study, measured)
    if reference is None or not measured.counts[reference]:
        return None
    sizes = _sizes(study, measured.cells, cells)
    simpler = [
        place
        for place, size in enumerate(sizes)
        if size < sizes[reference] and _is_named(study, measured.cells[place])
    ]
    losses, p = shown_losses(
        oriented(study, measured.responses[study.response.name]),
        reference=reference,
        others=np.array(simpler, dtype=np.int_),
        margin=study.margin,
        paired=measured.paired,
        looks=len(looks_of(study)),
    )
    passed = [index for index in range(len(simpler)) if p[index] <= ALPHA]
    if not passed:
        levels = dict(measured.cells[reference].levels)
        tested = int(np.isfinite(p).sum())
        return Simplest(measured.cells[reference].slug, levels, _none_passed(study, tested))
    best = min(passed, key=lambda index: (sizes[simpler[index]], simpler[index]))
    cell = measured.cells[simpler[best]]
    return Simplest(cell.slug, dict(cell.levels), _passed(study, cell, losses, p, best))


def shown_losses(
    responses: Array,
    *,
    reference: int,
    others: npt.NDArray[np.int_],
    margin: float,
    paired: bool,
    looks: int = 1,
) -> tuple[Estimates, Array]:
    """Tests cells for a loss as large as the margin against the reference cell.

    Args:
        responses: Shape `(..., rows, cells)`, more is better.
        reference: Index of the reference cell.
        others: Indices of the cells tested.
        margin: The loss that is too large.
        paired: Whether rows are blocks.
        looks: How many times the runs are looked at while seeds are added.

    Returns:
        The losses (reference minus cell), and for each the one-sided p value of a loss of the
        margin or more, after Holm's correction; shape `(..., others)`.
    """
    weights = -np.eye(responses.shape[-1])[others]
    weights[:, reference] += 1.0
    losses = estimate(responses, weights, paired=paired, looks=looks)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = stats.t.cdf((losses.estimate - margin) / losses.error, losses.df)
    # Equal losses in all blocks have no spread: identical results are no worse, others have signs.
    signs = np.where(losses.estimate < margin, 0.5**losses.n, 1.0)
    p = np.where(losses.error == 0, np.where(losses.estimate == 0, 0.0, signs), p)
    return losses, holm(looks * p, np.zeros(len(others), dtype=np.int_))


def _is_named(study: Study, cell: Cell) -> bool:
    """Whether a cell can be an answer; one with a control switched is a repetition of another."""
    return all(cell[name] == study.reference[name] for name in study.controls)


def parts(factors: tuple[Factor, ...], cell: Cell) -> int:
    """How many parts a cell's model has."""
    return sum(_is_part(factor, cell[factor.name]) for factor in factors)


def _is_part(factor: Factor, level: str) -> bool:
    if NOTHING & set(factor.level_names):
        return level not in NOTHING
    return level == factor.reference.name


def _sizes(study: Study, cells: tuple[Cell, ...], table: pd.DataFrame) -> list[tuple[int, float]]:
    macs = table["macs"].to_numpy(dtype=np.float64)
    # Where MACs are not known of all cells that can be named they decide nothing.
    known = np.isfinite(macs[table["n"] > 0]).all()
    return [
        (parts(study.factors, cell), float(value) if known else 0.0)
        for cell, value in zip(cells, macs, strict=True)
    ]


def _none_passed(study: Study, tested: int) -> str:
    margin = amount(study, study.margin)
    if not tested:
        return (
            f"Whether a simpler model does the job cannot be said: it takes two or more complete "
            f"runs of the full model and of a simpler one (margin {margin})."
        )
    return (
        f"No simpler model was shown to be less than {margin} worse than the full model; {tested} "
        f"were tested. That does not show that none is."
    )


def _passed(study: Study, cell: Cell, losses: Estimates, p: Array, index: int) -> str:
    loss = float(losses.estimate[index])
    change = (
        "as good as"
        if loss == 0
        else f"{amount(study, abs(loss))} {'worse' if loss > 0 else 'better'} than"
    )
    return (
        f"The simplest model that does the job: {difference_in_words(study, dict(cell.levels))}. "
        f"It measured {change} the full model, and less than {amount(study, study.margin)} worse "
        f"by test ({p_in_words(float(p[index]))}, Holm over {np.isfinite(p).sum()} simpler models)."
    )
