"""The measured ablation path: remove the least useful part first, or add the best part first."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from ablate.analysis.contrasts import component_names
from ablate.analysis.effects import oriented
from ablate.analysis.estimates import mean_intervals
from ablate.analysis.measurements import Measurements
from ablate.study.study import Study

COLUMNS = ("direction", "step", "part", "cell", "mean", "low", "high")
Levels = tuple[tuple[str, str], ...]


def ablation_path(study: Study, measurements: Measurements) -> pd.DataFrame:
    """Return both greedy paths between the full model and the bare one, over measured cells.

    ``remove`` starts at the full model. Each step moves the factor off its reference whose removal
    leaves the best mean. ``add`` starts with every factor at its last level. Each step puts the
    factor at its reference that gives the best mean. Step 0 is the start; controls stay at their
    reference. The best of several measured means is too good by chance: a path is a description,
    not a test.

    Returns:
        The columns `COLUMNS`; a direction that would need a missing cell is left out.
    """
    responses = oriented(study, measurements.responses[study.response.name])
    means = dict(
        zip((cell.levels for cell in measurements.cells), mean_intervals(responses)[0], strict=True)
    )
    bare = {
        factor.name: factor.level_names[0 if factor.name in study.controls else -1]
        for factor in study.factors
    }
    paths = {
        "remove": _greedy_path(study, means, start=study.reference, adding=False),
        "add": _greedy_path(study, means, start=bare, adding=True),
    }
    name = study.response.name
    shown = mean_intervals(measurements.responses[name], grid=measurements.grids[name])
    indices = {cell.levels: index for index, cell in enumerate(measurements.cells)}
    rows = []
    for direction, path in paths.items():
        for step, (part, levels) in enumerate(path):
            index = indices[levels]
            numbers = (float(end[index]) for end in shown)
            rows.append((direction, step, part, measurements.cells[index].slug, *numbers))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _greedy_path(
    study: Study, means: Mapping[Levels, float], *, start: Mapping[str, str], adding: bool
) -> list[tuple[str, Levels]]:
    """Return steps as the part moved and the levels after it; empty where a cell is missing."""
    levels_now = dict(start)
    steps = [("", tuple(levels_now.items()))]
    if math.isnan(means.get(steps[0][1], np.nan)):
        return []
    open_factors = {factor.name for factor in study.factors} - set(study.controls)
    while open_factors:
        choices = []
        for (factor, level), name in component_names(study).items():
            if factor not in open_factors or (adding and levels_now[factor] != level):
                continue
            levels = tuple(
                {**levels_now, factor: study.reference[factor] if adding else level}.items()
            )
            choices.append((means.get(levels, np.nan), name, factor, levels))
        if any(math.isnan(choice[0]) for choice in choices):
            return []
        # Of equal means the first is taken, so the path depends only on the study.
        _, name, factor, levels = max(choices, key=lambda choice: choice[0])
        steps.append((name, levels))
        levels_now = dict(levels)
        open_factors.remove(factor)
    return steps
