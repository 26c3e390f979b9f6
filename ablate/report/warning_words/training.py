"""Warnings about how the models were trained, in words."""

from __future__ import annotations

from ablate.analysis import warnings
from ablate.report.warning_words.words import words
from ablate.report.wording import amount, cell_list
from ablate.study.study import Study
from ablate.wording import seconds


@words.register
def _(warning: warnings.SharedMachine, study: Study) -> tuple[str, str]:
    return (
        "Times of a shared machine",
        f"Equal runs took {seconds(warning.fastest)} to {seconds(warning.slowest)} s to train. "
        f"Other runs or programs used the machine at the same time, so compare times with care; "
        f"multiply-accumulates do not depend on that.",
    )


@words.register
def _(warning: warnings.StaleStatistics, study: Study) -> tuple[str, str]:
    return (
        "Stale normalization statistics",
        f"On training images, the {warning.measure.replace('_', ' ')} in inference mode is far "
        f"worse than in training mode in {cell_list(study, warning.cells)} (at most "
        f"{warning.inference:.3g} against {warning.training:.3g}). A lower normalization momentum "
        f"or more epochs are needed before these cells can be judged.",
    )


@words.register
def _(warning: warnings.NotConverged, study: Study) -> tuple[str, str]:
    return (
        "Not converged",
        f"Over the last quarter of the epochs, {warning.measure} still improved by more than the "
        f"margin (at most by {amount(study, warning.gain)}) in {cell_list(study, warning.cells)}. "
        f"With more epochs the effects may differ.",
    )


@words.register
def _(warning: warnings.UnequalEpochs, study: Study) -> tuple[str, str]:
    return (
        "Unequal budget",
        f"Complete runs were trained for {warning.fewest} to {warning.most} epochs. Cells with "
        f"fewer epochs have a disadvantage that does not come from their parts.",
    )


@words.register
def _(warning: warnings.UntunedLearningRate, study: Study) -> tuple[str, str]:
    return (
        "Learning rate not tuned",
        f"Every cell was trained with {warning.key} = {warning.value}. A part whose removal needs "
        f"another rate looks more needed than it is.",
    )
