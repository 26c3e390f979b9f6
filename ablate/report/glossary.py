"""What the words of a report mean, for the reader who meets them first."""

from __future__ import annotations

from ablate.report.blocks import INTERVAL, P_HOLM, Strong, Text
from ablate.report.section import ReportData
from ablate.report.sentences import verdict_meanings

Pairs = tuple[tuple[Text, Text], ...]


def verdict_pairs(data: ReportData) -> Pairs:
    """Every verdict with what was shown, at the margin of the study."""
    margin = data.scale.size(data.study.margin)
    return tuple(verdict_meanings(margin).items())


def word_pairs(data: ReportData) -> Pairs:
    """The other terms of the first screen."""
    margin = data.scale.size(data.study.margin)
    return (
        (
            Strong("Margin"),
            f"A difference in {data.scale.title} of less than {margin} is too small to matter; the "
            f"study sets this number.",
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
            "several parts at once. Needed, helps, harmful, better and worse also require that it "
            "is at most 0.05, so that no more than 5 in 100 studies call any part so by mistake. "
            "Above 0.05 a part is undecided, even where its interval excludes 0.",
        ),
    )
