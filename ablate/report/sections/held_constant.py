"""The settings that are equal in all cells."""

from __future__ import annotations

from ablate.report.blocks import Definitions, Paragraph
from ablate.report.section import Content, ReportData
from ablate.wording import one_line

ORDER = 95


def content(data: ReportData) -> Content | None:
    """Every setting with its value."""
    settings = data.record.held_constant
    if not settings:
        return None
    pairs = tuple((one_line(key), one_line(value)) for key, value in settings.items())
    meaning = Paragraph(
        "Every cell was trained with these settings. A cell that needs another setting looks worse "
        "here than it is."
    )
    return Content("Held constant", (meaning, Definitions(pairs, "values")), level=3, folded=True)
