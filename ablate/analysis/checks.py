"""Checks of a study and its results, each of which yields a warning where it fails."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ablate.analysis import warnings
from ablate.analysis.arrays import Array, Mask
from ablate.analysis.assumptions import GuessedReference
from ablate.analysis.cells import column_means
from ablate.analysis.effects import Evidence, families_of
from ablate.analysis.estimates import mean_intervals
from ablate.analysis.findings import Effect, Withheld
from ablate.analysis.guessing import cell_rates, rate_interval
from ablate.analysis.looks import looks_of
from ablate.analysis.power import detectable_effect
from ablate.analysis.verdicts import FEWEST
from ablate.analysis.warnings import Cells, StudyWarning
from ablate.study.response import Response
from ablate.study.study import Study

STALE = 0.05
"""Loss of a measure on training images in inference mode that shows stale statistics."""
FEW_SEEDS = 5
"""Seeds a cell below which a study is a quick look."""
WILD = 1e6
"""Size of a response that no trained model has, as a multiple of the median size and the margin."""
UNEVEN = 1.25
"""Ratio of the times of equal runs above which something else used the machine."""


@dataclass(frozen=True, slots=True)
class Background:
    """What is known about a study besides its run table.

    Attributes:
        histories: A row an epoch, for the checks of convergence and of epochs; None where unknown.
        held_constant: What no cell changes, with its value, for the check of the learning rate.
        chance: First response of a model that guesses; None where unknown.
        measures: What the task measures besides the loss, the most important first.
        resolution: Smallest difference of the first response between two runs; None where unknown.
        guessed_reference: Factors whose reference level was not named.
    """

    histories: pd.DataFrame | None = None
    held_constant: Mapping[str, str] = field(default_factory=dict)
    chance: float | None = None
    measures: tuple[Response, ...] = ()
    resolution: float | None = None
    guessed_reference: tuple[str, ...] = ()


def warnings_of(
    study: Study, evidence: Evidence, *, background: Background
) -> tuple[StudyWarning, ...]:
    """Return all warnings, the serious ones first."""
    histories = background.histories
    found = [
        *_check_reference(study, background.guessed_reference),
        *_check_left_out(evidence),
        *_check_chance(study, evidence, background.chance),
        *_check_wild_values(study, evidence),
        *_check_confusion(evidence),
        *_check_statistics(evidence, background.measures[:1]),
        *_check_convergence(study, evidence, histories),
        *_check_epochs(evidence, histories),
        *_check_counts(study, evidence),
        *_check_rounds(study, evidence),
        *_check_pairing(evidence),
        *_check_shared_seeds(evidence),
        *_check_seeds(evidence),
        *_check_equal_runs(study, evidence),
        *_check_power(study, evidence),
        *_check_spread(study, evidence),
        *_check_learning_rate(background.held_constant),
        *_check_times(evidence),
    ]
    return tuple(sorted(found, key=lambda warning: not warning.serious))


def notes_of(
    study: Study, evidence: Evidence, *, background: Background
) -> tuple[StudyWarning, ...]:
    """Return what holds of every study and the reader must know: what intervals do not include."""
    grid = evidence.measurements.grids[study.response.name]
    return (
        warnings.IntervalsOfSeeds(
            background.resolution or grid.step, background.resolution is not None
        ),
        *_check_unseen_failures(evidence),
    )


def _check_left_out(evidence: Evidence) -> Iterator[StudyWarning]:
    left_out = evidence.measurements.left_out
    if left_out.empty:
        return
    statuses = left_out["status"].astype(str).value_counts()
    yield warnings.RunsLeftOut(
        len(left_out),
        tuple((str(status), int(number)) for status, number in statuses.items()),
        _cells(evidence, sorted(set(left_out["cell_index"]))),
    )


def _check_chance(study: Study, evidence: Evidence, chance: float | None) -> Iterator[StudyWarning]:
    failed = evidence.guessing.sum(axis=0)
    if chance is None or not failed.any():
        return
    measurements = evidence.measurements
    if failed.sum() == measurements.counts.sum():
        means = mean_intervals(measurements.responses[study.response.name])[0]
        best = np.nanmin(means) if study.response.direction == "lower" else np.nanmax(means)
        yield warnings.NoCellLearned(float(best), chance)
        return
    yield warnings.RunsAtChance(
        chance,
        cell_rates(study, measurements, guessing=evidence.guessing, indices=np.flatnonzero(failed)),
        any(effect.withheld is Withheld.RUNS_DID_NOT_LEARN for effect in evidence.effects),
    )


def _check_unseen_failures(evidence: Evidence) -> Iterator[StudyWarning]:
    counts = evidence.measurements.counts
    without = counts[(counts > 0) & ~evidence.guessing.any(axis=0)]
    if without.size:
        runs = int(without.min())
        yield warnings.UnseenFailures(runs, rate_interval(0, runs)[1])


def _check_confusion(evidence: Evidence) -> Iterator[StudyWarning]:
    confused = tuple(
        effect for effect in evidence.effects if effect.kind == "main" and effect.confused_with
    )
    if confused:
        yield warnings.ConfusedEffects(confused)


def _check_reference(study: Study, guessed: Iterable[str]) -> Iterator[StudyWarning]:
    factors = [factor for factor in study.factors if factor.name in set(guessed)]
    if factors:
        levels = tuple((factor.name, factor.reference.name) for factor in factors)
        yield GuessedReference(levels, (factors[0].name, factors[0].level_names[-1]))


def _check_shared_seeds(evidence: Evidence) -> Iterator[StudyWarning]:
    measurements = evidence.measurements
    if not measurements.paired:
        return
    # Where cells have different numbers of runs, that is another warning.
    losing = []
    for contrast, effect in zip(evidence.contrasts, evidence.effects, strict=True):
        runs = int(measurements.counts[contrast.weights != 0].min())
        if effect.n < runs and effect.kind != "interaction" and not effect.missing:
            losing.append((effect, runs))
    for averages in (False, True):
        chosen = [
            (effect, runs)
            for effect, runs in losing
            if _is_beside_answer(evidence, effect) is averages
        ]
        if chosen:
            least, runs = min(chosen, key=lambda pair: pair[0].n)
            names = tuple(dict.fromkeys(effect.name for effect, _ in chosen))
            yield warnings.SeedsNotShared(names, least.n, runs, averages=averages)


def _is_beside_answer(evidence: Evidence, effect: Effect) -> bool:
    """Return whether the answer is about another effect: that of the part in the full model."""
    if effect.kind == "interaction":
        return True
    simple = {other.name for other in evidence.effects if other.kind == "simple"}
    return effect.kind == "main" and effect.name in simple


def _check_statistics(evidence: Evidence, measures: tuple[Response, ...]) -> Iterator[StudyWarning]:
    for measure in measures:
        names = (f"train_{measure.name}", f"train_{measure.name}_inference")
        if not set(names) <= set(evidence.measurements.complete.columns):
            continue
        training, inference = (column_means(evidence.measurements, name) for name in names)
        gaps = training - inference if measure.direction != "lower" else inference - training
        stale = np.flatnonzero(gaps > STALE)
        if stale.size:
            worst = int(np.nanargmax(gaps))
            yield warnings.StaleStatistics(
                measure.name,
                _cells(evidence, stale),
                training=float(training[worst]),
                inference=float(inference[worst]),
            )


def _check_convergence(
    study: Study, evidence: Evidence, histories: pd.DataFrame | None
) -> Iterator[StudyWarning]:
    measure = study.response.name.replace("test_", "val_")
    if histories is None or measure not in histories.columns or histories.empty:
        return
    gains = _late_gains(histories, measure)
    if study.response.direction == "lower":
        gains = -gains
    by_cell = gains.unstack("cell")
    mean, low, _ = mean_intervals(by_cell.to_numpy(dtype=float))
    # A single run has no interval: its gain alone decides.
    rising = (mean > study.margin) & ~(low <= 0)
    indices = {cell.slug: index for index, cell in enumerate(evidence.measurements.cells)}
    still = sorted(
        indices[slug]
        for slug, improves in zip(by_cell.columns, rising, strict=True)
        if improves and slug in indices
    )
    if still:
        yield warnings.NotConverged(measure, float(np.nanmax(mean)), _cells(evidence, still))


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


def _check_epochs(evidence: Evidence, histories: pd.DataFrame | None) -> Iterator[StudyWarning]:
    if histories is None or histories.empty:
        return
    complete = evidence.measurements.complete
    slugs = [evidence.measurements.cells[index].slug for index in complete["cell_index"]]
    finished = pd.MultiIndex.from_arrays([slugs, complete["seed"]], names=["cell", "seed"])
    epochs = histories.groupby(["cell", "seed"])["epoch"].max()
    epochs = epochs[epochs.index.isin(finished)]
    if epochs.nunique() > 1:
        yield warnings.UnequalEpochs(int(epochs.min()), int(epochs.max()))


def _check_counts(study: Study, evidence: Evidence) -> Iterator[StudyWarning]:
    counts = evidence.measurements.counts
    missing = np.flatnonzero(counts == 0)
    if missing.size:
        yield warnings.MissingCells(_cells(evidence, missing))
    positive = counts[counts > 0]
    # With adaptive seeds unequal counts are intended and have a warning of their own.
    if positive.min() < positive.max() and study.most_replicates is None:
        yield warnings.UnequalRuns(
            int(positive.min()),
            int(positive.max()),
            cells=_cells(evidence, np.flatnonzero(counts == positive.min())),
            paired=evidence.measurements.paired,
        )


def _check_rounds(study: Study, evidence: Evidence) -> Iterator[StudyWarning]:
    if study.most_replicates is None:
        return
    attempts = evidence.measurements.attempts
    shares = tuple(
        (seeds, _cells(evidence, np.flatnonzero(attempts == seeds)))
        for seeds in sorted(set(attempts.tolist()), reverse=True)
    )
    yield warnings.SeedsInRounds(shares, looks_of(study))


def _check_pairing(evidence: Evidence) -> Iterator[StudyWarning]:
    if not evidence.measurements.paired:
        yield warnings.UnpairedRuns()


def _check_seeds(evidence: Evidence) -> Iterator[StudyWarning]:
    if evidence.measurements.counts.max() < 2:
        yield warnings.OneRunPerCell()
        return
    paired = [effect for effect in evidence.effects if effect.paired]
    answers = [effect for effect in paired if not _is_beside_answer(evidence, effect)]
    fewest = min((effect.n for effect in answers), default=FEW_SEEDS)
    if fewest < FEW_SEEDS:
        few = tuple(dict.fromkeys(effect.name for effect in answers if effect.n == fewest))
        named = few if any(effect.n >= FEW_SEEDS for effect in answers) else ()
        yield warnings.FewSeeds(fewest, serious=fewest < FEWEST, effects=named)
    fewest_of_all = min((effect.n for effect in paired), default=FEW_SEEDS)
    if fewest_of_all < min(fewest, FEW_SEEDS):
        yield warnings.FewSeeds(fewest_of_all, serious=False, averages=True)


def _check_equal_runs(study: Study, evidence: Evidence) -> Iterator[StudyWarning]:
    responses = evidence.measurements.responses[study.response.name]
    repeated = evidence.measurements.counts > 1
    low = np.where(repeated, np.nan_to_num(responses, nan=np.inf).min(axis=0), 0.0)
    high = np.where(repeated, np.nan_to_num(responses, nan=-np.inf).max(axis=0), 1.0)
    equal = np.flatnonzero((low == high) & ~_wild_values(study, responses).any(axis=0))
    if equal.size:
        yield warnings.NoSpread(_cells(evidence, equal))


def _check_wild_values(study: Study, evidence: Evidence) -> Iterator[StudyWarning]:
    responses = evidence.measurements.responses[study.response.name]
    wild = _wild_values(study, responses)
    if wild.any():
        values = responses[wild]
        yield warnings.WildValues(
            float(values[np.abs(values).argmax()]),
            int(wild.sum()),
            _cells(evidence, np.flatnonzero(wild.any(axis=0))),
        )


def _wild_values(study: Study, responses: Array) -> Mask:
    """Return which runs have a response far from all others, shape `(rows, cells)`."""
    middle = float(np.nanmedian(np.abs(responses)))
    return np.asarray(np.abs(np.nan_to_num(responses)) > WILD * max(middle, study.margin))


def _check_power(study: Study, evidence: Evidence) -> Iterator[StudyWarning]:
    sizes = detectable_effects(study, evidence)
    weak = {name: size for name, size in sizes.items() if size > study.margin}
    if weak:
        worst = max(weak, key=lambda name: weak[name])
        yield warnings.Underpowered(
            tuple(weak),
            worst,
            detectable=weak[worst],
        )


def detectable_effects(study: Study, evidence: Evidence) -> dict[str, float]:
    """Return the smallest simple effect of each component found with 80 % power, if known."""
    estimates, families = evidence.estimates, families_of(evidence.contrasts)
    looks = len(looks_of(study))
    simple = [
        index for index, contrast in enumerate(evidence.contrasts) if contrast.kind == "simple"
    ]
    sizes = {
        evidence.contrasts[index].name: detectable_effect(
            float(estimates.error[index]),
            float(estimates.df[index]),
            tests=looks * int((families == families[index]).sum()),
        )
        for index in simple
        if estimates.error[index] > 0
    }
    return {name: size for name, size in sizes.items() if math.isfinite(size)}


def _check_spread(study: Study, evidence: Evidence) -> Iterator[StudyWarning]:
    noisy = tuple(
        effect
        for effect in evidence.effects
        if effect.kind == "simple" and effect.spread > max(abs(effect.estimate), study.margin)
    )
    if noisy:
        yield warnings.SpreadLargerThanEffect(noisy)


def _check_times(evidence: Evidence) -> Iterator[StudyWarning]:
    complete = evidence.measurements.complete
    if "train_seconds" not in complete:
        return
    seconds = pd.to_numeric(complete["train_seconds"], errors="coerce")
    by_cell = seconds.groupby(complete["cell_index"]).agg(["min", "max"]).dropna()
    if by_cell.empty:
        return
    fastest, slowest = (by_cell[end].to_numpy(dtype=np.float64) for end in ("min", "max"))
    worst = int(np.argmax(slowest - UNEVEN * fastest))
    if slowest[worst] > UNEVEN * fastest[worst]:
        yield warnings.SharedMachine(float(fastest[worst]), float(slowest[worst]))


def _check_learning_rate(held_constant: Mapping[str, str]) -> Iterator[StudyWarning]:
    for key, value in held_constant.items():
        if "learning_rate" in key:
            yield warnings.UntunedLearningRate(key, str(value))


def _cells(evidence: Evidence, indices: Iterable[int] | Array) -> Cells:
    return tuple(evidence.measurements.cells[int(index)] for index in indices)
