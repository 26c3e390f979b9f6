"""The measured ablation path: the cheapest part first away, the best part first added."""

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


def ablation_path(study: Study, measured: Measurements) -> pd.DataFrame:
    """Both greedy walks between the full model and the bare one, over measured cells alone.

    ``remove`` starts at the full model and each step moves one factor off its reference where that
    leaves the best mean. ``add`` starts with every factor at its last level and each step puts one
    factor at its reference. Step 0 is the start; controls stay at their reference. The best of
    several measured means is too good by chance: read a path as a description, not as a test.

    Returns:
        The columns `COLUMNS`; a direction that meets a missing cell is left out.
    """
    responses = oriented(study, measured.responses[study.response.name])
    means = dict(
        zip((cell.levels for cell in measured.cells), mean_intervals(responses)[0], strict=True)
    )
    bare = {
        factor.name: factor.level_names[0 if factor.name in study.controls else -1]
        for factor in study.factors
    }
    walks = {
        "remove": _walk(study, means, start=study.reference, adding=False),
        "add": _walk(study, means, start=bare, adding=True),
    }
    shown = mean_intervals(measured.responses[study.response.name])
    places = {cell.levels: place for place, cell in enumerate(measured.cells)}
    rows = [
        (direction, step, part, measured.cells[place].slug, *(float(end[place]) for end in shown))
        for direction, walk in walks.items()
        for step, (part, levels) in enumerate(walk)
        for place in (places[levels],)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _walk(
    study: Study, means: Mapping[Levels, float], *, start: Mapping[str, str], adding: bool
) -> list[tuple[str, Levels]]:
    """Steps as the part moved and the levels after it; empty where a cell is missing."""
    here = dict(start)
    steps = [("", tuple(here.items()))]
    if math.isnan(means.get(steps[0][1], np.nan)):
        return []
    open_factors = {factor.name for factor in study.factors} - set(study.controls)
    while open_factors:
        choices = []
        for (factor, level), name in component_names(study).items():
            if factor not in open_factors or (adding and here[factor] != level):
                continue
            levels = tuple({**here, factor: study.reference[factor] if adding else level}.items())
            choices.append((means.get(levels, np.nan), name, factor, levels))
        if any(math.isnan(choice[0]) for choice in choices):
            return []
        # The first of equals, so that the path depends on the study alone.
        _, name, factor, levels = max(choices, key=lambda choice: choice[0])
        steps.append((name, levels))
        here = dict(levels)
        open_factors.remove(factor)
    return steps
