"""Which cells a report marks, how it numbers and describes them, and which values it draws."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import pandas as pd

from ablate.analysis.findings import Analysis
from ablate.report.wording import FULL_MODEL, describe, scale_of
from ablate.study.record import interval_columns
from ablate.study.study import Study
from ablate.wording import one_line, seconds, short_number, whole_number

FULL, BEST, SIMPLEST = FULL_MODEL, "best mean", "fewest parts"
LABEL_LIMIT = 120


def records(frame: pd.DataFrame) -> list[dict[str, object]]:
    """The rows of a frame as dicts; pandas' missing values as NaN."""
    plain = frame.astype(object).where(frame.notna(), math.nan)
    return [{str(key): value for key, value in row.items()} for row in plain.to_dict("records")]


def number(value: Any) -> float:
    """A value of a table as a number; NaN where it is missing."""
    return math.nan if value is None or pd.isna(value) else float(value)


def text(value: object) -> str:
    """A value of a table as text; empty where it is missing."""
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else str(value)


def levels_of(study: Study, row: Mapping[str, object]) -> dict[str, str]:
    """The level of every factor, from a row that has them."""
    return {factor.name: str(row[factor.name]) for factor in study.factors}


def reference_cell(analysis: Analysis) -> str | None:
    """Slug of the full model's cell, None if it is not among the cells."""
    for row in records(analysis.cells):
        if levels_of(analysis.study, row) == analysis.study.reference:
            return str(row["cell"])
    return None


def recommended_cells(analysis: Analysis) -> tuple[str, ...]:
    """Slugs of the full model's cell, then of the simplest model that does the job, if any."""
    simplest = analysis.simplest.cell if analysis.simplest is not None else None
    found = (reference_cell(analysis), simplest)
    return tuple(dict.fromkeys(cell for cell in found if cell))


def best_cells(analysis: Analysis) -> set[str]:
    """Slugs of the cells with the best mean of the first response; several if they tie."""
    response = analysis.study.response
    means = analysis.cells.set_index("cell")[interval_columns(response.name)[0]].dropna()
    if means.empty:
        return set()
    best = means.max() if response.direction == "higher" else means.min()
    return {str(cell) for cell in means.index[means == best]}


def marked_cells(analysis: Analysis) -> set[str | None]:
    """The full model, the best cells, and the simplest model that does the job."""
    simplest = {analysis.simplest.cell} if analysis.simplest is not None else set()
    return {reference_cell(analysis), *best_cells(analysis), *simplest}


def chosen_cells(analysis: Analysis, most: int) -> list[str]:
    """Cells to draw if all are too many: marked cells first, then in the order of the design."""
    cells = [str(cell) for cell in analysis.cells["cell"]]
    first = marked_cells(analysis)
    ranked = sorted(cells, key=lambda cell: cell not in first)[:most]
    return [cell for cell in cells if cell in set(ranked)]


def cell_numbers(analysis: Analysis) -> dict[str, int]:
    """The number of each cell in the grid, by its slug."""
    return {str(cell): index for index, cell in enumerate(analysis.cells["cell"], start=1)}


def cell_label(analysis: Analysis, row: Mapping[str, object]) -> str:
    """A cell by how it differs from the full model, from a row that has its levels."""
    levels = levels_of(analysis.study, row)
    return one_line(describe(analysis.study, levels), LABEL_LIMIT)


def cell_texts(analysis: Analysis, row: Mapping[str, object]) -> dict[str, str]:
    """What a grid shows of a cell, from its row: response, change, number of runs and costs."""
    study = analysis.study
    scale, name = scale_of(study), study.response.name
    low, high = (number(row[f"{name}_{end}"]) for end in ("low", "high"))
    change = [number(row[f"difference{end}"]) for end in ("", "_low", "_high")]
    return {
        "mean": scale.number(number(row[f"{name}_mean"])),
        "interval": scale.interval(low, high),
        "n": whole_number(number(row["n"])),
        "change": scale.signed(change[0]),
        "change_interval": scale.signed_interval(change[1], change[2]),
        "parameters": whole_number(number(row.get("parameters"))),
        "macs": short_number(number(row.get("macs"))),
        "train_seconds": seconds(number(row.get("train_seconds"))),
    }


def value_range(analysis: Analysis) -> tuple[float, float]:
    """The range of the first response that is worth drawing.

    One cell that did not learn, or that varies widely over its seeds, must not squeeze all others
    into a dot: means further out than three times the middle half of all, and intervals further
    out than half the range of the means, are replaced by an arrow. The full model is always
    inside.
    """
    name, margin = analysis.study.response.name, analysis.study.margin
    cells = analysis.cells.set_index("cell")[[f"{name}_{end}" for end in ("mean", "low", "high")]]
    cells = cells.astype(float).set_axis(["mean", "low", "high"], axis=1).dropna(subset="mean")
    if cells.empty:
        return 0.0, 1.0
    # Without interpolation, a wild mean of one cell in four is no part of the middle half.
    ends: tuple[Literal["higher", "lower", "linear"], ...] = ("higher", "lower")
    first, third = (
        float(cells["mean"].quantile(share, interpolation=end if len(cells) > 3 else "linear"))
        for share, end in zip((0.25, 0.75), ends, strict=True)
    )
    reach = 3 * max(third - first, margin)
    inside = cells["mean"].between(first - reach, third + reach)
    cells = cells[inside | (cells.index == reference_cell(analysis))]
    least, most = float(cells["mean"].min()), float(cells["mean"].max())
    spread = max(most - least, 4 * margin)
    low = float(cells["low"].fillna(cells["mean"]).min())
    high = float(cells["high"].fillna(cells["mean"]).max())
    start, end = max(least - spread / 2, low), min(most + spread / 2, high)
    return (start, end) if start < end else (start - margin, end + margin)
