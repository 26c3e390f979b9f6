"""The table of interactions."""

from __future__ import annotations

from ablate.report.blocks import Column, Paragraph, Table
from ablate.report.names import component_names, effect_name
from ablate.report.section import Content, ReportData
from ablate.report.sections.effects_table import number_columns, number_texts

ORDER = 52


def content(data: ReportData) -> Content | None:
    """What an interaction is, and a row for each."""
    names = component_names(data.study)
    rows = tuple(
        (effect_name(effect.name, names), *number_texts(effect, data.scale))
        for effect in data.analysis.effects
        if effect.kind == "interaction"
    )
    if not rows:
        return None
    table = Table(
        (Column("Parts", heads_row=True), *number_columns(data)),
        rows,
        label="interactions",
        caption=f"interactions of parts in their effect on {data.scale.title}: the "
        "change in the effect of one part when the other is removed.",
    )
    meaning = Paragraph(
        "The change in the effect of one part when the other is removed. Near zero, the "
        "effects of the parts add up; positive, each part is worth more with the other."
    )
    return Content("Interactions", (meaning, table), level=3, folded=True)
