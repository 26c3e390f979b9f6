"""Effects with their evidence and verdicts, from measurements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ablate.analysis.arrays import Array, Mask
from ablate.analysis.confusion import confused_effects
from ablate.analysis.contrasts import Contrast, contrasts_of
from ablate.analysis.estimates import ALPHA, Estimates, estimate
from ablate.analysis.findings import Effect, Pairing, Verdict, Withheld
from ablate.analysis.guessing import guessing_runs, reference_that_guesses
from ablate.analysis.looks import looks_of
from ablate.analysis.measurements import Measurements
from ablate.analysis.parts import is_alternative
from ablate.analysis.verdicts import FEWEST, OF_ALTERNATIVES, VERDICTS, judge
from ablate.study.design import Cell
from ablate.study.study import Study


@dataclass(frozen=True, slots=True)
class Evidence:
    """Effects and what they were computed from, all in the same order.

    Attributes:
        measurements: The complete runs.
        contrasts: The weights of each effect.
        estimates: Their estimates.
        effects: The effects with their verdicts.
        guessing: Which runs are at the score of guessing, shape `(rows, cells)`.
    """

    measurements: Measurements
    contrasts: tuple[Contrast, ...]
    estimates: Estimates
    effects: tuple[Effect, ...]
    guessing: Mask

    def failed_runs(self, weights: Array) -> int:
        """Return how many runs at the score of guessing a contrast uses."""
        return int(self.guessing[:, weights != 0].sum())


def oriented(study: Study, responses: Array) -> Array:
    """Return the first response with the sign at which more is better."""
    return responses if study.response.direction == "higher" else -responses


def families_of(contrasts: Sequence[Contrast]) -> npt.NDArray[np.int_]:
    """Return the family of each contrast for Holm's correction, shape `(contrasts,)`.

    Simple and main effects are one family, since both give verdicts on the same components;
    interactions are another. The simple and the main effect of a level of a single factor are the
    same number and are not corrected for each other.
    """
    single = len({factor for contrast in contrasts for factor, _ in contrast.moves}) == 1
    kinds = {"simple": 0, "main": 2 if single else 0, "interaction": 1}
    return np.array([kinds[contrast.kind] for contrast in contrasts], dtype=np.int_)


def estimate_contrasts(
    study: Study, measurements: Measurements, *, contrasts: Sequence[Contrast]
) -> Estimates:
    """Estimate contrasts of the first response."""
    weights = [contrast.weights for contrast in contrasts]
    return estimate(
        oriented(study, measurements.responses[study.response.name]),
        np.array(weights).reshape(-1, len(measurements.cells)),
        paired=measurements.paired,
        families=families_of(contrasts),
        looks=len(looks_of(study)),
        grid=measurements.grids[study.response.name],
    )


def effects_of(
    study: Study, measurements: Measurements, *, order: int = 2, chance: float | None = None
) -> Evidence:
    """Estimate all effects that the design allows: simple, main, interactions up to an order.

    An effect that the design allows, but for which a cell has no complete run, has NaN as its
    numbers and names the cell.

    Args:
        study: The study.
        measurements: Its complete runs.
        order: Largest number of factors in an interaction.
        chance: First response of a model that guesses; None where unknown.
    """
    contrasts = contrasts_of(study, measurements.cells, order=order)
    estimates = estimate_contrasts(study, measurements, contrasts=contrasts)
    effects = _effects(study, measurements, contrasts=contrasts, estimates=estimates)
    guessing = guessing_runs(study, measurements, chance=chance)
    evidence = Evidence(measurements, contrasts, estimates, effects, guessing)
    return replace(evidence, effects=_withhold_verdicts(study, evidence))


def _effects(
    study: Study,
    measurements: Measurements,
    *,
    contrasts: Sequence[Contrast],
    estimates: Estimates,
) -> tuple[Effect, ...]:
    """Return the effects with the verdicts of the rule, none of them withheld yet."""
    verdicts = judge(estimates, study.margin)
    looks = len(looks_of(study))
    confused = confused_effects(study, measurements.cells, contrasts=contrasts)
    return tuple(
        Effect(
            name=contrast.name,
            kind=contrast.kind,
            estimate=float(estimates.estimate[index]),
            low=float(estimates.low[index]),
            high=float(estimates.high[index]),
            p=float(estimates.p[index]),
            p_adjusted=float(estimates.p_adjusted[index]),
            n=int(estimates.n[index]),
            verdict=_verdict(contrast, VERDICTS[int(verdicts[index])]),
            pairing=_pairing(measurements, bool(estimates.paired[index])),
            error=float(estimates.error[index]),
            df=float(estimates.df[index]),
            exact=bool(estimates.exact[index]),
            looks=looks,
            missing=_missing_cells(measurements, contrast),
            confused_with=confused[index],
        )
        for index, contrast in enumerate(contrasts)
    )


def certain_interactions(
    study: Study, evidence: Evidence, *, move: tuple[str, str]
) -> list[tuple[Contrast, Effect]]:
    """Return the interactions of a component that are certain and may be worth the margin."""
    return [
        (contrast, effect)
        for contrast, effect in zip(evidence.contrasts, evidence.effects, strict=True)
        if len(contrast.moves) == 2 and move in contrast.moves and not effect.confused_with
        if effect.p_adjusted <= ALPHA and effect.n >= FEWEST
        if not -study.margin < effect.low <= effect.high < study.margin
    ]


def _verdict(contrast: Contrast, verdict: Verdict) -> Verdict | None:
    if contrast.kind == "interaction":
        return None
    ((_, level),) = contrast.moves
    return OF_ALTERNATIVES.get(verdict, verdict) if is_alternative(level) else verdict


def _withhold_verdicts(study: Study, evidence: Evidence) -> tuple[Effect, ...]:
    failed = reference_that_guesses(study, evidence.measurements, guessing=evidence.guessing)
    effects = []
    for contrast, effect in zip(evidence.contrasts, evidence.effects, strict=True):
        reason = None
        if contrast.kind != "interaction":
            reason = (
                Withheld.REFERENCE_DID_NOT_LEARN
                if failed
                else _reason(study, evidence, contrast=contrast, effect=effect)
            )
        effects.append(
            replace(effect, verdict=None, withheld=reason) if reason is not None else effect
        )
    return tuple(effects)


def _reason(
    study: Study, evidence: Evidence, *, contrast: Contrast, effect: Effect
) -> Withheld | None:
    """Return why an effect gets no verdict; None where it gets one."""
    if effect.missing:
        return Withheld.MISSING_CELLS
    if effect.n < FEWEST or not math.isfinite(effect.error):
        return Withheld.TOO_FEW_SEEDS
    if effect.confused_with:
        return Withheld.CONFUSED
    # The average of a single factor is its effect in the full model.
    if contrast.kind == "simple" or len(study.factors) == 1:
        return None
    if evidence.failed_runs(contrast.weights):
        return Withheld.RUNS_DID_NOT_LEARN
    if certain_interactions(study, evidence, move=contrast.moves[0]):
        return Withheld.INTERACTION
    return None


def _pairing(measurements: Measurements, paired: bool) -> Pairing:
    if paired:
        return Pairing.BY_SEED
    return Pairing.TOO_FEW_SHARED_SEEDS if measurements.paired else Pairing.NO_SEEDS


def _missing_cells(measurements: Measurements, contrast: Contrast) -> tuple[Cell, ...]:
    counts = measurements.counts
    needed = np.flatnonzero(contrast.weights)
    return tuple(measurements.cells[index] for index in needed if not counts[index])
