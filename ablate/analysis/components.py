"""What is claimed of each part of the model, in plain words."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ablate.analysis.contrasts import Contrast, component_names
from ablate.analysis.effects import Evidence, estimate_contrasts, families_of
from ablate.analysis.estimates import ALPHA
from ablate.analysis.findings import Component, Effect, Verdict
from ablate.analysis.looks import looks_of
from ablate.analysis.power import further_seeds
from ablate.analysis.wording import amount, count, interval, p_in_words
from ablate.study.study import Study

Move = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Part:
    """A component before it is put into words."""

    move: Move
    full: Effect | None
    average: Effect | None


def components_of(study: Study, evidence: Evidence) -> tuple[Component, ...]:
    """A component for every factor, and for every further level of a factor with more than two."""
    effects = {(effect.kind, effect.name): effect for effect in evidence.effects}
    further = _seeds_to_decide(study, evidence)
    components = []
    for move, name in component_names(study).items():
        part = _Part(move, effects.get(("simple", name)), effects.get(("main", name)))
        if part.full is None and part.average is None:
            continue
        reason = _why_they_differ(study, part, evidence)
        missing = [
            further[effect.kind, name]
            for effect in (part.full, part.average)
            if effect is not None and effect.verdict is Verdict.UNDECIDED
        ]
        components.append(
            Component(
                name=name,
                full=part.full,
                average=part.average,
                sentence=f"{_claims(study, part)} {reason}".strip(),
                further_seeds=max((seeds for seeds in missing if seeds), default=None),
            )
        )
    return tuple(components)


def _seeds_to_decide(study: Study, evidence: Evidence) -> dict[tuple[str, str], int | None]:
    families = families_of(evidence.contrasts)
    found = evidence.found
    level = ALPHA / len(looks_of(study))
    return {
        (contrast.kind, contrast.name): further_seeds(
            float(found.estimate[place]),
            float(found.error[place]),
            df=float(found.df[place]),
            n=int(found.n[place]),
            margin=study.margin,
            levels=(level / int((families == families[place]).sum()), level),
        )
        for place, contrast in enumerate(evidence.contrasts)
        if contrast.kind != "interaction"
    }


def _claims(study: Study, part: _Part) -> str:
    claims = []
    if part.full is not None:
        claims.append(_claim(study, part.full, "in the full model"))
    if part.average is not None and (part.full is None or len(study.factors) > 1):
        claims.append(_claim(study, part.average, "on average over the other factors"))
    return f"{_subject(study, part.move)} is {'; '.join(claims)}."


def _subject(study: Study, move: Move) -> str:
    factor, level = move
    reference = study.reference[factor]
    if (reference, level) == ("present", "absent"):
        return factor
    return f"{factor}={reference} (against {level})"


def _claim(study: Study, effect: Effect, where: str) -> str:
    margin = f" at a margin of {amount(study, study.margin)}"
    words = f"{effect.verdict} {where}{margin if effect.verdict is Verdict.NOT_NEEDED else ''}"
    if math.isnan(effect.estimate):
        return f"{words} ({effect.method})"
    shown = f"{amount(study, effect.estimate, signed=True)}, "
    shown += interval(study, (effect.low, effect.high))
    if effect.verdict is Verdict.UNDECIDED and (effect.low > 0 or effect.high < 0):
        p = p_in_words(effect.p_adjusted)
        shown += f", but {p} after Holm's correction is above {ALPHA}"
    return f"{words} ({shown}; {count(effect.n, 'seed' if is_blocked(effect) else 'run')})"


def is_blocked(effect: Effect) -> bool:
    """Whether an effect rests on blocks."""
    return effect.method.startswith("paired")


def _why_they_differ(study: Study, part: _Part, evidence: Evidence) -> str:
    """Names the interaction behind two verdicts that differ; empty if there is none.

    Where one of them is undecided they need not differ in truth, so then only an interaction that
    is certain in itself is named.
    """
    full, average = part.full, part.average
    if full is None or average is None or full.verdict is average.verdict:
        return ""
    unsure = Verdict.UNDECIDED in (full.verdict, average.verdict)
    # The full model differs from the average by its interactions: the one that pulls the most in
    # that direction is the reason.
    pull = 1.0 if full.estimate > average.estimate else -1.0
    reasons = [
        (contrast, effect)
        for contrast, effect in zip(evidence.contrasts, evidence.effects, strict=True)
        if len(contrast.moves) == 2 and part.move in contrast.moves and pull * effect.estimate > 0
        if not unsure or effect.p_adjusted <= ALPHA
    ]
    if not reasons:
        return ""
    contrast, effect = max(reasons, key=lambda reason: pull * reason[1].estimate)
    return _told(study, part.move, contrast, effect, evidence)


def _told(study: Study, move: Move, contrast: Contrast, effect: Effect, evidence: Evidence) -> str:
    """An interaction as the effect of one part at both levels of the other."""
    other, level = next(pair for pair in contrast.moves if pair != move)
    places = np.array([cell[other] for cell in evidence.measured.cells])
    words = (study.reference[other], level)
    # An interaction is half the difference of the effects at the two levels.
    halves = [
        replace(contrast, weights=np.where(places == word, sign * 2 * contrast.weights, 0.0))
        for word, sign in zip(words, (1, -1), strict=True)
    ]
    sizes = estimate_contrasts(study, evidence.measured, contrasts=halves).estimate
    most, least = (0, 1) if abs(sizes[0]) > abs(sizes[1]) else (1, 0)
    how = "only" if abs(sizes[least]) < study.margin <= abs(sizes[most]) else "more"
    sure = "" if effect.p_adjusted <= ALPHA else ", itself not certain"
    return (
        f"{move[0]} matters {how} where {other} is {words[most]} "
        f"({amount(study, float(sizes[most]), signed=True)}; where it is {words[least]}, "
        f"{amount(study, float(sizes[least]), signed=True)}): interaction {effect.name} "
        f"{amount(study, effect.estimate, signed=True)}{sure}."
    )
