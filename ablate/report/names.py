"""What a report calls components, effects and responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ablate.analysis import contrasts
from ablate.analysis.findings import Component
from ablate.analysis.parts import is_alternative, is_switch
from ablate.report.decisions import decisive_effect
from ablate.study.study import Factor, Study
from ablate.wording import enumeration, one_line

NAME_LIMIT = 48
READINGS: Mapping[str, str] = {
    "simple": "in the full model",
    "main": "on average",
    "interaction": "interaction",
}


def component_names(study: Study) -> dict[str, str]:
    """What an effect is called in a report, by the name that the analysis gives it."""
    factors = {factor.name: factor for factor in study.factors}
    return {
        name: one_line(_component_name(factors[factor], level), NAME_LIMIT)
        for (factor, level), name in contrasts.component_names(study).items()
    }


def _component_name(factor: Factor, level: str) -> str:
    if is_switch(factor) and not is_alternative(level):
        return factor.name
    return f"{factor.name}: {factor.reference.name} vs {level}"


def effect_name(name: str, names: Mapping[str, str]) -> str:
    """An effect's name in a report; interactions with a cross between their parts."""
    if name in names:
        return names[name]
    return " × ".join(one_line(part, NAME_LIMIT) for part in name.split(":"))


def alternatives(study: Study, component: Component) -> tuple[str, str] | None:
    """The two levels that a component compares; None if the other one is the absence of a part."""
    if not is_alternative(component.level):
        return None
    return study.reference[component.factor], component.level


def by_factor(components: Sequence[Component]) -> list[list[Component]]:
    """Components in groups of those of one factor, in their order."""
    groups: dict[str, list[Component]] = {}
    for component in components:
        groups.setdefault(component.factor, []).append(component)
    return list(groups.values())


def part_names(study: Study, components: Sequence[Component]) -> str:
    """Some parts for a sentence, each factor once: a part by its name, alternatives by levels.

    Such as ``residual and pressure (8500 against 8700 and 8900)``. A verdict that is only on the
    average over the other parts is marked as such.
    """
    names = [_name_of_factor(study, group) for group in by_factor(components)]
    return enumeration(names, most=len(names))


def _name_of_factor(study: Study, components: Sequence[Component]) -> str:
    factor = components[0].factor
    effects = [decisive_effect(item) for item in components]
    on_average = all(effect and effect.kind == "main" and effect.verdict for effect in effects)
    where = " on average" if on_average else ""
    if not any(is_alternative(item.level) for item in components):
        return f"{factor}{where}"
    levels = enumeration([item.level for item in components], most=len(components))
    return f"{factor} ({study.reference[factor]} against {levels}{where})"
