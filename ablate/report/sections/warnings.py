"""What the reader must know before using the answer, one line each."""

from __future__ import annotations

import re

from ablate.analysis.findings import Analysis
from ablate.report.blocks import Item, Listing, Paragraph
from ablate.report.section import Content, ReportData
from ablate.report.warning_texts import WarningText, warning_texts
from ablate.report.wording import sentence
from ablate.wording import one_line

ORDER = 20


def content(data: ReportData) -> Content | None:
    """The serious warnings, then the others."""
    items = warning_items(data.analysis)
    if not items:
        return None
    serious = any(item.marked for item in items)
    legend = (Paragraph("▲: it may change the answer; read it first.", "note"),) if serious else ()
    return Content("Warnings", (Listing(items), *legend), level=3, boxed=serious)


def warning_items(analysis: Analysis) -> tuple[Item, ...]:
    """Every warning as an item of a list: its first sentence is a line, the rest is folded."""
    texts = warning_texts(analysis.warnings, analysis.study)
    return tuple(_item(text) for text in sorted(texts, key=lambda text: not text.serious))


def _item(warning: WarningText) -> Item:
    # A sentence ends at a full stop before a capital letter; "0.28 points" holds no such end.
    first, _, rest = re.sub(
        r"(?<=[.!?]) (?=[A-Z])", "\n", sentence(warning.evidence), count=1
    ).partition("\n")
    return Item(first, one_line(warning.title), more=rest, marked=warning.serious)
