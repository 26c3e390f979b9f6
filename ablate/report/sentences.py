"""The sentences of a report about components, effects and the simplest model."""

from __future__ import annotations

import math

from ablate.analysis.estimates import ALPHA, smallest_flip_p
from ablate.analysis.findings import Component, Dependence, Effect, Pairing, Simplest, Verdict
from ablate.report.wording import amount, cell_list, describe, scale_of
from ablate.study.study import Study
from ablate.wording import p_equation, quantity


def component_sentence(component: Component, study: Study) -> str:
    """Return what is claimed about a component, for the top of a report."""
    claims = []
    if component.full is not None:
        claims.append(_claim(component.full, study, "in the full model"))
    if component.average is not None and (component.full is None or len(study.factors) > 1):
        claims.append(_claim(component.average, study, "on average over the other factors"))
    claim = f"{_subject(component, study)} is {'; '.join(claims)}."
    if component.dependence is None:
        return claim
    return f"{claim} {_dependence_sentence(component, component.dependence, study)}"


def simplest_sentence(simplest: Simplest, study: Study) -> str:
    """Return the answer to the question for a simpler model."""
    margin = amount(study, study.margin)
    if simplest.levels != study.reference:
        return _passed_sentence(simplest, study)
    if simplest.tested:
        return (
            f"No simpler model could be confirmed as less than {margin} worse than the full model "
            f"({simplest.tested} tested). More seeds may still confirm one."
        )
    return (
        f"No simpler model could be tested: a test needs two or more complete runs of the full "
        f"model and of a simpler one (margin {margin})."
    )


def effect_method(effect: Effect, study: Study) -> str:
    """Return how the interval and the p value of an effect were computed, in a few words."""
    if effect.missing:
        return f"not estimable: no complete run of {cell_list(study, effect.missing, most=3)}"
    if not math.isfinite(effect.error):
        return "estimate only: too few runs for an interval"
    if effect.looks == 1:
        return _single_look_method(effect)
    rounds = f"corrected for {effect.looks} looks, since seeds were added in rounds"
    return f"{_single_look_method(effect)}; {rounds}"


def _single_look_method(effect: Effect) -> str:
    if effect.pairing is Pairing.NO_SEEDS:
        return f"Welch-Satterthwaite t, df {effect.df:.1f} (runs without seeds)"
    if effect.pairing is Pairing.TOO_FEW_SHARED_SEEDS:
        reason = "fewer than two seeds in all its cells"
        return f"Welch-Satterthwaite t, df {effect.df:.1f} ({reason})"
    interval = f"paired by seed, t with {effect.n - 1} df"
    if effect.exact:
        return f"{interval}; p: exact sign-flip"
    if effect.error == 0:
        return f"{interval}; no spread, p: exact sign-flip"
    return f"{interval}; p: t (smallest sign-flip p: {smallest_flip_p(effect.n):.2g})"


def _subject(component: Component, study: Study) -> str:
    reference = study.reference[component.factor]
    if (reference, component.level) == ("present", "absent"):
        return component.factor
    return f"{component.factor}={reference} (against {component.level})"


def _claim(effect: Effect, study: Study, where: str) -> str:
    margin = f" at a margin of {amount(study, study.margin)}"
    claim = f"{effect.verdict} {where}{margin if effect.verdict is Verdict.NOT_NEEDED else ''}"
    if math.isnan(effect.estimate):
        return f"{claim} ({effect_method(effect, study)})"
    numbers = f"{amount(study, effect.estimate, sign=True)}, {_interval(effect, study)}"
    if effect.verdict is Verdict.UNDECIDED and (effect.low > 0 or effect.high < 0):
        p = p_equation(effect.p_adjusted)
        numbers += f", but {p} after Holm's correction is above {ALPHA}"
    return f"{claim} ({numbers}; {quantity(effect.n, 'seed' if effect.paired else 'run')})"


def _interval(effect: Effect, study: Study) -> str:
    if not (math.isfinite(effect.low) and math.isfinite(effect.high)):
        return "no interval"
    scale = scale_of(study)
    return f"95 % interval {scale.signed(effect.low)} to {scale.signed(effect.high)}"


def _dependence_sentence(component: Component, dependence: Dependence, study: Study) -> str:
    strong, weak = dependence.strong_effect, dependence.weak_effect
    only = abs(weak) < study.margin <= abs(strong)
    interaction = dependence.interaction
    certainty = "" if interaction.p_adjusted <= ALPHA else ", not significant by itself"
    return (
        f"{component.factor} matters {'only' if only else 'more'} where {dependence.factor} is "
        f"{dependence.strong_level} ({amount(study, strong, sign=True)}; where it is "
        f"{dependence.weak_level}, {amount(study, weak, sign=True)}): interaction "
        f"{interaction.name} {amount(study, interaction.estimate, sign=True)}{certainty}."
    )


def _passed_sentence(simplest: Simplest, study: Study) -> str:
    loss = simplest.loss
    change = (
        "as good as"
        if loss == 0
        else f"{amount(study, abs(loss))} {'worse' if loss > 0 else 'better'} than"
    )
    return (
        f"The simplest model that does the job: {describe(study, simplest.levels)}. It scored "
        f"{change} the full model; a test confirms that it is less than "
        f"{amount(study, study.margin)} worse ({p_equation(simplest.p)}, after Holm's correction "
        f"over {quantity(simplest.tested, 'simpler model')})."
    )
