"""The answer in one sentence: what to keep, what can go, and what is still open."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ablate.analysis.findings import Analysis, Component, Effect, SeedRange, Verdict
from ablate.report.cells import marked_cells
from ablate.report.names import alternatives, capitalized
from ablate.report.savings import Saving, savings_of
from ablate.report.sentences import no_answer_sentence, seed_range_text, withheld_reason
from ablate.report.wording import amount, sentence
from ablate.wording import enumeration

Words = Callable[[Analysis, Sequence[Component]], str]


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


def headline(analysis: Analysis) -> str:
    """The answer to the question of the study, in a few short sentences."""
    if analysis.no_answer is not None:
        return sentence(no_answer_sentence(analysis.no_answer, analysis.study))
    components = answered_components(analysis)
    if not components or not marked_cells(analysis) - {None}:
        return "No answer yet: no run that could answer the question is complete."
    return sentence(" ".join(_clauses(analysis, components)))


def _clauses(analysis: Analysis, components: Sequence[Component]) -> Iterator[str]:
    """One clause for each verdict, the most useful first."""
    for verdict, words in WORDS:
        chosen = [item for item in components if verdict_of(item) is verdict]
        if chosen:
            yield capitalized(words(analysis, chosen))


def _names(
    analysis: Analysis, components: Sequence[Component], *, between: str = "instead of"
) -> str:
    names = [_name(analysis, item, between=between) for item in components]
    return enumeration(names, most=len(components))


def _name(analysis: Analysis, component: Component, *, between: str = "instead of") -> str:
    """The part by its name; two alternatives by both of their names."""
    pair = alternatives(analysis.study, component)
    if pair is None:
        return component.factor
    if between == "or":
        return f"{component.factor} ({pair[0]} or {pair[1]})"
    return f"{pair[0]} {between} {pair[1]}"


def _keep(analysis: Analysis, components: Sequence[Component]) -> str:
    margin = amount(analysis.study, analysis.study.margin)
    each = ", each" if len(components) > 1 else ","
    return f"Keep {_names(analysis, components)}{each} worth {margin} or more."


def _helps(analysis: Analysis, components: Sequence[Component]) -> str:
    margin = amount(analysis.study, analysis.study.margin)
    verb = "helps" if len(components) == 1 else "help"
    return f"{_names(analysis, components)} {verb}; whether by {margin} or more is open."


def _remove(analysis: Analysis, components: Sequence[Component]) -> str:
    margin = amount(analysis.study, analysis.study.margin)
    sure = all(
        effect is not None and effect.high <= -analysis.study.margin
        for effect in map(decisive_effect, components)
    )
    size = f"by {margin} or more" if sure else f"whether by {margin} or more is open"
    each = " (each alone)" if len(components) > 1 else ""
    return f"Remove {_names(analysis, components)}{each}: the model is better without, {size}."


def _can_stay_or_go(analysis: Analysis, components: Sequence[Component]) -> str:
    """What no difference means depends on which of the two models is cheaper."""
    margin = amount(analysis.study, analysis.study.margin)
    savings = [(item, _saving(analysis, item)) for item in components]
    equal = [item for item, saving in savings if saving is None]
    clauses = [
        _cheaper(analysis, item, saving=saving, margin=margin)
        for item, saving in savings
        if saving is not None
    ]
    if equal:
        names = _names(analysis, equal, between="or")
        verb = "makes" if len(equal) == 1 else "each make"
        clauses.append(f"{names} {verb} no difference of {margin}.")
    return " ".join(map(capitalized, clauses))


def _saving(analysis: Analysis, component: Component) -> Saving | None:
    return next((item for item in savings_of(analysis, component) if item.matters), None)


def _cheaper(analysis: Analysis, component: Component, *, saving: Saving, margin: str) -> str:
    pair = alternatives(analysis.study, component)
    if pair is not None:
        cheaper = pair[0] if saving.ratio > 1 else pair[1]
        return (
            f"{pair[0]} or {pair[1]} makes no difference of {margin}: {cheaper} saves "
            f"{saving.share_saved}."
        )
    verb = "can stay: it saves" if saving.ratio > 1 else "can go: removing it saves"
    return f"{component.factor} {verb} {saving.share_saved} and makes no difference of {margin}."


def _not_needed(analysis: Analysis, components: Sequence[Component]) -> str:
    margin = amount(analysis.study, analysis.study.margin)
    verb = "is" if len(components) == 1 else "are"
    each = " (each alone)" if len(components) > 1 else ""
    return (
        f"{_names(analysis, components)}{each} {verb} not needed: removal loses less than "
        f"{margin}; whether it improves the model is open."
    )


def _better(analysis: Analysis, components: Sequence[Component]) -> str:
    return " ".join(_preferred(analysis, component, first=0) for component in components)


def _worse(analysis: Analysis, components: Sequence[Component]) -> str:
    return " ".join(_preferred(analysis, component, first=1) for component in components)


def _preferred(analysis: Analysis, component: Component, *, first: int) -> str:
    pair = alternatives(analysis.study, component) or (component.factor, component.level)
    return f"Use {pair[first]}: it is better than {pair[1 - first]} ({component.factor})."


def _undecided(analysis: Analysis, components: Sequence[Component]) -> str:
    margin = amount(analysis.study, analysis.study.margin)
    names = _names(analysis, components, between="or")
    return f"Undecided at a margin of {margin}: {names}{_more_seeds(components)}."


def _more_seeds(components: Sequence[Component]) -> str:
    seeds = seeds_to_decide(components)
    if seeds is None:
        return ""
    pronoun = "it" if len(components) == 1 else "them"
    return f"; {seed_range_text(seeds)} would likely settle {pronoun}"


def seeds_to_decide(components: Sequence[Component]) -> SeedRange | None:
    """Further seeds that would likely decide all of some parts; None if unknown for one of them."""
    known = [component.further for component in components if component.further is not None]
    if not known or len(known) < len(components):
        return None
    return SeedRange(max(seeds.low for seeds in known), max(seeds.high for seeds in known))


def _no_verdict(analysis: Analysis, components: Sequence[Component]) -> str:
    """Parts without a verdict, with the reason; where all share it, the reason comes once."""
    by_reason: dict[str, list[Component]] = {}
    for component in components:
        by_reason.setdefault(reason_of(component), []).append(component)
    return " ".join(
        f"No verdict on {_names(analysis, group)}{f', since {reason}' if reason else ''}."
        for reason, group in by_reason.items()
    )


def reason_of(component: Component) -> str:
    """Why there is no verdict on a part, in a few words; empty if there is one."""
    effect = decisive_effect(component)
    if effect is None:
        return "it was switched only in other models than the full one"
    return withheld_reason(effect)


WORDS: tuple[tuple[Verdict | None, Words], ...] = (
    (Verdict.NEEDED, _keep),
    (Verdict.BETTER, _better),
    (Verdict.WORSE, _worse),
    (Verdict.HARMFUL, _remove),
    (Verdict.NO_DIFFERENCE, _can_stay_or_go),
    (Verdict.NOT_NEEDED, _not_needed),
    (Verdict.HELPS, _helps),
    (Verdict.UNDECIDED, _undecided),
    (None, _no_verdict),
)
