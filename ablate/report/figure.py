"""The report's figures, drawn by matplotlib without a display, equal bytes for equal input."""

from __future__ import annotations

import warnings

import matplotlib
import pandas as pd

from ablate.analysis.findings import Analysis
from ablate.report.cost_figure import cost_picture
from ablate.report.curves_figure import curves_picture
from ablate.report.drawing import STYLE, Picture
from ablate.report.effects_figure import effects_picture
from ablate.report.grid_figure import grid_picture


def pictures(
    analysis: Analysis, *, runs: pd.DataFrame, histories: pd.DataFrame | None
) -> tuple[Picture, ...]:
    """All figures that the data allow: grid, effects, learning curves, accuracy against cost."""
    drawn: list[Picture | None] = []
    # The settings are matplotlib's only global state that is touched, and are put back.
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # A name in a script that the font lacks still shows in SVG, as a box in PNG.
        warnings.filterwarnings("ignore", message=r"Glyph \d+")
        drawn.append(grid_picture(analysis))
        drawn.append(effects_picture(analysis))
        drawn.append(curves_picture(analysis, histories))
        drawn.append(cost_picture(analysis, runs))
    return tuple(picture for picture in drawn if picture is not None)
