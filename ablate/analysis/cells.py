"""The table of cells: means, differences from the reference, costs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ablate.analysis.estimates import Estimates, estimate, mean_intervals
from ablate.analysis.measurements import Measurements
from ablate.study import Study

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
    return estimate(responses, weights, paired=measured.paired)


def cell_table(study: Study, measured: Measurements) -> pd.DataFrame:
    """A row a cell, as `Analysis.cells` says."""
    cells, places = measured.cells, range(len(measured.cells))
    columns: dict[str, object] = {"cell": [cell.slug for cell in cells]}
    columns |= {factor.name: [cell[factor.name] for cell in cells] for factor in study.factors}
    columns |= {"n": measured.counts, "n_planned": study.replicates}
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
    for name in COSTS:
        known = (
            pd.to_numeric(measured.complete.get(name), errors="coerce")
            if name in measured.complete
            else None
        )
        columns[name] = (
            np.nan
            if known is None
            else known.groupby(measured.complete["place"])
            .mean()
            .reindex(places)
            .to_numpy(dtype=float)
        )
    return pd.DataFrame(columns)
