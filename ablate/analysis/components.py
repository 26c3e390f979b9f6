"""The evidence about each part of the model, effect by effect."""

from __future__ import annotations

from collections.abc import Mapping

from ablate.analysis.contrasts import component_names
from ablate.analysis.effects import Evidence, families_of
from ablate.analysis.estimates import ALPHA
from ablate.analysis.findings import Component, Effect, SeedRange, Setting, Verdict, Withheld
from ablate.analysis.looks import looks_of
from ablate.analysis.parts import is_alternative
from ablate.analysis.power import Knowledge, further_seeds, seeds_beside_margin
from ablate.analysis.settings import matched_settings, settings_of
from ablate.study.study import Study

DEPENDS = {Withheld.RUNS_DID_NOT_LEARN, Withheld.INTERACTION}


def components_of(study: Study, evidence: Evidence) -> tuple[Component, ...]:
    """Return a component for every level of every factor except the reference levels."""
    effects = {(effect.kind, effect.name): effect for effect in evidence.effects}
    seeds = _seeds_to_decide(study, evidence)
    components = []
    for move, name in component_names(study).items():
        full, average = effects.get(("simple", name)), effects.get(("main", name))
        settings: tuple[Setting, ...] = ()
        if full is None and average is None:
            settings = matched_settings(study, evidence, move=move)
        elif average is not None and average.withheld in DEPENDS:
            settings = settings_of(study, evidence, move=move)
        components.append(
            Component(
                name=name,
                factor=move[0],
                level=move[1],
                full=full,
                average=average,
                settings=settings,
                further=_most_seeds(seeds, full, average),
                margin_seeds=_margin_seeds(study, full or average),
            )
        )
    return tuple(components)


def _most_seeds(
    seeds: Mapping[tuple[str, str], SeedRange | None], *effects: Effect | None
) -> SeedRange | None:
    """Return the seeds that decide all undecided effects for which that is known."""
    found = [
        seeds[effect.kind, effect.name]
        for effect in effects
        if effect is not None
        and (effect.verdict is Verdict.UNDECIDED or effect.withheld is Withheld.TOO_FEW_SEEDS)
    ]
    known = [number for number in found if number is not None]
    return SeedRange.for_all(known) if known else None


def _margin_seeds(study: Study, effect: Effect | None) -> SeedRange | None:
    """Return the seeds that show whether an effect that helps is worth the margin."""
    if effect is None or effect.verdict is not Verdict.HELPS:
        return None
    return seeds_beside_margin(
        Knowledge(effect.estimate, effect.error, effect.df, effect.n),
        margin=study.margin,
        level=ALPHA / len(looks_of(study)),
    )


def _seeds_to_decide(study: Study, evidence: Evidence) -> dict[tuple[str, str], SeedRange | None]:
    families = families_of(evidence.contrasts)
    level = ALPHA / len(looks_of(study))
    return {
        (contrast.kind, contrast.name): further_seeds(
            Knowledge(effect.estimate, effect.error, effect.df, effect.n),
            margin=study.margin,
            levels=(level / int((families == families[index]).sum()), level),
            alternatives=is_alternative(contrast.moves[0][1]),
        )
        for index, (contrast, effect) in enumerate(
            zip(evidence.contrasts, evidence.effects, strict=True)
        )
        if contrast.kind != "interaction"
    }
