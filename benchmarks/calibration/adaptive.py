"""Studies that add seeds in rounds: what they save, and whether they are still right."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ablate.analysis.effects import families_of
from ablate.analysis.estimates import Estimates, estimate
from ablate.analysis.findings import Verdict
from ablate.analysis.looks import looks_of
from ablate.analysis.rounds import asks_for_seeds, next_counts
from ablate.analysis.verdicts import VERDICTS, judge
from ablate.study.study import Study
from benchmarks.calibration.families import (
    Family,
    contrasts,
    families,
    means,
    noise,
    two_level_study,
)
from benchmarks.calibration.promises import MARGINS, STRONG, Array, Row, _batches, _row

FEWEST, MOST = 3, 12
SIZES = np.array([0.0, 0.5, 1.0, 2.0, 4.0])
NOT_NEEDED, UNDECIDED = VERDICTS.index(Verdict.NOT_NEEDED), VERDICTS.index(Verdict.UNDECIDED)


def adaptive(studies: int) -> Iterator[Row]:
    """Yield how 3 to 12 seeds in rounds judge planted effects, against 12 for all: margin 1."""
    study = _adaptive_study(1.0)
    kinds = np.array([contrast.kind for contrast in _verdict_contrasts(study)])
    for tails, spread in itertools.product(("normal", "t3"), (0.2, 0.5)):
        family = Family(tails, "equal", "none", False, MOST)
        parts, in_rounds, at_most, counts = [], [], [], []
        alone: dict[str, list[Array]] = {"simple": [], "main": []}
        for rng, size in _batches(f"adaptive {spread}", family, studies):
            effects = rng.choice(SIZES, (size, 3))
            own = spread * noise(family, study, rng, studies=size)
            responses = means(study, effects)[:, None] + own
            found, seeds = play(study, responses)
            parts.append(np.tile(effects, 2))  # simple effects, then main effects
            in_rounds.append(judge(found, study.margin))
            at_most.append(judge(_estimate(study, responses, looks=1), study.margin))
            counts.append(seeds)
            for kind, own_counts in alone.items():
                own_counts.append(play(study, responses, asked=kinds == kind)[1])
        truth, codes, fixed = map(np.concatenate, (parts, in_rounds, at_most))
        saved = 1 - np.concatenate(counts).mean() / MOST
        for kind, effect in itertools.product(("simple", "main"), SIZES):
            own_ones = (truth == effect) & (kinds == kind)
            yield {
                "tails": tails,
                "seed spread": spread,
                "runs saved": saved,
                "if its kind alone asked": 1 - np.concatenate(alone[kind]).mean() / MOST,
                "verdict": "in the full model" if kind == "simple" else "on average",
                "effect": effect,
            } | _comparison(codes[own_ones], fixed[own_ones])


def adaptive_false_claims(studies: int) -> Iterator[Row]:
    """Yield false claims and coverage after rounds, by family, truth and margin."""
    for family, margin in itertools.product(families((MOST,)), MARGINS):
        if family.interactions:
            continue
        study = _adaptive_study(margin)
        weights = _weights(study)
        truths = {
            "no part does anything": (0.0, 0.0, 0.0),
            "one part does": (STRONG, 0.0, 0.0),
            "one part is worth the margin": (margin, 0.0, 0.0),
        }
        for name, effects in truths.items():
            false, covered, dropped, counts = [], [], [], []
            for rng, size in _batches(f"adaptive false {name}", family, studies):
                cell_means = means(study, np.tile(effects, (size, 1)))
                own = noise(family, study, rng, studies=size)
                truth = cell_means @ weights.T
                found, seeds = play(study, cell_means[:, None] + own)
                codes = judge(found, margin)
                false.append(np.isin(codes, (0, 2)) & (np.abs(truth) < 1e-9))
                covered.append((found.low <= truth) & (truth <= found.high))
                dropped.append((codes == NOT_NEEDED) & (truth >= margin - 1e-9))
                counts.append(seeds)
            yield _row(family) | {
                "truth": name,
                "margin": margin,
                "runs saved": 1 - np.concatenate(counts).mean() / MOST,
                "in either": np.concatenate(false).any(axis=1).mean(),
                "a part worth the margin called not needed": np.concatenate(dropped)
                .mean(axis=0)
                .max(),
                "lowest coverage": np.concatenate(covered).mean(axis=0).min(),
            }


def play(
    study: Study, responses: Array, *, asked: npt.NDArray[np.bool_] | bool = True
) -> tuple[Estimates, npt.NDArray[np.int_]]:
    """Play the rounds of many studies whose results are all known, as `next_round` does for one.

    Args:
        study: The study.
        responses: The responses of all seeds, shape `(studies, seeds, cells)`.
        asked: Which verdicts may ask for seeds; all of them in a user's study.

    Returns:
        The estimates after the last round, and the seeds of each cell, shape `(studies, cells)`.
    """
    schedule = np.array(looks_of(study))
    needed = _weights(study) != 0
    counts = np.full((len(responses), needed.shape[1]), schedule[0])
    seeds = np.arange(responses.shape[-2])[:, None]
    while True:
        seen = np.where(seeds < counts[:, None, :], responses, np.nan)
        found = _estimate(study, seen, looks=len(schedule))
        asking = asked & asks_for_seeds(found, study.margin, most=MOST)
        grown = next_counts(counts, asking, needed=needed, schedule=schedule)
        if (grown == counts).all():
            return found, counts
        counts = grown


def _comparison(codes: npt.NDArray[np.int_], fixed: npt.NDArray[np.int_]) -> Row:
    both = (codes != UNDECIDED) & (fixed != UNDECIDED)
    return (
        {"components": codes.size}
        | {str(verdict): (codes == code).mean() for code, verdict in enumerate(VERDICTS)}
        | {
            "same as at most": (codes == fixed).mean(),
            "another than at most": (both & (codes != fixed)).mean(),
            "undecided at most": (fixed == UNDECIDED).mean(),
        }
    )


def _adaptive_study(margin: float) -> Study:
    return replace(two_level_study(3, margin=margin), replicates=FEWEST, most_replicates=MOST)


def _verdict_contrasts(study: Study) -> list:
    return [contrast for contrast in contrasts(study) if contrast.kind != "interaction"]


def _weights(study: Study) -> Array:
    return np.array([contrast.weights for contrast in _verdict_contrasts(study)])


def _estimate(study: Study, responses: Array, *, looks: int) -> Estimates:
    families = families_of(_verdict_contrasts(study))
    return estimate(responses, _weights(study), paired=True, families=families, looks=looks)
