"""Shapley values and interactions of the parts, from the means of measured cells."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ablate.analysis.arrays import Array
from ablate.analysis.effects import oriented
from ablate.analysis.estimates import estimate
from ablate.analysis.looks import looks_of
from ablate.analysis.measurements import Measurements
from ablate.study.design import Cell
from ablate.study.study import Study

COLUMNS = ("part", "kind", "estimate", "low", "high", "n")


def attribution(study: Study, measurements: Measurements) -> pd.DataFrame:
    """Return Shapley values and pairwise Shapley interaction indices with 95 % intervals.

    The value of a set of parts is the mean response of the cell that has exactly these factors at
    their reference level, with the sign at which more is better. Both indices are then weighted
    sums of cell means, so their intervals are computed like those of the effects: from the values
    within the blocks. (A bootstrap over so few blocks covers far less than its nominal level.)

    Returns:
        The columns `COLUMNS`. There are no rows unless the cells are a full two-level factorial
        and each has a complete run.

    Source: Shapley 1953; Grabisch and Roubens 1999, the interaction index.
    """
    names = [factor.name for factor in study.factors]
    two_level = all(len(factor.levels) == 2 for factor in study.factors)
    if not two_level or len(measurements.cells) < 2 ** len(names) or not measurements.counts.all():
        return pd.DataFrame(columns=list(COLUMNS))
    sets = [(name,) for name in names] + list(itertools.combinations(names, 2))
    estimates = estimate(
        oriented(study, measurements.responses[study.response.name]),
        np.array([shapley_weights(study, measurements.cells, members=members) for members in sets]),
        paired=measurements.paired,
        looks=len(looks_of(study)),
        grid=measurements.grids[study.response.name],
    )
    return pd.DataFrame(
        {
            "part": [":".join(members) for members in sets],
            "kind": ["value" if len(members) == 1 else "interaction" for members in sets],
            "estimate": estimates.estimate,
            "low": estimates.low,
            "high": estimates.high,
            "n": estimates.n,
        },
        columns=list(COLUMNS),
    )


def shapley_weights(study: Study, cells: Sequence[Cell], *, members: Sequence[str]) -> Array:
    """Return the weight of each cell's mean in the Shapley value of a part or the index of a pair.

    Args:
        study: The study, all its factors with two levels.
        cells: The cells of the full factorial.
        members: One factor, or two.
    """
    total, size = len(study.factors), len(members)
    weights = np.zeros(len(cells))
    for index, cell in enumerate(cells):
        present = {name for name, reference in study.reference.items() if cell[name] == reference}
        others = len(present.difference(members))
        sign = (-1) ** (size - len(present.intersection(members)))
        orders = math.factorial(others) * math.factorial(total - others - size)
        weights[index] = sign * orders / math.factorial(total - size + 1)
    return weights
