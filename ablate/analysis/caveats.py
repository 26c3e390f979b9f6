"""What the reader must know before believing the tables, each with its evidence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ablate.analysis.cells import column_means
from ablate.analysis.components import is_blocked
from ablate.analysis.effects import Evidence, families_of
from ablate.analysis.estimates import mean_intervals, smallest_flip_p
from ablate.analysis.findings import Caveat, Verdict
from ablate.analysis.looks import looks_of
from ablate.analysis.measurements import Array
from ablate.analysis.power import detectable
from ablate.analysis.wording import amount, count, difference_in_words, enumeration
from ablate.study.study import Study

LEARNT = 0.05
"""Share of the way from chance to perfect below which a model has learnt nothing."""
STALE = 0.05
"""Loss of accuracy on training images in inference mode that tells of stale statistics."""
FEW_SEEDS = 5


@dataclass(frozen=True, slots=True)
class Background:
    """What is known beside the run table.

    Attributes:
        histories: A row an epoch; None where unknown.
        held_constant: What no cell changes, with its value; None where unknown.
        chance: First response of always guessing; None where unknown.
    """

    histories: pd.DataFrame | None = None
    held_constant: Mapping[str, str] | None = None
    chance: float | None = None


def caveats_of(study: Study, evidence: Evidence, *, background: Background) -> tuple[Caveat, ...]:
    """All caveats, the serious ones first."""
    found = [
        *_left_out(study, evidence),
        *_at_chance(study, evidence, background.chance),
        *_stale_statistics(study, evidence),
        *_not_converged(study, evidence, background.histories),
        *_unequal_budget(study, evidence, background.histories),
        *_unequal_n(study, evidence),
        *_rounds(study, evidence),
        *_unpaired(evidence),
        *_few_seeds(evidence),
        *_no_spread(study, evidence),
        *_underpowered(study, evidence),
        *_spread_larger_than_effect(study, evidence),
        *_untuned(background.held_constant),
    ]
    return tuple(sorted(found, key=lambda caveat: not caveat.serious))


def _left_out(study: Study, evidence: Evidence) -> Iterator[Caveat]:
    left_out = evidence.measured.left_out
    if left_out.empty:
        return
    statuses = left_out["status"].astype(str)
    kinds = enumeration(
        [f"{number} {status}" for status, number in statuses.value_counts().items()]
    )
    cells = _labels(study, evidence, sorted(set(left_out["place"])))
    yield Caveat(
        "Runs left out",
        f"Only complete runs count: {count(len(left_out), 'run')} are not ({kinds}), in {cells}. "
        f"If what stops a run goes with a bad result, those cells look better than they are.",
        serious=True,
    )


def _at_chance(study: Study, evidence: Evidence, chance: float | None) -> Iterator[Caveat]:
    if chance is None or study.response.direction != "higher":
        return
    means = _means(evidence, study.response.name)
    lost = np.flatnonzero(means <= chance + LEARNT * (1 - chance))
    if not lost.size:
        return
    if lost.size == np.isfinite(means).sum():
        yield Caveat(
            "Best cell at chance level",
            f"The best mean is {np.nanmax(means):.3g} and guessing gives {chance:.3g}: no model "
            f"has learnt anything, so that differences between them say nothing.",
            serious=True,
        )
        return
    yield Caveat(
        "Cells at chance level",
        f"Guessing gives {chance:.3g}, and no better are {_labels(study, evidence, lost)}. Effects "
        f"that rest on them tell of a training that failed.",
        serious=True,
    )


def _stale_statistics(study: Study, evidence: Evidence) -> Iterator[Caveat]:
    names = ("train_accuracy", "train_accuracy_inference")
    if not set(names) <= set(evidence.measured.complete.columns):
        return
    training, inference = (column_means(evidence.measured, name) for name in names)
    gaps = training - inference
    stale = np.flatnonzero(gaps > STALE)
    if stale.size:
        worst = int(np.nanargmax(gaps))
        yield Caveat(
            "Stale normalization statistics",
            f"On training images the accuracy in inference mode is far below that in training mode "
            f"in {_labels(study, evidence, stale)} (at most {inference[worst]:.3g} against "
            f"{training[worst]:.3g}): a lower normalization momentum or more epochs are needed "
            f"before these cells can be judged.",
            serious=True,
        )


def _not_converged(
    study: Study, evidence: Evidence, histories: pd.DataFrame | None
) -> Iterator[Caveat]:
    measure = study.response.name.replace("test_", "val_")
    if histories is None or measure not in histories.columns or histories.empty:
        return
    gains = _late_gains(histories, measure)
    if study.response.direction == "lower":
        gains = -gains
    mean, low, _ = mean_intervals(gains.unstack("cell").to_numpy(dtype=float))
    slugs = list(gains.unstack("cell").columns)
    # One run has no spread: its gain alone must do.
    rising = (mean > study.margin) & ~(low <= 0)
    known = {cell.slug: place for place, cell in enumerate(evidence.measured.cells)}
    still = sorted(
        known[slug] for slug, up in zip(slugs, rising, strict=True) if up and slug in known
    )
    if still:
        yield Caveat(
            "Not converged",
            f"Over the last quarter of the epochs {measure} still improved by more than the margin "
            f"(at most by {amount(study, float(np.nanmax(mean)))}) in "
            f"{_labels(study, evidence, still)}. With more epochs the effects may differ.",
            serious=True,
        )


def _late_gains(histories: pd.DataFrame, measure: str) -> pd.Series[float]:
    """Mean of the last quarter of epochs minus mean of the quarter before, a value a run."""
    runs = histories.groupby(["cell", "seed"])["epoch"]
    last, first = runs.transform("max"), runs.transform("min")
    quarter = ((last - first + 1) // 4).clip(lower=1)
    back = last - histories["epoch"]
    by_run = [histories["cell"], histories["seed"]]
    late = histories[measure].where(back < quarter).groupby(by_run).mean()
    before = (
        histories[measure].where((back >= quarter) & (back < 2 * quarter)).groupby(by_run).mean()
    )
    return late - before


def _unequal_budget(
    study: Study, evidence: Evidence, histories: pd.DataFrame | None
) -> Iterator[Caveat]:
    if histories is None or histories.empty:
        return
    complete = evidence.measured.complete
    slugs = [evidence.measured.cells[place].slug for place in complete["place"]]
    finished = pd.MultiIndex.from_arrays([slugs, complete["seed"]], names=["cell", "seed"])
    epochs = histories.groupby(["cell", "seed"])["epoch"].max()
    epochs = epochs[epochs.index.isin(finished)]
    if epochs.nunique() > 1:
        few, many = int(epochs.min()), int(epochs.max())
        yield Caveat(
            "Unequal budget",
            f"Complete runs were trained for {few} to {many} epochs; cells with fewer are at a "
            f"disadvantage that is none of their parts' doing.",
            serious=True,
        )


def _unequal_n(study: Study, evidence: Evidence) -> Iterator[Caveat]:
    counts = evidence.measured.counts
    missing = np.flatnonzero(counts == 0)
    if missing.size:
        yield Caveat(
            "Missing cells",
            f"No complete run of {_labels(study, evidence, missing)}: effects that need them are "
            f"not given.",
            serious=True,
        )
    there = counts[counts > 0]
    # Adaptive seeds mean it, and have a caveat of their own.
    if there.min() < there.max() and study.most_replicates is None:
        fewest = np.flatnonzero(counts == there.min())
        effect = "an effect uses only the seeds that all its cells have"
        yield Caveat(
            "Unequal n",
            f"Cells have {there.min()} to {there.max()} complete runs, fewest in "
            f"{_labels(study, evidence, fewest)}"
            f"{f'; {effect}' if evidence.measured.paired else ''}.",
        )


def _rounds(study: Study, evidence: Evidence) -> Iterator[Caveat]:
    if study.most_replicates is None:
        return
    attempts = evidence.measured.attempts
    shares = "; ".join(
        f"{seeds} of {_labels(study, evidence, np.flatnonzero(attempts == seeds))}"
        for seeds in sorted(set(attempts.tolist()), reverse=True)
    )
    looks = looks_of(study)
    yield Caveat(
        "Seeds added in rounds",
        f"Cells of undecided components got more seeds: {shares}. Intervals and p values of "
        f"effects, and verdicts, are corrected to hold at all {len(looks)} looks (at "
        f"{enumeration([str(seeds) for seeds in looks], most=len(looks))} seeds) together; an "
        f"effect uses only the seeds that all its cells have.",
    )


def _unpaired(evidence: Evidence) -> Iterator[Caveat]:
    if not evidence.measured.paired:
        yield Caveat(
            "Unpaired runs",
            "Not every run has a seed, so that runs are compared as if they had nothing in common.",
        )


def _few_seeds(evidence: Evidence) -> Iterator[Caveat]:
    blocked = [effect.n for effect in evidence.effects if is_blocked(effect)]
    if evidence.measured.counts.max() < 2:
        yield Caveat(
            "One run a cell",
            "With a single run a cell nothing tells a difference from the luck of a seed: there "
            "are no intervals, no p values and no verdicts.",
            serious=True,
        )
    elif blocked and min(blocked) < FEW_SEEDS:
        n = min(blocked)
        yield Caveat(
            "Few seeds",
            f"With {count(n, 'seed')} the smallest p value of an exact sign-flip test is "
            f"{smallest_flip_p(n):.3g}; p values and intervals rest on Student's t with {n - 1} "
            f"df, which takes the differences to be about normally distributed.",
        )


def _no_spread(study: Study, evidence: Evidence) -> Iterator[Caveat]:
    responses = evidence.measured.responses[study.response.name]
    repeated = evidence.measured.counts > 1
    low = np.where(repeated, np.nan_to_num(responses, nan=np.inf).min(axis=0), 0.0)
    high = np.where(repeated, np.nan_to_num(responses, nan=-np.inf).max(axis=0), 1.0)
    same = np.flatnonzero(low == high)
    if same.size:
        yield Caveat(
            "No spread over seeds",
            f"All runs have the same {study.response.name} in {_labels(study, evidence, same)}: "
            f"either it has reached its limit, or the seed changes nothing and the runs are one.",
        )


def _underpowered(study: Study, evidence: Evidence) -> Iterator[Caveat]:
    sizes = detectable_effects(study, evidence)
    weak = {name: size for name, size in sizes.items() if size > study.margin}
    if weak:
        worst = max(weak, key=lambda name: weak[name])
        yield Caveat(
            "Underpowered",
            f"In the full model an effect as small as the margin of {amount(study, study.margin)} "
            f"would be missed more than one time in five for {enumeration(list(weak))}; for "
            f"{worst} only one of {amount(study, weak[worst])} or more would be found that often.",
            serious=any(effect.verdict is Verdict.UNDECIDED for effect in evidence.effects),
        )


def detectable_effects(study: Study, evidence: Evidence) -> dict[str, float]:
    """Smallest simple effect of each component found with 80 % power, where it is known."""
    found, families = evidence.found, families_of(evidence.contrasts)
    looks = len(looks_of(study))
    simple = [
        place for place, contrast in enumerate(evidence.contrasts) if contrast.kind == "simple"
    ]
    sizes = {
        evidence.contrasts[place].name: detectable(
            float(found.error[place]),
            float(found.df[place]),
            tests=looks * int((families == families[place]).sum()),
        )
        for place in simple
        if found.error[place] > 0
    }
    return {name: size for name, size in sizes.items() if math.isfinite(size)}


def _spread_larger_than_effect(study: Study, evidence: Evidence) -> Iterator[Caveat]:
    found = evidence.found
    drowned = []
    for place, effect in enumerate(evidence.effects):
        spread = float(found.error[place] * np.sqrt(found.n[place]))
        if effect.kind == "simple" and spread > max(abs(effect.estimate), study.margin):
            size = amount(study, effect.estimate, signed=True)
            drowned.append(f"{effect.name} ({size}, spread {amount(study, spread)})")
    if drowned:
        yield Caveat(
            "Seed spread larger than the effect",
            f"From seed to seed the effect in the full model varies more than it amounts to: "
            f"{enumeration(drowned)}.",
        )


def _untuned(held_constant: Mapping[str, str] | None) -> Iterator[Caveat]:
    for key, value in (held_constant or {}).items():
        if "learning_rate" in key:
            yield Caveat(
                "Learning rate not tuned",
                f"Every cell was trained with {key} = {value}. A part whose removal wants another "
                f"rate looks more needed than it is.",
            )


def _labels(study: Study, evidence: Evidence, places: object) -> str:
    cells = [evidence.measured.cells[int(place)] for place in places]  # type: ignore[attr-defined]
    return enumeration([f"[{difference_in_words(study, dict(cell.levels))}]" for cell in cells])


def _means(evidence: Evidence, response: str) -> Array:
    return mean_intervals(evidence.measured.responses[response])[0]
