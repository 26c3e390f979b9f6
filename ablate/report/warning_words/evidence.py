"""Warnings about what the design and the seeds can show, in words."""

from __future__ import annotations

from ablate.analysis import warnings
from ablate.analysis.assumptions import GuessedReference
from ablate.analysis.estimates import smallest_flip_p
from ablate.analysis.verdicts import FEWEST
from ablate.report.sentences import confused_text
from ablate.report.warning_words.words import detectable_text, words
from ablate.report.wording import amount, cell_list
from ablate.study.study import Study
from ablate.wording import enumeration, quantity

AVERAGES = "Averages over the other parts (not the table above)"


@words.register
def _(warning: warnings.ConfusedEffects, study: Study) -> tuple[str, str]:
    effects = [f"{effect.name} with {confused_text(effect)}" for effect in warning.effects]
    return (
        "Effects that cannot be told apart",
        f"The combinations that were run mix {enumeration(effects)}. Such an effect is the sum of "
        f"both, so it gets no verdict. More cells, such as the full factorial, separate them.",
    )


@words.register
def _(warning: warnings.SeedsNotShared, study: Study) -> tuple[str, str]:
    used = (
        f"only {warning.used} of {quantity(warning.runs, 'run')} of each cell are compared. The "
        f"others have seeds that the other cells lack; give all cells the same seeds."
    )
    subject = AVERAGES if warning.averages else enumeration(warning.effects)
    return "Seeds shared only in part", f"{subject}: {used}"


@words.register
def _(warning: GuessedReference, study: Study) -> tuple[str, str]:
    levels = enumeration([f"{factor}={level}" for factor, level in warning.levels])
    factor, level = warning.other
    return (
        "Full model guessed",
        f"Full model: {levels}, the first in the file. Give "
        f"reference='{{{factor}: {level}}}' for another.",
    )


@words.register
def _(warning: warnings.IntervalsOfSeeds, study: Study) -> tuple[str, str]:
    kind = "images" if warning.counted else "data"
    step = amount(study, warning.step)
    image = f" One test image more or less is {step}." if warning.counted else ""
    return (
        "What an interval covers",
        f"Intervals cover what other seeds would give on the same test {kind}; on other {kind} "
        f"effects can differ by more.{image} Another kind of processor changes results as other "
        f"seeds do: without normalization, the same seed on another CPU differs as much as another "
        f"seed.",
    )


@words.register
def _(warning: warnings.UnequalRuns, study: Study) -> tuple[str, str]:
    pairs = " An effect uses only the seeds that all its cells have." if warning.paired else ""
    return (
        "Unequal n",
        f"Cells have {warning.fewest} to {warning.most} complete runs; the fewest: "
        f"{cell_list(study, warning.cells)}.{pairs}",
    )


@words.register
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


@words.register
def _(warning: warnings.UnpairedRuns, study: Study) -> tuple[str, str]:
    return (
        "Unpaired runs",
        "Not every run has a seed, so runs are compared as if they had nothing in common.",
    )


@words.register
def _(warning: warnings.OneRunPerCell, study: Study) -> tuple[str, str]:
    return (
        "One run a cell",
        "With one run a cell, a difference cannot be distinguished from the variation between "
        "seeds: there are no intervals, no p values and no verdicts.",
    )


@words.register
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


@words.register
def _(warning: warnings.NoSpread, study: Study) -> tuple[str, str]:
    return (
        "No spread over seeds",
        f"All runs have the same {study.response.name} in {cell_list(study, warning.cells)}: "
        f"either it has reached its limit, or the seed changes nothing and all runs are the same "
        f"run.",
    )


@words.register
def _(warning: warnings.Underpowered, study: Study) -> tuple[str, str]:
    parts = enumeration(warning.components)
    return (
        "Underpowered",
        f"An effect as small as the margin of {amount(study, study.margin)} would often be missed "
        f"in the full model. This means more than one time in five, for {parts}; for "
        f"{warning.worst}, {detectable_text(study, warning.detectable)}.",
    )


@words.register
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
