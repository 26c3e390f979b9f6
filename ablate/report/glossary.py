"""What the words of a report mean, for the reader who meets them first."""

from __future__ import annotations

from ablate.analysis.findings import Verdict
from ablate.report.blocks import INTERVAL, P_HOLM, Strong, Text
from ablate.report.section import ReportData

Pairs = tuple[tuple[Text, Text], ...]


def verdict_meanings(data: ReportData) -> Pairs:
    """Every verdict with what was shown, at the margin of the study."""
    margin = data.scale.size(data.study.margin)
    return tuple(
        (verdict, MEANINGS[str(verdict)].format(margin=margin))
        for verdict in Verdict
        if str(verdict) in MEANINGS
    )


def word_meanings(data: ReportData) -> Pairs:
    """The other terms of the first screen."""
    margin = data.scale.size(data.study.margin)
    return (
        (
            Strong("Margin"),
            f"A loss of {data.scale.title} below {margin} counts as none (study.margin).",
        ),
        (
            Strong("Full model"),
            "Every factor at its first level. Each part is removed from it alone, and all others "
            "stay as they are.",
        ),
        (
            Strong("On average"),
            "The same, averaged over all settings of the other parts.",
        ),
        (
            Strong(INTERVAL),
            "From a method that covers the true value in 95 of 100 studies with other seeds.",
        ),
        (
            Strong("Seed"),
            "Runs with the same seed share their randomness, such as the order of images, and are "
            "compared in pairs. Another kind of processor changes results as much as other seeds.",
        ),
        (
            P_HOLM,
            "The chance of an effect as large as this if there were none; corrected for testing "
            "several parts at once.",
        ),
    )


MEANINGS = {
    "needed": "Removing the part loses {margin} or more: the whole interval lies there.",
    "no difference": "Removal changes less than {margin} in either direction: the whole interval "
    "lies within.",
    "helps": "Removing the part loses something; whether it is {margin} or more is open.",
    "harmful": "The model is better without the part.",
    "not needed": "Removing the part loses less than {margin}; whether removal improves the model "
    "is open.",
    "undecided": "None of these was shown. It does not mean that the part has no effect.",
    "better": "Of two alternatives, the full model's is better.",
    "worse": "Of two alternatives, the full model's is worse.",
}
