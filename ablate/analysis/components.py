"""The evidence about each part of the model, effect by effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ablate.analysis.contrasts import Contrast, component_names
from ablate.analysis.effects import Evidence, estimate_contrasts, families_of
from ablate.analysis.estimates import ALPHA
from ablate.analysis.findings import Component, Dependence, Effect, Verdict
from ablate.analysis.looks import looks_of
from ablate.analysis.power import further_seeds
from ablate.study.study import Study

Move = tuple[str, str]
"""A factor and the level that its reference level is compared with."""


def components_of(study: Study, evidence: Evidence) -> tuple[Component, ...]:
    """Return a component for every level of every factor except the reference levels.

    A component of which the design estimates no effect is left out.
    """
    effects = {(effect.kind, effect.name): effect for effect in evidence.effects}
    seeds = _seeds_to_decide(study, evidence)
    components = []
    for move, name in component_names(study).items():
        full, average = effects.get(("simple", name)), effects.get(("main", name))
        if full is None and average is None:
            continue
        components.append(
            Component(
                name=name,
                factor=move[0],
                level=move[1],
                full=full,
                average=average,
                dependence=_dependence(study, evidence, move=move, full=full, average=average),
                further_seeds=_most_seeds(seeds, full, average),
            )
        )
    return tuple(components)


def _most_seeds(seeds: Mapping[tuple[str, str], int | None], *effects: Effect | None) -> int | None:
    """Return the seeds that decide all undecided effects for which that is known."""
    needed = [
        seeds[effect.kind, effect.name]
        for effect in effects
        if effect is not None and effect.verdict is Verdict.UNDECIDED
    ]
    return max((number for number in needed if number), default=None)


def _seeds_to_decide(study: Study, evidence: Evidence) -> dict[tuple[str, str], int | None]:
    families = families_of(evidence.contrasts)
    estimates = evidence.estimates
    level = ALPHA / len(looks_of(study))
    return {
        (contrast.kind, contrast.name): further_seeds(
            float(estimates.estimate[index]),
            float(estimates.error[index]),
            df=float(estimates.df[index]),
            n=int(estimates.n[index]),
            margin=study.margin,
            levels=(level / int((families == families[index]).sum()), level),
        )
        for index, contrast in enumerate(evidence.contrasts)
        if contrast.kind != "interaction"
    }


def _dependence(
    study: Study,
    evidence: Evidence,
    *,
    move: Move,
    full: Effect | None,
    average: Effect | None,
) -> Dependence | None:
    """Return the interaction behind two verdicts that differ; None if there is none.

    If one verdict is undecided, the two may not really differ; then only a significant interaction
    is named.
    """
    if full is None or average is None or full.verdict is average.verdict:
        return None
    unsure = Verdict.UNDECIDED in (full.verdict, average.verdict)
    # The effect in the full model differs from the average effect by the interactions. The largest
    # one in the direction of that difference is the reason.
    direction = 1.0 if full.estimate > average.estimate else -1.0
    reasons = [
        (contrast, effect)
        for contrast, effect in zip(evidence.contrasts, evidence.effects, strict=True)
        if len(contrast.moves) == 2 and move in contrast.moves and direction * effect.estimate > 0
        if not unsure or effect.p_adjusted <= ALPHA
    ]
    if not reasons:
        return None
    contrast, effect = max(reasons, key=lambda reason: direction * reason[1].estimate)
    return _at_both_levels(study, evidence, move=move, contrast=contrast, interaction=effect)


def _at_both_levels(
    study: Study, evidence: Evidence, *, move: Move, contrast: Contrast, interaction: Effect
) -> Dependence:
    """Split an interaction into the effect of one part at the two levels of the other factor."""
    other, level = next(pair for pair in contrast.moves if pair != move)
    column = np.array([cell[other] for cell in evidence.measurements.cells])
    levels = (study.reference[other], level)
    # An interaction is half the difference between the effects at the two levels.
    halves = [
        replace(contrast, weights=np.where(column == name, sign * 2 * contrast.weights, 0.0))
        for name, sign in zip(levels, (1, -1), strict=True)
    ]
    effects = estimate_contrasts(study, evidence.measurements, contrasts=halves).estimate
    strong, weak = (0, 1) if abs(effects[0]) > abs(effects[1]) else (1, 0)
    return Dependence(
        interaction=interaction,
        factor=other,
        strong_level=levels[strong],
        strong_effect=float(effects[strong]),
        weak_level=levels[weak],
        weak_effect=float(effects[weak]),
    )
