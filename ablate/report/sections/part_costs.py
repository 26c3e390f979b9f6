"""What each part costs: how the cost of the full model changes when the part is removed."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ablate.report.blocks import Column, Paragraph, Table
from ablate.report.cells import number, records
from ablate.report.names import component_names, effect_name
from ablate.report.section import Content, ReportData
from ablate.wording import MISSING, NO_BREAK, decimal

ORDER = 81
COSTS = {"parameters": "parameters", "macs": "MACs", "train_seconds": "training time"}


def content(data: ReportData) -> Content | None:
    """One row for each part that was removed from the full model alone; None without costs."""
    names, reference = component_names(data.study), data.study.reference
    full = _cell(data, reference)
    rows: list[tuple[str, ...]] = []
    for component in data.analysis.components:
        without = _cell(data, {**reference, component.factor: component.level})
        changes = [_change(full, without, cost=cost) for cost in COSTS]
        if set(changes) != {MISSING}:
            rows.append((effect_name(component.name, names), *changes))
    if not rows:
        return None
    table = Table(
        (Column("Part", heads_row=True), *(Column(title, "right") for title in COSTS.values())),
        tuple(rows),
        label="costs",
        caption="change of the full model's cost when one part is removed.",
    )
    meaning = Paragraph(
        "How the cost of the full model changes when this one part is removed. Negative: the model "
        "without the part is cheaper."
    )
    return Content("Cost of each part", (meaning, table), level=3)


def _cell(data: ReportData, levels: Mapping[str, str]) -> Mapping[str, object]:
    """The row of a cell; empty if the cell is not in the table."""
    for row in records(data.analysis.cells):
        if all(row[name] == level for name, level in levels.items()):
            return row
    return {}


def _change(full: Mapping[str, object], without: Mapping[str, object], *, cost: str) -> str:
    """The change of a cost in percent of the full model's."""
    before, after = number(full.get(cost)), number(without.get(cost))
    change = 100 * (after / before - 1) if before > 0 else math.nan
    return MISSING if math.isnan(change) else f"{decimal(change, 1, sign=True)}{NO_BREAK}%"
