"""What each part costs: how the cost of the full model changes when the part is removed."""

from __future__ import annotations

from ablate.report.blocks import Column, Paragraph, Table
from ablate.report.names import component_names, effect_name
from ablate.report.savings import TITLES, savings_of
from ablate.report.section import Content, ReportData
from ablate.wording import MISSING

ORDER = 81


def content(data: ReportData) -> Content | None:
    """One row for each part that was removed from the full model alone; None without costs."""
    names = component_names(data.study)
    rows: list[tuple[str, ...]] = []
    for component in data.analysis.components:
        known = {item.cost: item.change for item in savings_of(data.analysis, component)}
        if known:
            changes = [known.get(cost, MISSING) for cost in TITLES]
            rows.append((effect_name(component.name, names), *changes))
    if not rows:
        return None
    table = Table(
        (Column("Part", heads_row=True), *(Column(title, "right") for title in TITLES.values())),
        tuple(rows),
        label="costs",
        caption="change of the full model's cost when one part is removed.",
    )
    meaning = Paragraph(
        "How the cost of the full model changes when this one part is removed. Negative: the model "
        "without the part is cheaper; × 2 or more: it costs that many times as much."
    )
    return Content("Cost of each part", (meaning, table), level=3, folded=True)
