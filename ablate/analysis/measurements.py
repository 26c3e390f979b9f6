"""The complete runs of a study as arrays, a column a cell; bad tables are refused here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ablate.analysis.arrays import Array
from ablate.analysis.resolution import Grid, grid_of
from ablate.errors import RequestError, nearest
from ablate.study.design import Cell, cells_of
from ablate.study.result import Status
from ablate.study.study import Factor, Study

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Measurements:
    """What the complete runs measured.

    Attributes:
        cells: The cells of the design, then cells that only the runs contain.
        paired: Whether a row is a block (runs that share a seed). Otherwise the runs in a row have
            nothing in common.
        responses: For every response an array `(rows, cells)`, NaN where there is no complete run.
        complete: The complete runs, with the index of their cell in the column `cell_index`.
        left_out: The other runs, with the same column.
        grids: For every response, which values it can take.
    """

    cells: tuple[Cell, ...]
    paired: bool
    responses: Mapping[str, Array]
    complete: pd.DataFrame
    left_out: pd.DataFrame
    grids: Mapping[str, Grid]

    @property
    def counts(self) -> npt.NDArray[np.int_]:
        """Complete runs of each cell, shape `(cells,)`."""
        return np.bincount(self.complete["cell_index"], minlength=len(self.cells))

    @property
    def attempts(self) -> npt.NDArray[np.int_]:
        """Runs of each cell, however they ended, shape `(cells,)`."""
        left_out = np.bincount(self.left_out["cell_index"], minlength=len(self.cells))
        return np.asarray(self.counts + left_out)


def measurements_of(
    runs: pd.DataFrame, study: Study, *, resolution: float | None = None
) -> Measurements:
    """Arrange the complete runs of a run table as arrays.

    Cells of the design without any run are kept, so that effects name the cell that they lack. But
    if the full model has no run, the table is the design: a fraction need not hold the full model.

    Args:
        runs: A row a run: a column a factor, ``seed``, ``status`` and a column a response.
        study: The study.
        resolution: Step of the first response; found in the values if None.

    Raises:
        RequestError: A column is missing, a level is unknown, two runs share cell and seed, a
            complete run lacks a response, or no run is complete.
    """
    _refuse_missing_columns(runs, study)
    levels = [_level_names(runs, factor) for factor in study.factors]
    cells, indices = _index_cells(study, list(zip(*levels, strict=True)))
    indexed = runs.assign(cell_index=np.asarray(indices, dtype=np.int64)).reset_index(drop=True)
    _refuse_duplicates(indexed, cells)
    is_complete = (indexed["status"].astype(str) == Status.COMPLETE).to_numpy(dtype=bool)
    complete = indexed[is_complete].reset_index(drop=True)
    if complete.empty:
        counts = indexed["status"].astype(str).value_counts().to_dict()
        statuses = ", ".join(f"{number} {status}" for status, number in counts.items())
        raise RequestError(
            f"Expected one or more complete runs; received {statuses or 'no run at all'}."
        )
    paired = bool(complete["seed"].notna().all())
    rows = _block_indices(complete) if paired else _replicate_indices(complete)
    responses = {
        response.name: _response_grid(complete, response.name, rows=rows, cells=cells)
        for response in study.responses
    }
    left_out = indexed[~is_complete].reset_index(drop=True)
    grids = {
        response.name: grid_of(
            responses[response.name],
            fraction=response.unit == "fraction",
            resolution=None if index else resolution,
        )
        for index, response in enumerate(study.responses)
    }
    return Measurements(cells, paired, responses, complete, left_out, grids)


def refuse_lone_seeds(runs: pd.DataFrame, study: Study) -> None:
    """Refuse results in which a seed appears in one cell only: a slip, or replicates without pairs.

    This is for results of other programs. An unfinished study of this program can have such seeds,
    so `analyse` does not check for them.

    Raises:
        RequestError: There is such a seed.
    """
    _refuse_missing_columns(runs, study)
    names = [factor.name for factor in study.factors]
    seeded = runs.loc[runs["seed"].notna(), [*names, "seed"]].astype(str).drop_duplicates()
    if len(seeded[names].drop_duplicates()) < 2:
        return
    cells_a_seed = seeded["seed"].value_counts()
    lone = sorted(cells_a_seed.index[cells_a_seed == 1])
    if lone:
        row = seeded[seeded["seed"] == lone[0]].iloc[0]
        cell = ", ".join(f"{name}={row[name]}" for name in names)
        raise RequestError(
            f"Expected every seed in two or more cells, since runs that share a seed are compared "
            f"in pairs; seed {lone[0]} appears only in {cell}. Correct it, or leave the seeds out "
            f"if the replicates are not paired."
        )


def _refuse_missing_columns(runs: pd.DataFrame, study: Study) -> None:
    factors = [factor.name for factor in study.factors]
    responses = [response.name for response in study.responses]
    for name in (*factors, "seed", "status", *responses):
        if name not in runs.columns:
            kind = "factor" if name in factors else "response" if name in responses else "runs'"
            raise RequestError(
                f"Expected a column for the {kind} {name!r}; it is missing."
                f"{nearest(name, [str(column) for column in runs.columns])}"
            )


def _level_names(runs: pd.DataFrame, factor: Factor) -> list[str]:
    column = runs[factor.name]
    known = set(factor.level_names)
    for value in column.unique():
        if pd.isna(value) or str(value) not in known:
            raise RequestError(
                f"Expected a level of the factor {factor.name!r} in its column; received "
                f"{'nothing' if pd.isna(value) else repr(str(value))}."
                f"{nearest(str(value), known)}"
            )
    return [str(value) for value in column]


def _index_cells(
    study: Study, combinations: Sequence[tuple[str, ...]]
) -> tuple[tuple[Cell, ...], list[int]]:
    """Return the cells, and for each combination of levels the index of its cell."""
    names = [factor.name for factor in study.factors]
    cells = cells_of(study)
    if tuple(study.reference.values()) not in combinations:
        run = set(combinations)
        cells = [cell for cell in cells if tuple(level for _, level in cell.levels) in run]
    known = {tuple(level for _, level in cell.levels): index for index, cell in enumerate(cells)}
    indices = []
    for levels in combinations:
        if levels not in known:
            known[levels] = len(cells)
            cells.append(Cell(tuple(zip(names, levels, strict=True))))
        indices.append(known[levels])
    return tuple(cells), indices


def _refuse_duplicates(indexed: pd.DataFrame, cells: Sequence[Cell]) -> None:
    seeded = indexed[indexed["seed"].notna()]
    duplicates = seeded[seeded.duplicated(["cell_index", "seed"])]
    if not duplicates.empty:
        row = duplicates.iloc[0]
        raise RequestError(
            f"Expected one run for a cell and a seed; received two or more for "
            f"{cells[int(row['cell_index'])].name} with seed {row['seed']}."
        )


def _block_indices(complete: pd.DataFrame) -> Indices:
    # Sorted, so that neither a result nor its rounding depends on the order of the rows.
    return pd.factorize(complete["seed"], sort=True)[0]


def _replicate_indices(complete: pd.DataFrame) -> Indices:
    return np.asarray(complete.groupby("cell_index").cumcount(), dtype=np.intp)


def _response_grid(
    complete: pd.DataFrame, response: str, *, rows: Indices, cells: Sequence[Cell]
) -> Array:
    values = pd.to_numeric(complete[response], errors="coerce").to_numpy(dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        row = complete.iloc[int(bad[0])]
        raise RequestError(
            f"Expected a finite number as {response!r} of every complete run; received "
            f"{row[response]!r} for {cells[int(row['cell_index'])].name}, seed {row['seed']}."
        )
    grid = np.full((int(rows.max()) + 1, len(cells)), np.nan)
    grid[rows, complete["cell_index"].to_numpy()] = values
    return grid
