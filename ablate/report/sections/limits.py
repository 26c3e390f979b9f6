"""What the study cannot claim: effects that are too small to see, and what intervals leave out."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ablate.report.blocks import Item, Listing
from ablate.report.section import Content, ReportData
from ablate.report.warning_texts import warning_texts

ORDER = 30


def content(data: ReportData) -> Content | None:
    """One sentence for each limit."""
    items = tuple(Item(sentence) for sentence in limit_sentences(data))
    if not items:
        return None
    return Content("What the study cannot show", (Listing(items),), level=3, folded=True)


def limit_sentences(data: ReportData) -> Iterator[str]:
    """What the study cannot claim, a sentence each."""
    analysis = data.analysis
    smallest = analysis.smallest_detectable
    if math.isfinite(smallest):
        yield (
            f"For a typical part, an effect in the full model smaller than "
            f"{data.scale.size(smallest)} would have been missed more than one time in five, at "
            f"this spread and number of seeds."
        )
    if not any(component.average for component in analysis.components):
        yield "The design cannot show the effect of a part on average, only in the full model."
    for note in warning_texts(analysis.notes, analysis.study):
        yield note.evidence
