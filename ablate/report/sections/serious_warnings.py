"""Warnings that the reader must know before the tables."""

from __future__ import annotations

from ablate.report.blocks import Listing
from ablate.report.section import Content, ReportData
from ablate.report.sections.warnings import warning_items

ORDER = 20


def content(data: ReportData) -> Content | None:
    """The serious warnings in a box below the answer."""
    items = warning_items(data.analysis, serious=True)
    return Content("Serious warnings", (Listing(items),), level=3, boxed=True) if items else None
