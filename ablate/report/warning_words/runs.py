"""Warnings about runs that are missing, went wrong or were kept, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ablate.analysis import warnings
from ablate.analysis.findings import CellRate
from ablate.report.warning_words.words import percent, score, words
from ablate.report.wording import cell_list
from ablate.study.study import Study
from ablate.wording import enumeration, first_few, quantity

MOST_INTERRUPTIONS = 5


@words.register
def _(warning: warnings.RunsLeftOut, study: Study) -> tuple[str, str]:
    statuses = enumeration([f"{number} {status}" for status, number in warning.statuses])
    return (
        "Runs left out",
        f"{quantity(warning.runs, 'run')} left out ({statuses}), in "
        f"{cell_list(study, warning.cells)}. Only complete runs are used; if bad runs "
        f"fail more often, these cells look better than they are.",
    )


@words.register
def _(warning: warnings.NoCellLearned, study: Study) -> tuple[str, str]:
    return (
        "Best cell at chance level",
        f"The best mean is {score(warning.best, study)} and guessing gives "
        f"{score(warning.chance, study)}: no model has learned anything, so "
        f"differences between the models mean nothing.",
    )


@words.register
def _(warning: warnings.RunsAtChance, study: Study) -> tuple[str, str]:
    failed = sum(rate.failed for rate in warning.rates)
    runs, cells = sum(rate.runs for rate in warning.rates), [rate.cell for rate in warning.rates]
    rates = [
        f"{rate.failed} of {rate.runs} of {cell_list(study, [rate.cell])} (rate "
        f"{percent(rate.low)} to {percent(rate.high)})"
        for rate in warning.rates
    ]
    withheld = (
        " So there is no verdict on average where they take part." if warning.withheld else ""
    )
    return (
        "Runs that did not learn",
        f"{failed} of {quantity(runs, 'run')} of {cell_list(study, cells)} stayed at the score of "
        f"guessing ({score(warning.chance, study)}){_range_of_runs(warning.rates, study)}. "
        f"By cell: {enumeration(rates)}. Effects that use them measure that failure; "
        f"intervals of means do not describe it.{withheld}",
    )


def _range_of_runs(rates: Sequence[CellRate], study: Study) -> str:
    """Return between which scores all runs of some cells lie; empty where unknown."""
    low, high = min(rate.lowest for rate in rates), max(rate.highest for rate in rates)
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    runs = "all of them" if len(rates) == 1 else "all runs of these cells"
    return f"; {runs} lie between {score(low, study)} and {score(high, study)}"


@words.register
def _(warning: warnings.UnseenFailures, study: Study) -> tuple[str, str]:
    return (
        "Rare failures",
        f"{quantity(warning.runs, 'run')} of a cell without a failure allow a failure rate of up "
        f"to {percent(warning.rate)}. No interval covers a failure that did not occur.",
    )


@words.register
def _(warning: warnings.MissingCells, study: Study) -> tuple[str, str]:
    return (
        "Missing cells",
        f"No complete run of {cell_list(study, warning.cells)}: effects that need these cells "
        f"are not given.",
    )


@words.register
def _(warning: warnings.WildValues, study: Study) -> tuple[str, str]:
    return (
        "Values far from all others",
        f"{quantity(warning.runs, 'run')} of {cell_list(study, warning.cells)} ended with a "
        f"{study.response.name} of up to {warning.largest:.3g}. Such a run has diverged although "
        f"it counts as complete; averages over its cell mean nothing. Effects in the full model do "
        f"not use it unless their own cells hold it.",
    )


@words.register
def _(warning: warnings.NoCompleteRun, study: Study) -> tuple[str, str]:
    return (
        "No complete run",
        f"None of the {warning.runs} runs is complete, so nothing is known about any part.",
    )


@words.register
def _(warning: warnings.CellsNeverRun, study: Study) -> tuple[str, str]:
    return (
        "Not all combinations",
        f"{warning.run} of the {warning.total} combinations of levels were run; the others are "
        f"not in the grid.",
    )


@words.register
def _(warning: warnings.ReusedResults, study: Study) -> tuple[str, str]:
    return (
        "Results of other settings",
        f"{warning.runs} runs are kept although their settings have changed since they were "
        f"trained: {'; '.join(warning.changes)}. Differences between cells may come from these "
        f"changes.",
    )


@words.register
def _(warning: warnings.InterruptedRuns, study: Study) -> tuple[str, str]:
    named = first_few(warning.interruptions, most=MOST_INTERRUPTIONS, rest=", all in report.json")
    return (
        "Interrupted runs",
        f"Runs were interrupted and resumed from their last checkpoint, with the same numbers as "
        f"without the interruption. Their times and memory come from the "
        f"parts between interruptions: {named}.",
    )
