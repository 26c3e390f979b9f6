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
    FAILING,
    Family,
    contrasts,
    families,
    means,
    noise,
    simulate,
    two_level_study,
)
from benchmarks.calibration.simulation import (
    MARGINS,
    STRONG,
    Array,
    Row,
    any_false_claim,
    batches,
    contradict,
    is_false,
    row_of,
)

FEWEST, MOST = 3, 12
SIZES = np.array([0.0, 0.5, 1.0, 2.0, 4.0])
UNDECIDED = VERDICTS.index(Verdict.UNDECIDED)
OPPOSITE = np.array([[contradict(one, other) for other in VERDICTS] for one in VERDICTS])
"""Whether two verdicts cannot both be true, by their codes."""
DROPPING = (Verdict.NO_DIFFERENCE, Verdict.NOT_NEEDED)
"""The verdicts after which a part is left out."""


def adaptive(studies: int) -> Iterator[Row]:
    """Yield how 3 to 12 seeds in rounds judge planted effects, against 12 for all: margin 1."""
    study = _adaptive_study(1.0)
    kinds = np.array([contrast.kind for contrast in _verdict_contrasts(study)])
    for tails, spread in itertools.product(("normal", "t3"), (0.2, 0.5)):
        family = Family(tails, "equal", "none", False, MOST)
        parts, in_rounds, at_most, counts = [], [], [], []
        alone: dict[str, list[Array]] = {"simple": [], "main": []}
        for rng, size in batches(f"adaptive {spread}", family, studies):
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
        if family.interactions or family.accident in FAILING:
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
            for rng, size in batches(f"adaptive false {name}", family, studies):
                cell_means = means(study, np.tile(effects, (size, 1)))
                responses, _ = simulate(family, study, cell_means, rng)
                truth = cell_means @ weights.T
                found, seeds = play(study, responses)
                codes = judge(found, margin)
                false.append(any_false_claim(codes, truth, margin))
                covered.append((found.low <= truth) & (truth <= found.high))
                dropped.append(_dropped(codes, truth, margin))
                counts.append(seeds)
            yield row_of(family) | {
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


def _dropped(codes: npt.NDArray[np.int_], truth: Array, margin: float) -> npt.NDArray[np.bool_]:
    """Return where a part that is worth the margin would be left out."""
    wrong = [
        (codes == VERDICTS.index(verdict)) & is_false(verdict, truth, margin)
        for verdict in DROPPING
    ]
    return np.logical_or.reduce(wrong)


def _comparison(codes: npt.NDArray[np.int_], fixed: npt.NDArray[np.int_]) -> Row:
    decided = (codes != UNDECIDED) & (fixed != UNDECIDED)
    against = OPPOSITE[codes, fixed]
    return (
        {"components": codes.size}
        | {str(verdict): (codes == code).mean() for code, verdict in enumerate(VERDICTS)}
        | {
            "agrees with at most": ((decided & ~against) | (codes == fixed)).mean(),
            "contradicts at most": against.mean(),
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
