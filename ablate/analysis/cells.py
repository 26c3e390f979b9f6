"""The table of cells: means, differences from the reference, costs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ablate.analysis.estimates import Estimates, estimate, mean_intervals
from ablate.analysis.looks import looks_of
from ablate.analysis.measurements import Array, Measurements
from ablate.study.study import Study

COSTS = ("parameters", "macs", "train_seconds")


def reference_place(study: Study, measured: Measurements) -> int | None:
    """Index of the full model's cell; None where the design lacks it."""
    reference = tuple(study.reference.items())
    places = [place for place, cell in enumerate(measured.cells) if cell.levels == reference]
    return places[0] if places else None


def differences(study: Study, measured: Measurements) -> Estimates | None:
    """Every cell minus the reference, in the unit and direction of the response as it is."""
    reference = reference_place(study, measured)
    if reference is None:
        return None
    weights = np.eye(len(measured.cells))
    weights[:, reference] -= 1.0
    responses = measured.responses[study.response.name]
    return estimate(responses, weights, paired=measured.paired, looks=len(looks_of(study)))


def cell_table(study: Study, measured: Measurements) -> pd.DataFrame:
    """A row a cell, as `Analysis.cells` says."""
    cells = measured.cells
    columns: dict[str, object] = {"cell": [cell.slug for cell in cells]}
    columns |= {factor.name: [cell[factor.name] for cell in cells] for factor in study.factors}
    # Rounds plan as they go.
    planned = measured.attempts if study.most_replicates else 0
    columns |= {"n": measured.counts, "n_planned": np.maximum(planned, study.replicates)}
    for response in study.responses:
        ends = mean_intervals(measured.responses[response.name])
        columns |= {
            f"{response.name}_{end}": values
            for end, values in zip(("mean", "low", "high"), ends, strict=True)
        }
    change, reference = differences(study, measured), reference_place(study, measured)
    for name, end in (
        ("difference", "estimate"),
        ("difference_low", "low"),
        ("difference_high", "high"),
    ):
        values = np.full(len(cells), np.nan) if change is None else getattr(change, end).copy()
        if reference is not None:
            values[reference] = np.nan
        columns[name] = values
    columns |= {name: column_means(measured, name) for name in COSTS}
    return pd.DataFrame(columns)


def column_means(measured: Measurements, column: str) -> Array:
    """Mean of a column over the complete runs of each cell; NaN where it is unknown."""
    means = np.full(len(measured.cells), np.nan)
    if column in measured.complete:
        numbers = pd.to_numeric(measured.complete[column], errors="coerce")
        known = numbers.groupby(measured.complete["place"]).mean()
        means[known.index] = known.to_numpy(dtype=np.float64)
    return means
