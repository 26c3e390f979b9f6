"""The sentences of a report about components, effects and the simplest model."""

from __future__ import annotations

import math

from ablate.analysis.estimates import smallest_flip_p
from ablate.analysis.findings import (
    Analysis,
    Candidate,
    CellRate,
    Component,
    Effect,
    Pairing,
    SeedRange,
    Setting,
    Simplest,
    Verdict,
    Withheld,
)
from ablate.analysis.parts import is_alternative
from ablate.report.decisions import is_worth_asking, verdict_of
from ablate.report.wording import amount, cell_list, describe, scale_of
from ablate.study.study import Study
from ablate.wording import decimal, enumeration, p_equation, quantity

MEANINGS = {
    Verdict.NEEDED: "without the part the model is worse by {margin} or more",
    Verdict.NO_DIFFERENCE: "the difference, in either direction, is smaller than {margin}",
    Verdict.HELPS: "without the part the model is worse; whether by {margin} or more is open",
    Verdict.HARMFUL: "without the part the model is better",
    Verdict.NOT_NEEDED: "without the part the model is less than {margin} worse; it may be better",
    Verdict.UNDECIDED: "none of these was shown, which does not mean that the part has no effect",
    Verdict.BETTER: "of two alternatives, the first is better",
    Verdict.WORSE: "of two alternatives, the first is worse",
}
LARGER = 1.05
"""Multiple of the full model's parameters above which a model with fewer parts is a larger one."""
REASONS = {
    Withheld.MISSING_CELLS: "cells have no complete run",
    Withheld.TOO_FEW_SEEDS: "fewer than three seeds",
    Withheld.REFERENCE_DID_NOT_LEARN: "the full model did not learn",
    Withheld.CONFUSED: "the design confuses it with interactions",
    Withheld.RUNS_DID_NOT_LEARN: "some runs did not learn",
    Withheld.INTERACTION: "it depends on another part",
}
OPEN = {
    Verdict.HELPS: "; whether by the margin is open",
    Verdict.NOT_NEEDED: "; whether removing it improves is open",
}


def verdict_meanings(margin: str) -> dict[Verdict, str]:
    """Return what each verdict means, as sentences.

    Args:
        margin: The margin with its unit.
    """
    return {
        verdict: f"{text[0].upper()}{text[1:].format(margin=margin)}."
        for verdict, text in MEANINGS.items()
    }


def component_sentence(component: Component, study: Study) -> str:
    """Return what is claimed about a component, at the margin of the study."""
    subject = _subject(component, study)
    if component.full is None and component.average is None:
        return _unestimated_sentence(component, study)
    claims = []
    if component.full is not None:
        claims.append(_claim(component.full, study, "in the full model"))
    if component.average is not None and (component.full is None or len(study.factors) > 1):
        claims.append(_claim(component.average, study, "on average over the other factors"))
    margin = f"margin {amount(study, study.margin)}"
    return " ".join([f"{subject}: {'; '.join(claims)}; {margin}.", *_settings(component, study)])


def simplest_text(analysis: Analysis) -> str:
    """Return the sentence about a simpler model; empty where there is none."""
    simplest, study = analysis.simplest, analysis.study
    if simplest is None:
        return ""
    lacking = [item for item in analysis.components if simplest.levels[item.factor] == item.level]
    judged = any(verdict_of(item) is not None for item in lacking)
    return simplest_sentence(simplest, study, judged=judged)


def simplest_sentence(simplest: Simplest, study: Study, *, judged: bool = True) -> str:
    """Return the answer to the question for a simpler model.

    Args:
        simplest: The simplest model that does the job.
        study: The study.
        judged: Whether there is a verdict on a part that it lacks.
    """
    margin = amount(study, study.margin)
    if simplest.levels != study.reference:
        moved = [name for name, level in simplest.levels.items() if level != study.reference[name]]
        if not judged and len(moved) > 1:
            return (
                f"One thing is shown: [{describe(study, simplest.levels)}] "
                f"{_test_text(simplest, study)} What each of {enumeration(moved)} does alone is "
                f"open."
            )
        return _passed_sentence(simplest, study)
    if not simplest.tested or simplest.candidate is None:
        return (
            f"No simpler model could be tested: a test needs three or more complete runs of the "
            f"full model and of a simpler one (margin {margin})."
        )
    return _candidate_sentence(simplest.candidate, study)


def no_answer_sentence(failed: CellRate, study: Study) -> str:
    """Return why there is no answer, and what to change."""
    return (
        f"No answer: the full model itself did not learn ({failed.failed} of "
        f"{quantity(failed.runs, 'run')} at the score of guessing). Train it with more epochs or "
        f"another learning rate until it beats guessing, then repeat the study."
    )


def seed_range_text(seeds: SeedRange) -> str:
    """Return how many further seeds would likely decide, such as ``3 to 8 more seeds``."""
    if seeds.low == seeds.high:
        return quantity(seeds.low, "more seed")
    return f"{seeds.low} to {seeds.high} more seeds"


def size_text(parameters: float, macs: float) -> str:
    """Return the size of a model against the full model's; empty where unknown."""
    known = [
        (multiple, noun)
        for multiple, noun in ((parameters, "parameters"), (macs, "multiply-accumulates"))
        if math.isfinite(multiple)
    ]
    if known and all(multiple == 1 for multiple, _ in known):
        return "the size of the full model"
    texts = [f"{multiple_text(multiple)} the {noun}" for multiple, noun in known]
    return f"{' and '.join(texts)} of the full model" if texts else ""


def multiple_text(multiple: float) -> str:
    """Return a multiple of the full model's, such as ``6.0 times`` or ``0.16 times``."""
    return f"{decimal(multiple, 2 if multiple < 0.995 else 1)} times"


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
    if reference == "present" and not is_alternative(component.level):
        return component.factor
    return f"{component.factor}={reference} (against {component.level})"


def _claim(effect: Effect, study: Study, where: str) -> str:
    if math.isnan(effect.estimate):
        return f"no verdict {where} ({effect_method(effect, study)})"
    estimate = amount(study, effect.estimate, sign=True)
    numbers = f"{estimate}, {interval_text(effect.low, effect.high, study=study)}"
    observations = quantity(effect.n, "seed" if effect.paired else "run")
    numbers = f"({'; '.join(filter(None, (numbers, holm_text(effect), observations)))})"
    if effect.withheld is not None:
        return f"no verdict {where} {numbers}, since {withheld_reason(effect)}"
    verdict = effect.verdict or Verdict.UNDECIDED
    return f"{verdict} {where} {numbers}{OPEN.get(verdict, '')}"


def withheld_reason(effect: Effect) -> str:
    """Return why there is no verdict on an effect, in a few words; empty if there is one."""
    if effect.withheld is Withheld.CONFUSED:
        return f"the combinations that were run mix it with {confused_text(effect)}"
    return REASONS[effect.withheld] if effect.withheld is not None else ""


def confused_text(effect: Effect) -> str:
    """Return what an effect is confused with, interactions with a cross between their parts."""
    return enumeration([name.replace(":", " × ") for name in effect.confused_with])


def holm_text(effect: Effect) -> str:
    """Return why an effect is undecided though its interval excludes 0; else empty."""
    excludes_zero = effect.low > 0 or effect.high < 0
    if effect.verdict is not Verdict.UNDECIDED or not excludes_zero:
        return ""
    p, side = p_equation(effect.p_adjusted), "worse" if effect.estimate > 0 else "better"
    likely = f"likely {side} without, but not certain when several parts are tested"
    return f"{likely}: {p} after Holm's correction"


def interval_text(low: float, high: float, *, study: Study) -> str:
    """Return an interval of differences for a sentence."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return "no interval"
    return f"95 % interval {' to '.join(scale_of(study).signed_ends(low, high))}"


def _settings(component: Component, study: Study) -> list[str]:
    """Return the sentence about the effect at each setting of the other parts, if there are any."""
    if not component.settings:
        return []
    texts = [setting_text(setting, study) for setting in component.settings]
    return [f"By setting: {'; '.join(texts)}."]


def setting_text(setting: Setting, study: Study) -> str:
    """Return a part's effect at one setting of other parts."""
    where = " and ".join(f"{factor} is {level}" for factor, level in setting.where)
    failed = (
        f"; {setting.failed} of {quantity(setting.runs, 'run')} there did not learn"
        if setting.failed
        else ""
    )
    estimate = amount(study, setting.estimate, sign=True)
    interval = interval_text(setting.low, setting.high, study=study)
    return f"{estimate} ({interval}{failed}) where {where}"


def _unestimated_sentence(component: Component, study: Study) -> str:
    subject = _subject(component, study)
    if not component.settings:
        return f"{subject}: not estimable, since no two cells differ in it alone."
    return " ".join(
        [
            f"{subject}: not estimable from the full model, since it was switched only in other "
            f"models.",
            *_settings(component, study),
        ]
    )


def _passed_sentence(simplest: Simplest, study: Study) -> str:
    size = size_text(simplest.parameters, simplest.macs)
    name = describe(study, simplest.levels)
    found = f"The simplest model that does the job: {name}{f', with {size}' if size else ''}."
    if simplest.parameters > LARGER:
        found = f"A model with fewer parts does the job, but with {size}: {name}."
    return f"{found} It {_test_text(simplest, study)}"


def _test_text(simplest: Simplest, study: Study) -> str:
    """How a model that does the job compares with the full model, and what the test rules out."""
    loss, margin = simplest.loss, amount(study, study.margin)
    change = (
        "as good as"
        if loss == 0
        else f"{amount(study, abs(loss))} {'worse' if loss > 0 else 'better'} than"
    )
    facts = []
    if math.isfinite(simplest.low) and math.isfinite(simplest.high):
        facts.append(" to ".join(scale_of(study).signed_ends(-simplest.high, -simplest.low)))
    if 0 < simplest.n < study.replicates:
        facts.append(f"{simplest.n} seeds")
    shown = f" ({'; '.join(facts)})" if facts else ""
    return (
        f"scored {change} the full model{shown}; a loss of "
        f"{margin} or more is ruled out ({p_equation(simplest.p)}, after Holm's correction over "
        f"{quantity(simplest.tested, 'simpler model')})."
    )


def _candidate_sentence(candidate: Candidate, study: Study) -> str:
    size = size_text(candidate.parameters, candidate.macs)
    change = f"{amount(study, -candidate.loss, sign=True)} against the full model"
    interval = interval_text(-candidate.high, -candidate.low, study=study)
    seeds = (
        f" {seed_range_text(candidate.further)} would likely show it."
        if is_worth_asking(candidate.further)
        else ""
    )
    facts = "; ".join(filter(None, (f"{change}, {interval}", size)))
    margin, name = amount(study, study.margin), describe(study, candidate.levels)
    if candidate.low >= study.margin:
        return f"No simpler model does the job: the closest, {name}, loses too much ({facts})."
    return (
        f"No simpler model is shown yet to be less than {margin} worse than the full model. The "
        f"best candidate: {name} ({facts}).{seeds}"
    )
