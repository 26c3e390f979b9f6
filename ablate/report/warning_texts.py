"""The title and the text of each kind of warning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch

from ablate.analysis import warnings
from ablate.analysis.assumptions import GuessedReference
from ablate.analysis.estimates import smallest_flip_p
from ablate.analysis.findings import CellRate
from ablate.analysis.verdicts import FEWEST
from ablate.analysis.warnings import StudyWarning
from ablate.report.sentences import confused_text
from ablate.report.wording import amount, cell_list, scale_of
from ablate.study.study import Study
from ablate.wording import enumeration, first_few, quantity, seconds

MOST_INTERRUPTIONS = 5
AVERAGES = "Averages over the other parts (not the table above)"


@dataclass(frozen=True, slots=True)
class WarningText:
    """A warning as a reader sees it.

    Attributes:
        title: A few words, such as ``Not converged``.
        evidence: One or two sentences with the numbers.
        serious: Whether it is shown above the tables.
    """

    title: str
    evidence: str
    serious: bool


def warning_texts(found: Sequence[StudyWarning], study: Study) -> list[WarningText]:
    """Return the warnings of a study as text, in the same order."""
    return [WarningText(*_words(warning, study), warning.serious) for warning in found]


def detectable_text(study: Study, size: float) -> str:
    """Return which effects would be found, unless not even the largest possible one would be."""
    if study.response.unit == "fraction" and size > 1:
        return "nothing can be detected yet"
    return f"only effects of {amount(study, size)} or more would be found four times in five"


def _percent(rate: float) -> str:
    return f"{100 * rate:.0f} %"


def _score(value: float, study: Study) -> str:
    """Return a score as the tables show it."""
    scale = scale_of(study)
    return scale.value(value) if scale.unit == "%" else f"{value:.3g}"


@singledispatch
def _words(warning: object, study: Study) -> tuple[str, str]:
    """Return the title and the text of a warning."""
    raise TypeError(f"Expected a kind of warning with a text; received {warning!r}.")


@_words.register
def _(warning: warnings.RunsLeftOut, study: Study) -> tuple[str, str]:
    statuses = enumeration([f"{number} {status}" for status, number in warning.statuses])
    return (
        "Runs left out",
        f"{quantity(warning.runs, 'run')} left out ({statuses}), in "
        f"{cell_list(study, warning.cells)}. Only complete runs are used; if bad runs "
        f"fail more often, these cells look better than they are.",
    )


@_words.register
def _(warning: warnings.NoCellLearned, study: Study) -> tuple[str, str]:
    return (
        "Best cell at chance level",
        f"The best mean is {_score(warning.best, study)} and guessing gives "
        f"{_score(warning.chance, study)}: no model has learned anything, so "
        f"differences between the models mean nothing.",
    )


@_words.register
def _(warning: warnings.RunsAtChance, study: Study) -> tuple[str, str]:
    failed = sum(rate.failed for rate in warning.rates)
    runs, cells = sum(rate.runs for rate in warning.rates), [rate.cell for rate in warning.rates]
    rates = [
        f"{rate.failed} of {rate.runs} of {cell_list(study, [rate.cell])} (rate "
        f"{_percent(rate.low)} to {_percent(rate.high)})"
        for rate in warning.rates
    ]
    withheld = (
        " So there is no verdict on average where they take part." if warning.withheld else ""
    )
    return (
        "Runs that did not learn",
        f"{failed} of {quantity(runs, 'run')} of {cell_list(study, cells)} stayed at the score of "
        f"guessing ({_score(warning.chance, study)}){_range_of_runs(warning.rates, study)}. "
        f"By cell: {enumeration(rates)}. Effects that use them measure that failure; "
        f"intervals of means do not describe it.{withheld}",
    )


def _range_of_runs(rates: Sequence[CellRate], study: Study) -> str:
    """Return between which scores all runs of some cells lie; empty where unknown."""
    low, high = min(rate.lowest for rate in rates), max(rate.highest for rate in rates)
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    runs = "all of them" if len(rates) == 1 else "all runs of these cells"
    return f"; {runs} lie between {_score(low, study)} and {_score(high, study)}"


@_words.register
def _(warning: warnings.UnseenFailures, study: Study) -> tuple[str, str]:
    return (
        "Rare failures",
        f"{quantity(warning.runs, 'run')} of a cell without a failure allow a failure rate of up "
        f"to {_percent(warning.rate)}. No interval covers a failure that did not occur.",
    )


@_words.register
def _(warning: warnings.ConfusedEffects, study: Study) -> tuple[str, str]:
    effects = [f"{effect.name} with {confused_text(effect)}" for effect in warning.effects]
    return (
        "Effects that cannot be told apart",
        f"The combinations that were run mix {enumeration(effects)}. Such an effect is the sum of "
        f"both, so it gets no verdict. More cells, such as the full factorial, separate them.",
    )


@_words.register
def _(warning: warnings.SeedsNotShared, study: Study) -> tuple[str, str]:
    used = (
        f"only {warning.used} of {quantity(warning.runs, 'run')} of each cell are compared. The "
        f"others have seeds that the other cells lack; give all cells the same seeds."
    )
    subject = AVERAGES if warning.averages else enumeration(warning.effects)
    return "Seeds shared only in part", f"{subject}: {used}"


@_words.register
def _(warning: GuessedReference, study: Study) -> tuple[str, str]:
    levels = enumeration([f"{factor}={level}" for factor, level in warning.levels])
    factor, level = warning.other
    return (
        "Full model guessed",
        f"Full model: {levels}, the first in the file. Give "
        f"reference='{{{factor}: {level}}}' for another.",
    )


@_words.register
def _(warning: warnings.IntervalsOfSeeds, study: Study) -> tuple[str, str]:
    step = amount(study, warning.step)
    image = f" One test image more or less is {step}." if warning.counted else ""
    return (
        "What an interval covers",
        f"Intervals cover what other seeds would give on the same test images; on other images "
        f"effects can differ by more.{image} Another kind of processor changes results as other "
        f"seeds do: without normalization, the same seed on another CPU differs as much as another "
        f"seed.",
    )


@_words.register
def _(warning: warnings.SharedMachine, study: Study) -> tuple[str, str]:
    return (
        "Times of a shared machine",
        f"Equal runs took {seconds(warning.fastest)} to {seconds(warning.slowest)} s to train. "
        f"Other runs or programs used the machine at the same time, so compare times with care; "
        f"multiply-accumulates do not depend on that.",
    )


@_words.register
def _(warning: warnings.StaleStatistics, study: Study) -> tuple[str, str]:
    return (
        "Stale normalization statistics",
        f"On training images, the {warning.measure.replace('_', ' ')} in inference mode is far "
        f"worse than in training mode in {cell_list(study, warning.cells)} (at most "
        f"{warning.inference:.3g} against {warning.training:.3g}). A lower normalization momentum "
        f"or more epochs are needed before these cells can be judged.",
    )


@_words.register
def _(warning: warnings.NotConverged, study: Study) -> tuple[str, str]:
    return (
        "Not converged",
        f"Over the last quarter of the epochs, {warning.measure} still improved by more than the "
        f"margin (at most by {amount(study, warning.gain)}) in {cell_list(study, warning.cells)}. "
        f"With more epochs the effects may differ.",
    )


@_words.register
def _(warning: warnings.UnequalEpochs, study: Study) -> tuple[str, str]:
    return (
        "Unequal budget",
        f"Complete runs were trained for {warning.fewest} to {warning.most} epochs. Cells with "
        f"fewer epochs have a disadvantage that does not come from their parts.",
    )


@_words.register
def _(warning: warnings.MissingCells, study: Study) -> tuple[str, str]:
    return (
        "Missing cells",
        f"No complete run of {cell_list(study, warning.cells)}: effects that need these cells "
        f"are not given.",
    )


@_words.register
def _(warning: warnings.UnequalRuns, study: Study) -> tuple[str, str]:
    pairs = " An effect uses only the seeds that all its cells have." if warning.paired else ""
    return (
        "Unequal n",
        f"Cells have {warning.fewest} to {warning.most} complete runs; the fewest: "
        f"{cell_list(study, warning.cells)}.{pairs}",
    )


@_words.register
def _(warning: warnings.SeedsInRounds, study: Study) -> tuple[str, str]:
    looks = warning.looks
    shares = "; ".join(f"{seeds} in {cell_list(study, cells)}" for seeds, cells in warning.shares)
    return (
        "Seeds added in rounds",
        f"Cells of undecided components got more seeds: {shares}. Intervals and p values of "
        f"effects, and verdicts, are corrected to hold at all {len(looks)} looks together (at "
        f"{enumeration([str(seeds) for seeds in looks], most=len(looks))} seeds). An effect uses "
        f"only the seeds that all its cells have.",
    )


@_words.register
def _(warning: warnings.UnpairedRuns, study: Study) -> tuple[str, str]:
    return (
        "Unpaired runs",
        "Not every run has a seed, so runs are compared as if they had nothing in common.",
    )


@_words.register
def _(warning: warnings.OneRunPerCell, study: Study) -> tuple[str, str]:
    return (
        "One run a cell",
        "With one run a cell, a difference cannot be distinguished from the variation between "
        "seeds: there are no intervals, no p values and no verdicts.",
    )


@_words.register
def _(warning: warnings.FewSeeds, study: Study) -> tuple[str, str]:
    assumption = (
        f"The smallest p value of an exact sign-flip test is {smallest_flip_p(warning.n):.3g}, so "
        f"intervals and p values use Student's t with {warning.n - 1} df, which assumes that the "
        f"differences are about normally distributed."
    )
    if warning.averages:
        return _few_seeds_of_averages(warning.n, assumption)
    if warning.effects:
        verdict = "no verdict" if warning.serious else "a quick look; five or more are reliable"
        return (
            "Too few seeds" if warning.serious else "Quick look",
            f"{enumeration(warning.effects)}: only {quantity(warning.n, 'seed')} shared by the "
            f"cells that are compared: {verdict}. {assumption}",
        )
    if warning.serious:
        return (
            "Too few seeds",
            f"{quantity(warning.n, 'seed')} a cell: estimates only, no verdicts. {assumption}",
        )
    return (
        "Quick look",
        f"{quantity(warning.n, 'seed')} a cell is a quick look; five or more give reliable "
        f"averages. {assumption}",
    )


def _few_seeds_of_averages(seeds: int, assumption: str) -> tuple[str, str]:
    """Return the title and the text where only averages and interactions have few seeds."""
    verdict = "so no verdict on them" if seeds < FEWEST else "so they are a quick look"
    verb = "is" if seeds == 1 else "are"
    return (
        "Few seeds of averages",
        f"{AVERAGES}: only {quantity(seeds, 'seed')} {verb} shared by all cells, {verdict}. "
        f"{assumption}",
    )


@_words.register
def _(warning: warnings.NoSpread, study: Study) -> tuple[str, str]:
    return (
        "No spread over seeds",
        f"All runs have the same {study.response.name} in {cell_list(study, warning.cells)}: "
        f"either it has reached its limit, or the seed changes nothing and all runs are the same "
        f"run.",
    )


@_words.register
def _(warning: warnings.WildValues, study: Study) -> tuple[str, str]:
    return (
        "Values far from all others",
        f"{quantity(warning.runs, 'run')} of {cell_list(study, warning.cells)} ended with a "
        f"{study.response.name} of up to {warning.largest:.3g}. Such a run has diverged although "
        f"it counts as complete; averages over its cell mean nothing. Effects in the full model do "
        f"not use it unless their own cells hold it.",
    )


@_words.register
def _(warning: warnings.Underpowered, study: Study) -> tuple[str, str]:
    parts = enumeration(warning.components)
    return (
        "Underpowered",
        f"An effect as small as the margin of {amount(study, study.margin)} would often be missed "
        f"in the full model. This means more than one time in five, for {parts}; for "
        f"{warning.worst}, {detectable_text(study, warning.detectable)}.",
    )


@_words.register
def _(warning: warnings.SpreadLargerThanEffect, study: Study) -> tuple[str, str]:
    effects = [
        f"{effect.name} ({amount(study, effect.estimate, sign=True)}, spread "
        f"{amount(study, effect.spread)})"
        for effect in warning.effects
    ]
    return (
        "Seed spread larger than the effect",
        f"The effect in the full model varies more from seed to seed than its own size: "
        f"{enumeration(effects)}.",
    )


@_words.register
def _(warning: warnings.UntunedLearningRate, study: Study) -> tuple[str, str]:
    return (
        "Learning rate not tuned",
        f"Every cell was trained with {warning.key} = {warning.value}. A part whose removal needs "
        f"another rate looks more needed than it is.",
    )


@_words.register
def _(warning: warnings.NoCompleteRun, study: Study) -> tuple[str, str]:
    return (
        "No complete run",
        f"None of the {warning.runs} runs is complete, so nothing is known about any part.",
    )


@_words.register
def _(warning: warnings.CellsNeverRun, study: Study) -> tuple[str, str]:
    return (
        "Not all combinations",
        f"{warning.run} of the {warning.total} combinations of levels were run; the others are "
        f"not in the grid.",
    )


@_words.register
def _(warning: warnings.ReusedResults, study: Study) -> tuple[str, str]:
    return (
        "Results of other settings",
        f"{warning.runs} runs are kept although their settings have changed since they were "
        f"trained: {'; '.join(warning.changes)}. Differences between cells may come from these "
        f"changes.",
    )


@_words.register
def _(warning: warnings.InterruptedRuns, study: Study) -> tuple[str, str]:
    named = first_few(warning.interruptions, most=MOST_INTERRUPTIONS, rest=", all in report.json")
    return (
        "Interrupted runs",
        f"Runs were interrupted and resumed from their last checkpoint, with the same numbers as "
        f"without the interruption. Their times and memory come from the "
        f"parts between interruptions: {named}.",
    )
