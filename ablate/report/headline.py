"""The answer in one sentence: what to keep, what can go, and what is still open."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ablate.analysis.findings import Analysis, Component, Effect, Verdict, Withheld
from ablate.report.cells import marked_cells
from ablate.report.decisions import (
    MOST_WORTH_ASKING,
    answered_components,
    best_level,
    decisive_effect,
    is_worth_asking,
    seeds_to_decide,
    verdict_of,
)
from ablate.report.losses import gains_text, losses_text, size_and_ends, with_title
from ablate.report.names import alternatives, by_factor, part_names
from ablate.report.savings import Saving, savings_of
from ablate.report.sentences import (
    confused_text,
    no_answer_sentence,
    seed_range_text,
    setting_text,
    withheld_reason,
)
from ablate.report.wording import amount, cell_list, sentence
from ablate.wording import enumeration

Words = Callable[[Analysis, Sequence[Component]], str]


def headline(analysis: Analysis) -> str:
    """The answer to the question of the study, in a few short sentences."""
    if analysis.no_answer is not None:
        return sentence(no_answer_sentence(analysis.no_answer, analysis.study))
    components = answered_components(analysis)
    if not components or not marked_cells(analysis) - {None}:
        return "No answer yet: no run that could answer the question is complete."
    return sentence(with_title(analysis.study, " ".join(_clauses(analysis, components))))


def _clauses(analysis: Analysis, components: Sequence[Component]) -> Iterator[str]:
    """One clause for each verdict, the most useful first."""
    for verdict, words in WORDS:
        chosen = [item for item in components if verdict_of(item) is verdict]
        if chosen:
            yield words(analysis, chosen)


def _keep(analysis: Analysis, components: Sequence[Component]) -> str:
    names = part_names(analysis.study, components)
    lost = losses_text(analysis.study, _effects(components))
    return f"Keep {names}: without {_each(components)} {lost}; {_against_margin(analysis)}."


def _helps(analysis: Analysis, components: Sequence[Component]) -> str:
    margin = amount(analysis.study, analysis.study.margin)
    verb = "helps" if len(components) == 1 else "help"
    names = part_names(analysis.study, components)
    lost = losses_text(analysis.study, _effects(components))
    return (
        f"{names} {verb}: without {_each(components)} {lost}; whether by {margin} or more is open."
    )


def _remove(analysis: Analysis, components: Sequence[Component]) -> str:
    names = part_names(analysis.study, components)
    gained = gains_text(analysis.study, _effects(components))
    return (
        f"Remove {names}: without {_each(components)} {gained}; "
        f"{_against_margin(analysis, components)}."
    )


def _each(components: Sequence[Component]) -> str:
    return "it" if len(components) == 1 else "each alone"


def _effects(components: Sequence[Component]) -> list[Effect]:
    """The effects that answer for some parts."""
    return [effect for effect in map(decisive_effect, components) if effect is not None]


def _against_margin(analysis: Analysis, components: Sequence[Component] = ()) -> str:
    """The margin, and whether effects that are certain are worth it."""
    margin = amount(analysis.study, analysis.study.margin)
    sure = all(
        max(effect.low, -effect.high) >= analysis.study.margin for effect in _effects(components)
    )
    return f"the margin is {margin}" if sure else f"whether by {margin} or more is open"


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
    removed = [item for item in equal if alternatives(analysis.study, item) is None]
    if removed:
        verb = "makes" if len(removed) == 1 else "each make"
        names = part_names(analysis.study, removed)
        clauses.append(f"{names} {verb} no difference (less than {margin}).")
    clauses += [
        f"{_whether(analysis, group)} makes no difference (less than {margin})."
        for group in by_factor([item for item in equal if item not in removed])
    ]
    return " ".join(clauses)


def _whether(analysis: Analysis, group: Sequence[Component]) -> str:
    """The choice between the full model's level of a factor and others, as a subject."""
    factor = group[0].factor
    reference, others = analysis.study.reference[factor], [item.level for item in group]
    if len(others) == 1:
        return f"Whether {factor} is {reference} or {others[0]}"
    return f"Whether {factor} is {reference} or one of {enumeration(others, most=len(others))}"


def _saving(analysis: Analysis, component: Component) -> Saving | None:
    return next((item for item in savings_of(analysis, component) if item.matters), None)


def _cheaper(analysis: Analysis, component: Component, *, saving: Saving, margin: str) -> str:
    pair = alternatives(analysis.study, component)
    if pair is not None:
        cheaper = pair[0] if saving.ratio > 1 else pair[1]
        return (
            f"{_whether(analysis, [component])} makes no difference (less than {margin}): "
            f"{cheaper} saves {saving.share_saved}."
        )
    verb = "can stay: it saves" if saving.ratio > 1 else "can go: removing it saves"
    return (
        f"{component.factor} {verb} {saving.share_saved} and makes no difference (less than "
        f"{margin})."
    )


def _not_needed(analysis: Analysis, components: Sequence[Component]) -> str:
    margin = amount(analysis.study, analysis.study.margin)
    verb = "is" if len(components) == 1 else "are"
    each = " (each alone)" if len(components) > 1 else ""
    return (
        f"{part_names(analysis.study, components)}{each} {verb} not needed: removal loses less "
        f"than {margin}; whether it improves the model is open."
    )


def _better(analysis: Analysis, components: Sequence[Component]) -> str:
    """The full model's level is better than others of its factor."""
    return " ".join(
        f"Use {group[0].factor}={analysis.study.reference[group[0].factor]}: better than "
        f"{_levels(analysis, group)}; {_against_margin(analysis, group)}."
        for group in by_factor(components)
    )


def _worse(analysis: Analysis, components: Sequence[Component]) -> str:
    """Other levels are better than the full model's."""
    return " ".join(_use_another(analysis, group) for group in by_factor(components))


def _use_another(analysis: Analysis, group: Sequence[Component]) -> str:
    factor = group[0].factor
    reference, margin = analysis.study.reference[factor], _against_margin(analysis, group)
    sizes = [
        size_and_ends(analysis.study, -effect.estimate, low=-effect.high, high=-effect.low)
        for effect in _effects(group)
    ]
    by = enumeration(sizes, most=len(sizes))
    if len(group) == 1:
        return f"Use {factor}={group[0].level}: better than {reference} by {by}; {margin}."
    levels = enumeration([f"{factor}={item.level}" for item in group], most=len(group))
    return (
        f"{levels} are each better than {reference}, by {by}; {margin}. The best mean is that of "
        f"{factor}={best_level(group)}."
    )


def _levels(analysis: Analysis, group: Sequence[Component]) -> str:
    """Other levels, each with what is lost with it."""
    texts = [
        f"{item.level} by "
        f"{size_and_ends(analysis.study, effect.estimate, low=effect.low, high=effect.high)}"
        for item, effect in zip(group, _effects(group), strict=True)
    ]
    return enumeration(texts, most=len(texts))


def _undecided(analysis: Analysis, components: Sequence[Component]) -> str:
    margin = amount(analysis.study, analysis.study.margin)
    names = part_names(analysis.study, components)
    return f"Undecided at a margin of {margin}: {names}{_more_seeds(analysis, components)}."


def _more_seeds(analysis: Analysis, components: Sequence[Component]) -> str:
    settled = [item for item in components if is_worth_asking(item.further)]
    seeds = seeds_to_decide(settled)
    if seeds is None:
        known = [item for item in components if item.further is not None]
        return f"; more than {MOST_WORTH_ASKING} more seeds may be needed" if known else ""
    named = "it" if len(components) == 1 else "them"
    if len(settled) < len(components):
        named = part_names(analysis.study, settled)
    return f"; {seed_range_text(seeds)} would likely settle {named}"


def _no_verdict(analysis: Analysis, components: Sequence[Component]) -> str:
    """Parts without a verdict, with the reason; where all share it, the reason comes once."""
    by_reason: dict[str, list[Component]] = {}
    for component in components:
        by_reason.setdefault(_short_reason(analysis, component), []).append(component)
    return " ".join(
        f"No verdict on {part_names(analysis.study, group)}{f': {reason}' if reason else ''}"
        f"{_confusions(group)}."
        for reason, group in by_reason.items()
    )


def _short_reason(analysis: Analysis, component: Component) -> str:
    """Why there is no verdict on a part, equal for parts with the same kind of reason."""
    effect = decisive_effect(component)
    if effect is None:
        if len(component.settings) == 1:
            setting = setting_text(component.settings[0], analysis.study)
            return f"it was switched only in another model than the full one; {setting}"
        return "it was switched only in other models than the full one"
    if effect.withheld is Withheld.CONFUSED:
        run = int((analysis.cells["n"] > 0).sum())
        return (
            f"only {run} of {analysis.study.combinations} combinations were run, which mix the "
            f"effect of a part with an interaction of others: "
        )
    if effect.missing:
        return f"no run of {cell_list(analysis.study, effect.missing)} is complete"
    return withheld_reason(effect)


def _confusions(components: Sequence[Component]) -> str:
    """What each of some parts is confused with; empty if nothing is."""
    texts = [
        f"{item.factor} with {confused_text(effect)}"
        for item in components
        if (effect := decisive_effect(item)) is not None and effect.withheld is Withheld.CONFUSED
    ]
    return enumeration(texts, most=len(texts)) if texts else ""


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
