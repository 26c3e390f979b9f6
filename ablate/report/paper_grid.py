"""The grid for a paper: the factors and those columns that were asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ablate.report.blocks import INTERVAL, Column, N, Strong, Table, Text
from ablate.report.cells import cell_texts, levels_of, records
from ablate.report.section import ReportData
from ablate.study.result import Status
from ablate.wording import MISSING

HEADINGS: Mapping[str, Text] = {
    "mean_sd": "mean ± s.d.",
    "mean": "mean",
    "interval": INTERVAL,
    "n": N,
    "change": "change",
    "change_interval": INTERVAL,
    "parameters": "parameters",
    "macs": "MACs",
    "train_seconds": "training, s",
}


def paper_grid(
    data: ReportData, *, factors: tuple[Column, ...], marks: list[tuple[str, ...]], signs: str
) -> Table:
    """The table; a row for each cell.

    Args:
        data: The study.
        factors: The columns of the factors.
        marks: The signs of the factors in each cell.
        signs: What the signs mean, for the caption.
    """
    scale = data.scale
    unit = f" ({scale.unit})" if scale.unit else ""
    chosen = data.paper_columns
    spreads = _spreads(data)
    rows = tuple(
        (*signs_of_cell, *(_text(data, row, column, spreads) for column in chosen))
        for signs_of_cell, row in zip(marks, records(data.analysis.cells), strict=True)
    )
    return Table(
        (*factors, *(Column(HEADINGS[name], "right") for name in chosen)),
        rows,
        label="grid",
        caption=(
            f"{scale.title}{unit} of every cell over ",
            N,
            f" runs{', and the change from the full model' if 'change' in chosen else ''}. "
            f"Bold: full model. {signs}",
        ),
    )


def _text(
    data: ReportData, row: Mapping[str, object], column: str, spreads: Mapping[str, float]
) -> Text:
    texts = cell_texts(data.analysis, row)
    spread = data.scale.number(spreads.get(str(row["cell"]), math.nan))
    texts["mean_sd"] = texts["mean"] if spread == MISSING else f"{texts['mean']} ± {spread}"
    is_mean = column in ("mean", "mean_sd")
    is_reference = levels_of(data.study, row) == data.study.reference
    return Strong(texts[column]) if is_mean and is_reference else texts[column]


def _spreads(data: ReportData) -> dict[str, float]:
    """Standard deviation of the response over the complete runs of each cell."""
    name = data.study.response.name
    complete = data.runs[data.runs["status"] == Status.COMPLETE]
    if name not in complete:
        return {}
    spreads = complete.groupby("cell")[name].std()
    return {str(cell): float(value) for cell, value in spreads.items()}
