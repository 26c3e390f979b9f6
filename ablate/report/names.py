"""What a report calls components, effects and responses."""

from __future__ import annotations

from collections.abc import Mapping

from ablate.analysis import contrasts
from ablate.analysis.findings import Component
from ablate.analysis.parts import NOTHING, is_switch
from ablate.study.study import Factor, Study
from ablate.wording import one_line

NAME_LIMIT = 48
READINGS: Mapping[str, str] = {
    "simple": "in the full model",
    "main": "on average",
    "interaction": "interaction",
}


def capitalized(text: str) -> str:
    """A text for the start of a line, with its other capital letters unchanged."""
    return text[:1].upper() + text[1:]


def component_names(study: Study) -> dict[str, str]:
    """What an effect is called in a report, by the name that the analysis gives it."""
    factors = {factor.name: factor for factor in study.factors}
    return {
        name: one_line(_component_name(factors[factor], level), NAME_LIMIT)
        for (factor, level), name in contrasts.component_names(study).items()
    }


def _component_name(factor: Factor, level: str) -> str:
    if is_switch(factor):
        return factor.name
    return f"{factor.name}: {factor.reference.name} vs {level}"


def effect_name(name: str, names: Mapping[str, str]) -> str:
    """An effect's name in a report; interactions with a cross between their parts."""
    if name in names:
        return names[name]
    return " × ".join(one_line(part, NAME_LIMIT) for part in name.split(":"))


def alternatives(study: Study, component: Component) -> tuple[str, str] | None:
    """The two levels that a component compares; None if one of them is the absence of a part."""
    levels = study.reference[component.factor], component.level
    return None if NOTHING & set(levels) else levels
