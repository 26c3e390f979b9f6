"""The terms of the report."""

from __future__ import annotations

from ablate.report.blocks import INTERVAL, P_HOLM, Definitions, Strong, Text
from ablate.report.section import Content, ReportData
from ablate.report.sentences import verdict_meanings

ORDER = 100


def content(data: ReportData) -> Content:
    """Every term with its meaning."""
    margin = data.scale.size(data.study.margin)
    pairs: tuple[tuple[Text, Text], ...] = (
        *((verdict, text) for verdict, text in verdict_meanings(margin).items()),
        *MEANINGS,
    )
    return Content("How to read this", (Definitions(pairs),))


MEANINGS: tuple[tuple[Text, Text], ...] = (
    (
        Strong("In the full model"),
        "The loss when this one part is removed and all others stay as they are in the full model.",
    ),
    (Strong("On average"), "The same, averaged over all settings of the other parts."),
    (
        Strong(INTERVAL),
        "From a method that covers the true value in 95 of 100 studies. With few seeds it can be "
        "wide, and reach beyond what is possible.",
    ),
    (
        P_HOLM,
        "The chance of an effect as large as this if there were none; corrected for testing "
        "several parts at once.",
    ),
    (
        Strong("Seed"),
        "Runs with the same seed share their randomness, such as the order of images, and are "
        "compared in pairs.",
    ),
)
