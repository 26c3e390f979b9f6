"""The terms of the report."""

from __future__ import annotations

from ablate.analysis.findings import Verdict
from ablate.report.blocks import INTERVAL, P_HOLM, Definitions, P, Strong, Text
from ablate.report.section import Content, ReportData

ORDER = 100


def content(data: ReportData) -> Content:
    """Every term with its meaning."""
    margin = data.scale.size(data.study.margin)
    pairs: tuple[tuple[Text, Text], ...] = (
        (
            Verdict.NEEDED,
            (
                "The interval of the effect lies above 0, with ",
                P,
                " at most 0.05 after Holm’s correction, and does not end below the margin: without "
                "the part the model is worse.",
            ),
        ),
        (
            Verdict.NOT_NEEDED,
            f"The interval ends below the margin of {margin}: the effect of the part, if any, is "
            f"too small to matter.",
        ),
        (
            Verdict.HARMFUL,
            (
                "The interval ends below 0, with ",
                P,
                " at most 0.05 after Holm’s correction: without the part the model is better.",
            ),
        ),
        (
            Verdict.UNDECIDED,
            "None of these was shown. It does not mean that the part has no effect.",
        ),
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
