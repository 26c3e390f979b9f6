"""What is claimed of each part of the model, in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ablate.analysis.contrasts import Contrast, component_names
from ablate.analysis.estimates import ALPHA, Estimates
from ablate.analysis.findings import Component, Effect, Verdict
from ablate.analysis.power import further_seeds
from ablate.analysis.wording import amount, count, interval
from ablate.study import Study

Key = tuple[str, str]
DECIDED_ON_AVERAGE = {
    Verdict.NEEDED: "needed",
    Verdict.NOT_NEEDED: "not needed",
    Verdict.HARMFUL: "harmful",
}


def components_of(
    study: Study, contrasts: Sequence[Contrast], found: Estimates, effects: Sequence[Effect]
) -> tuple[Component, ...]:
    """A component for every factor, and for every further level of a factor with more than two."""
    by_name: dict[Key, Effect] = {(effect.kind, effect.name): effect for effect in effects}
    more = {
        (contrast.kind, contrast.name): _seeds_to_decide(
            study, found, place, sum(other.kind == contrast.kind for other in contrasts)
        )
        for place, contrast in enumerate(contrasts)
        if contrast.kind != "interaction"
    }
    components = []
    for move, name in component_names(study).items():
        full, average = by_name.get(("simple", name)), by_name.get(("main", name))
        if full is None and average is None:
            continue
        open_questions = [
            more[effect.kind, name]
            for effect in (full, average)
            if effect is not None and effect.verdict is Verdict.UNDECIDED
        ]
        known = [number for number in open_questions if number is not None]
        components.append(
            Component(
                name=name,
                full=full,
                average=average,
                sentence=_sentence(study, move, full, average, _interactions(contrasts, effects)),
                further_seeds=max(known) if known else None,
            )
        )
    return tuple(components)


def _seeds_to_decide(study: Study, found: Estimates, place: int, components: int) -> int | None:
    return further_seeds(
        float(found.estimate[place]),
        float(found.error[place]),
        float(found.df[place]),
        n=int(found.n[place]),
        margin=study.margin,
        components=components,
    )


def _interactions(
    contrasts: Sequence[Contrast], effects: Sequence[Effect]
) -> list[tuple[Contrast, Effect]]:
    return [
        (contrast, effect)
        for contrast, effect in zip(contrasts, effects, strict=True)
        if contrast.kind == "interaction" and len(contrast.moves) == 2
    ]


def _sentence(
    study: Study,
    move: Key,
    full: Effect | None,
    average: Effect | None,
    interactions: Sequence[tuple[Contrast, Effect]],
) -> str:
    subject, without = _subject(study, move)
    same = full is not None and average is not None and len(study.factors) == 1
    parts = []
    if full is not None:
        parts.append(f"{_claim(study, full)} in the full model ({_evidence(study, full)})")
    if average is not None and not same:
        where = "on average over the other factors"
        parts.append(f"{_claim(study, average)} {where} ({_evidence(study, average)})")
    sentence = f"{subject} is {', and '.join(parts)}; the effect is what {without} loses."
    if full is not None and average is not None:
        reason = _why_they_differ(study, move, full, average, interactions)
        return f"{sentence} {reason}".rstrip()
    return sentence


def _subject(study: Study, move: Key) -> tuple[str, str]:
    """The component and what takes it away, in words."""
    factor, level = move
    reference = study.reference[factor]
    if (reference, level) == ("present", "absent"):
        return factor, f"the model without {factor}"
    return f"{factor}={reference} (against {level})", f"the model with {factor}={level}"


def _claim(study: Study, effect: Effect) -> str:
    if effect.verdict is Verdict.NOT_NEEDED:
        return f"not needed at a margin of {amount(study, study.margin)}"
    return str(effect.verdict)


def _evidence(study: Study, effect: Effect) -> str:
    if effect.estimate != effect.estimate:
        return effect.method
    shown = f"{amount(study, effect.estimate, signed=True)}"
    limits = interval(study, effect.low, effect.high)
    doubt = ""
    if effect.verdict is Verdict.UNDECIDED and (effect.low > 0 or effect.high < 0):
        doubt = f", but p = {effect.p_adjusted:.2g} after Holm's correction is above {ALPHA}"
    unit = "seed" if effect.method.startswith("paired") else "run"
    return f"{shown}, {limits}, {count(effect.n, unit)}{doubt}"


def _why_they_differ(
    study: Study,
    move: Key,
    full: Effect,
    average: Effect,
    interactions: Sequence[tuple[Contrast, Effect]],
) -> str:
    """Names the interaction behind two decided verdicts that differ."""
    decided = {full.verdict, average.verdict} <= set(DECIDED_ON_AVERAGE)
    own = [pair for pair in interactions if move in pair[0].moves and pair[1].estimate is not None]
    own = [pair for pair in own if pair[1].estimate == pair[1].estimate]
    if not decided or full.verdict is average.verdict or not own:
        return ""
    # The full model differs from the average by the sum of its interactions: the one that pulls
    # the most in that direction is the reason.
    pull = 1.0 if full.estimate > average.estimate else -1.0
    contrast, strongest = max(own, key=lambda pair: pull * pair[1].estimate)
    if pull * strongest.estimate <= 0:
        return ""
    other, level = next(pair for pair in contrast.moves if pair != move)
    at_reference = average.estimate + strongest.estimate
    away = average.estimate - strongest.estimate
    places = {at_reference: study.reference[other], away: level}
    most, least = max(places, key=abs), min(places, key=abs)
    how = "only" if abs(least) < study.margin <= abs(most) else "more"
    sure = "" if strongest.p_adjusted <= ALPHA else ", itself not certain"
    return (
        f"{move[0]} matters {how} where {_where(other, places[most])} "
        f"({amount(study, most, signed=True)} against {amount(study, least, signed=True)}): "
        f"interaction {strongest.name} {amount(study, strongest.estimate, signed=True)}{sure}."
    )


def _where(factor: str, level: str) -> str:
    return f"{factor} is {level}"


def verdict_counts(components: Sequence[Component]) -> Mapping[Verdict, int]:
    """How many components have each verdict in the full model, or else on average."""
    counts = dict.fromkeys(Verdict, 0)
    for component in components:
        effect = component.full or component.average
        if effect is not None and effect.verdict is not None:
            counts[effect.verdict] += 1
    return counts
