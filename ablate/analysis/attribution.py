"""Order-free shares of the parts: Shapley values and interactions of measured cells."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ablate.analysis.effects import oriented
from ablate.analysis.estimates import estimate
from ablate.analysis.looks import looks_of
from ablate.analysis.measurements import Array, Measurements
from ablate.study.design import Cell
from ablate.study.study import Study

COLUMNS = ("part", "kind", "estimate", "low", "high", "n")


def attribution(study: Study, measured: Measurements) -> pd.DataFrame:
    """Shapley values and pairwise Shapley interaction indices with 95 % intervals.

    The value of a set of parts is the mean response of the cell that has exactly these factors at
    their reference level, turned so that more is better. Both indices are then weighted sums of
    cell means, so that their intervals come the way those of the effects do: from the values within
    the blocks. (A bootstrap over so few blocks covers far less than it says.)

    Returns:
        The columns `COLUMNS`; without rows unless the cells are a full two-level factorial and each
        has a complete run.

    Source: Shapley 1953; Grabisch and Roubens 1999, the interaction index.
    """
    names = [factor.name for factor in study.factors]
    two_level = all(len(factor.levels) == 2 for factor in study.factors)
    if not two_level or len(measured.cells) < 2 ** len(names) or not measured.counts.all():
        return pd.DataFrame(columns=list(COLUMNS))
    sets = [(name,) for name in names] + list(itertools.combinations(names, 2))
    found = estimate(
        oriented(study, measured.responses[study.response.name]),
        np.array([shapley_weights(study, measured.cells, members=members) for members in sets]),
        paired=measured.paired,
        looks=len(looks_of(study)),
    )
    return pd.DataFrame(
        {
            "part": [":".join(members) for members in sets],
            "kind": ["value" if len(members) == 1 else "interaction" for members in sets],
            "estimate": found.estimate,
            "low": found.low,
            "high": found.high,
            "n": found.n,
        },
        columns=list(COLUMNS),
    )


def shapley_weights(study: Study, cells: Sequence[Cell], *, members: Sequence[str]) -> Array:
    """What each cell's mean counts in the Shapley value of one factor, or in the index of a pair.

    Args:
        study: The study, all its factors with two levels.
        cells: The cells of the full factorial.
        members: One factor, or two.
    """
    total, size = len(study.factors), len(members)
    weights = np.zeros(len(cells))
    for place, cell in enumerate(cells):
        here = {name for name, reference in study.reference.items() if cell[name] == reference}
        others = len(here.difference(members))
        sign = (-1) ** (size - len(here.intersection(members)))
        orders = math.factorial(others) * math.factorial(total - others - size)
        weights[place] = sign * orders / math.factorial(total - size + 1)
    return weights
