"""Shapley attribution: how much of the response each part contributes, in whichever order."""

from __future__ import annotations

from ablate.report.blocks import INTERVAL, Column, N, Paragraph, Table
from ablate.report.cells import number, records
from ablate.report.names import component_names, effect_name
from ablate.report.section import Content, ReportData
from ablate.wording import one_line, whole_number

ORDER = 60
KINDS = {"value": "share of the part", "interaction": "interaction of the pair"}


def content(data: ReportData) -> Content | None:
    """One row for each part and for each pair of parts."""
    scale, names = data.scale, component_names(data.study)
    rows = tuple(
        (
            effect_name(str(row["part"]), names),
            KINDS.get(str(row["kind"]), one_line(row["kind"])),
            scale.signed(number(row["estimate"])),
            scale.signed_interval(number(row["low"]), number(row["high"])),
            whole_number(number(row["n"])),
        )
        for row in records(data.analysis.attribution)
    )
    if not rows:
        return None
    unit = scale.difference_unit
    columns = (
        Column("Part", heads_row=True),
        Column("What"),
        Column(f"Estimate, {unit}" if unit else "Estimate", "right"),
        Column(INTERVAL, "right", "soft"),
        Column(N, "right"),
    )
    caption = f"Shapley attribution of {scale.title} to the parts and to pairs of parts."
    meaning = Paragraph(
        "Shapley values divide the difference between the full model and the model without any "
        "part fairly among the parts: each value is an average over all orders in which the parts "
        "can be added."
    )
    table = Table(columns, rows, label="attribution", caption=caption)
    return Content("Shapley attribution", (meaning, table), folded=True)
