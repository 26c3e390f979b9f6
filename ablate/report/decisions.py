"""What decides on each part: its effect, its verdict, and the seeds that would settle it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

from ablate.analysis.findings import Analysis, Component, Effect, SeedRange, Verdict

MOST_WORTH_ASKING = 100
"""Further seeds above which a report says only that there may be more."""


def decisive_effect(component: Component) -> Effect | None:
    """The effect that answers for a part: in the full model, else on average."""
    return component.full or component.average


def verdict_of(component: Component) -> Verdict | None:
    """The verdict that answers for a part; None where there is none."""
    effect = decisive_effect(component)
    return None if effect is None else effect.verdict


def answered_components(analysis: Analysis) -> tuple[Component, ...]:
    """The parts of the question: controls, which change nothing, are none of them."""
    controls = set(analysis.study.controls)
    return tuple(item for item in analysis.components if item.factor not in controls)


def best_level(group: Sequence[Component]) -> str:
    """The level of a factor that is furthest above the full model's."""

    def estimate(component: Component) -> float:
        effect = decisive_effect(component)
        return 0.0 if effect is None else effect.estimate

    return min(group, key=estimate).level


def is_worth_asking(seeds: SeedRange | None) -> TypeGuard[SeedRange]:
    """Whether a number of further seeds is known, and small enough to ask for."""
    return seeds is not None and seeds.high <= MOST_WORTH_ASKING


def seeds_to_decide(components: Sequence[Component]) -> SeedRange | None:
    """Further seeds that would likely decide all of some parts; None if unknown for one of them."""
    known = [component.further for component in components if component.further is not None]
    if not known or len(known) < len(components):
        return None
    return SeedRange.for_all(known)
