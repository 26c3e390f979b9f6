"""The table of cells: means, differences from the reference, costs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ablate.analysis.arrays import Array
from ablate.analysis.estimates import Estimates, estimate, mean_intervals
from ablate.analysis.looks import looks_of
from ablate.analysis.measurements import Measurements
from ablate.study.record import CELL_COSTS, DIFFERENCE, interval_columns
from ablate.study.study import Study


def reference_index(study: Study, measurements: Measurements) -> int | None:
    """Return the index of the full model's cell; None where the design lacks it."""
    cells = enumerate(measurements.cells)
    return next((index for index, cell in cells if study.is_reference(cell.levels)), None)


def reference_differences(study: Study, measurements: Measurements) -> Estimates | None:
    """Return every cell minus the reference, in the unit and direction of the response."""
    reference = reference_index(study, measurements)
    if reference is None:
        return None
    weights = np.eye(len(measurements.cells))
    weights[:, reference] -= 1.0
    responses = measurements.responses[study.response.name]
    return estimate(
        responses,
        weights,
        paired=measurements.paired,
        looks=len(looks_of(study)),
        grid=measurements.grids[study.response.name],
    )


def cell_table(study: Study, measurements: Measurements) -> pd.DataFrame:
    """Return a row a cell with the columns that `Analysis.cells` lists."""
    cells = measurements.cells
    columns: dict[str, object] = {"cell": [cell.slug for cell in cells]}
    columns |= {factor.name: [cell[factor.name] for cell in cells] for factor in study.factors}
    # With adaptive seeds, what was tried is what was planned.
    planned = measurements.attempts if study.most_replicates else 0
    columns |= {"n": measurements.counts, "n_planned": np.maximum(planned, study.replicates)}
    for response in study.responses:
        ends = mean_intervals(
            measurements.responses[response.name], grid=measurements.grids[response.name]
        )
        columns |= dict(zip(interval_columns(response.name), ends, strict=True))
    change = reference_differences(study, measurements)
    reference = reference_index(study, measurements)
    for name, end in zip(DIFFERENCE, ("estimate", "low", "high"), strict=True):
        values = np.full(len(cells), np.nan) if change is None else getattr(change, end).copy()
        if reference is not None:
            values[reference] = np.nan
        columns[name] = values
    columns |= {name: column_means(measurements, name) for name in CELL_COSTS}
    return pd.DataFrame(columns)


def column_means(measurements: Measurements, column: str) -> Array:
    """Return the mean of a column over the complete runs of each cell; NaN where unknown."""
    means = np.full(len(measurements.cells), np.nan)
    if column in measurements.complete:
        numbers = pd.to_numeric(measurements.complete[column], errors="coerce")
        known = numbers.groupby(measurements.complete["cell_index"]).mean()
        means[known.index] = known.to_numpy(dtype=np.float64)
    return means
