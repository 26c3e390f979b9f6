"""How often each word of a verdict is false, by family, truth and margin."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from ablate.analysis.findings import Verdict
from ablate.analysis.verdicts import OF_ALTERNATIVES, VERDICTS, judge
from benchmarks.calibration.families import Family, families, means, simulate, two_level_study
from benchmarks.calibration.simulation import (
    MARGINS,
    SEEDS,
    STRONG,
    Array,
    Row,
    any_false_claim,
    batches,
    estimate_study,
    is_false,
    of_kind,
    row_of,
    ways_to_pair,
    weights_of,
)

Flags = npt.NDArray[np.bool_]
WORDS = (*VERDICTS[:-1], Verdict.BETTER, Verdict.WORSE)
"""All verdicts but *undecided*, which claims nothing."""


def words(studies: int) -> Iterator[Row]:
    """Yield the share of studies in which a word is false of any part.

    Where parts are alternatives, the same runs are judged by the words for alternatives.
    """
    for family in families(SEEDS):
        if family.interactions:
            continue  # With interactions hardly any effect is 0, so fewer claims can be false.
        for paired, margin in itertools.product(ways_to_pair(family), MARGINS):
            for truth, effects in _truths(margin).items():
                rates = _rates(family, effects, studies=studies, paired=paired, margin=margin)
                yield row_of(family) | {
                    "seeds used": "yes" if paired else "no",
                    "truth": truth,
                    "margin": margin,
                } | rates  # fmt: skip


def _truths(margin: float) -> dict[str, tuple[float, float, float]]:
    return {
        "no part does anything": (0.0, 0.0, 0.0),
        "one part does": (STRONG, 0.0, 0.0),
        "one part is worth half the margin": (margin / 2, 0.0, 0.0),
        "one part is worth almost the margin": (0.999 * margin, 0.0, 0.0),
        "one part is worth the margin": (margin, 0.0, 0.0),
    }


def _rates(
    family: Family, effects: tuple[float, ...], *, studies: int, paired: bool, margin: float
) -> Mapping[str, float]:
    study = two_level_study(3)
    false: dict[str, list[Flags]] = {}
    for rng, size in batches(f"words {effects}", family, studies):
        planted = means(study, np.tile(effects, (size, 1)))
        responses, cell_means = simulate(family, study, planted, rng)
        found = estimate_study(study, responses, family=family, paired=paired)
        truth = cell_means @ weights_of(study).T
        codes = judge(found, margin)
        for name, wrong in _false_words(codes, truth, margin).items():
            false.setdefault(name, []).append(wrong)
    simple, main = of_kind(study, "simple"), of_kind(study, "main")
    rates = {name: np.concatenate(wrong) for name, wrong in false.items()}
    claims = rates.pop("claims")
    return {
        "in the full model": claims[:, simple].any(axis=1).mean(),
        "on average": claims[:, main].any(axis=1).mean(),
        "in either": claims[:, simple | main].any(axis=1).mean(),
    } | {name: wrong[:, simple | main].any(axis=1).mean() for name, wrong in rates.items()}


def _false_words(codes: npt.NDArray[np.int_], truth: Array, margin: float) -> dict[str, Flags]:
    result = {"claims": any_false_claim(codes, truth, margin)}
    for word in WORDS:
        named = [index for index, verdict in enumerate(VERDICTS) if _word(verdict, word) is word]
        result[str(word)] = np.isin(codes, named) & is_false(word, truth, margin)
    return result


def _word(verdict: Verdict, word: Verdict) -> Verdict:
    """Return the word for a verdict, of alternatives if `word` is one of theirs."""
    if word in (Verdict.BETTER, Verdict.WORSE):
        return OF_ALTERNATIVES.get(verdict, verdict)
    return verdict
