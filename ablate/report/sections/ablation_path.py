"""The ablation path: parts removed one after the other, and added one after the other."""

from __future__ import annotations

from ablate.report.blocks import INTERVAL, Column, N, Paragraph, Table
from ablate.report.cells import number, records, text
from ablate.report.names import component_names, effect_name
from ablate.report.section import Content, ReportData
from ablate.wording import one_line, whole_number

ORDER = 65
DIRECTIONS = {"remove": "removing parts", "add": "adding parts"}


def content(data: ReportData) -> Content | None:
    """One row for each step, in both directions."""
    scale, names = data.scale, component_names(data.study)
    counts = {str(row["cell"]): number(row["n"]) for row in records(data.analysis.cells)}
    rows = tuple(
        (
            DIRECTIONS.get(str(row["direction"]), one_line(row["direction"])),
            whole_number(number(row["step"])),
            effect_name(text(row["part"]), names) or "start",
            scale.value(number(row["mean"])),
            scale.interval(number(row["low"]), number(row["high"])),
            whole_number(counts[str(row["cell"])]),
        )
        for row in records(data.analysis.path)
    )
    if not rows:
        return None
    columns = (
        Column("Direction"),
        Column("Step", "right"),
        Column("Part", heads_row=True),
        Column(scale.title, "right"),
        Column(INTERVAL, "right", "soft"),
        Column(N, "right"),
    )
    caption = f"ablation path: mean {scale.title} after each step."
    meaning = Paragraph(
        "From the full model, the part that costs least is removed first; from the model without "
        "any part, the part that gains most is added first."
    )
    table = Table(columns, rows, label="path", caption=caption)
    return Content("Ablation path", (meaning, table), folded=True)
