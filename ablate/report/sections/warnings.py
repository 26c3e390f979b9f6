"""Warnings that do not put the answer in doubt, and the number of runs."""

from __future__ import annotations

from ablate.analysis.findings import Analysis
from ablate.report.blocks import Item, Listing
from ablate.report.section import Content, ReportData
from ablate.report.warning_texts import warning_texts
from ablate.report.wording import sentence
from ablate.wording import one_line

ORDER = 90


def content(data: ReportData) -> Content:
    """The number of runs in each cell, then the warnings that are not serious."""
    counts = data.analysis.cells["n"]
    fewest, most = int(counts.min()), int(counts.max())
    number = f"{most} in every cell." if fewest == most else f"{fewest} to {most} in a cell."
    items = warning_items(data.analysis, serious=False)
    return Content("Warnings", (Listing((Item(number, "Number of runs"), *items)),))


def warning_items(analysis: Analysis, *, serious: bool) -> tuple[Item, ...]:
    """The serious warnings, or the others, as items of a list."""
    return tuple(
        Item(sentence(warning.evidence), one_line(warning.title))
        for warning in warning_texts(analysis.warnings, analysis.study)
        if warning.serious == serious
    )
