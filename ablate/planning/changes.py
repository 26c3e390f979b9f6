"""What has changed between the plan of a study and the one before it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ablate.store.folder import SETTLED, StudyFolder
from ablate.store.plan import Plan, PlannedCell


def differences(earlier: Plan, plan: Plan) -> tuple[str, ...]:
    """What could make a run of the one plan differ from that of the other, a line each.

    What is only added (seeds, levels, factors) or left out is no difference.
    """
    return (
        *_settings(earlier, plan),
        *_images(earlier, plan),
        *_sources(earlier, plan),
    )


def affected(earlier: Plan, plan: Plan, *, folder: StudyFolder) -> dict[str, str]:
    """Runs of the earlier plan that are finished and that no run of the plan can use.

    Returns:
        Their fingerprints, by ``cell/seed``.
    """
    before, now = _asked(earlier), _asked(plan)
    wanted = set(now.values())
    found = {
        place: fingerprint
        for place, fingerprint in before.items()
        if fingerprint not in wanted and _is_finished(folder, place, fingerprint)
    }
    shared = {place: fingerprint for place, fingerprint in found.items() if place in now}
    return shared or ({} if now.keys() & before.keys() else found)


def still_kept(earlier: Plan, folder: StudyFolder) -> dict[str, str]:
    """Results that the earlier plan kept and that are still there, by ``cell/seed``."""
    return {
        place: fingerprint
        for place, fingerprint in earlier.kept.items()
        if _is_finished(folder, place, fingerprint)
    }


def keeping(plan: Plan, results: Mapping[str, str], *, changes: tuple[str, ...]) -> Plan:
    """The plan, with results that it uses as they are.

    Args:
        plan: The plan.
        results: Fingerprints by ``cell/seed``; those that the plan has no run for are dropped.
        changes: What has changed since they were trained.
    """
    places = _asked(plan)
    kept = {place: fingerprint for place, fingerprint in results.items() if place in places}
    return replace(plan, kept=kept, changes=changes if kept else ())


def _asked(plan: Plan) -> dict[str, str]:
    """Fingerprints of all runs that a plan may come to ask for, by ``cell/seed``.

    That of a study with adaptive seeds begins with its first round.
    """
    most = plan.study.most_replicates
    return {
        f"{planned.cell.slug}/{seed}": plan.fingerprint(planned, seed)
        for planned in plan.cells
        for seed in (planned.seeds if most is None else range(most))
    }


def _is_finished(folder: StudyFolder, place: str, fingerprint: str) -> bool:
    slug, _, seed = place.rpartition("/")
    result = folder.run(slug, int(seed)).result()
    return result is not None and result.status in SETTLED and result.fingerprint == fingerprint


def _settings(earlier: Plan, plan: Plan) -> Iterator[str]:
    """Keys of the configuration, each with the number of cells in which it differs."""
    before = {planned.cell.slug: planned for planned in earlier.cells}
    pairs = [
        (_flat(before[planned.cell.slug]), _flat(planned))
        for planned in plan.cells
        if planned.cell.slug in before
    ]
    if not pairs:
        # Factors were added or renamed: what no cell changes can still be compared.
        old, new = earlier.held_constant(), plan.held_constant()
        shared = [key for key in old if key in new and not key.startswith("data.")]
        pairs = [({key: old[key] for key in shared}, {key: new[key] for key in shared})]
    found: dict[str, int] = {}
    for old, new in pairs:
        for key in [*old, *(key for key in new if key not in old)]:
            if old.get(key) != new.get(key):
                line = f"{key}: {old.get(key, 'not given')} -> {new.get(key, 'not given')}"
                found[line] = found.get(line, 0) + 1
    for line, cells in found.items():
        yield line if cells == len(pairs) else f"{line} (in {cells} of {len(pairs)} cells)"


def _flat(planned: PlannedCell) -> dict[str, str]:
    """The settings that can change a result; where images lie is told by their fingerprint."""
    settings = planned.variant.identifying_settings()
    return {key: json.dumps(value) for key, value in settings.items()}


def _images(earlier: Plan, plan: Plan) -> Iterator[str]:
    new = {planned.images for planned in plan.cells} - {item.images for item in earlier.cells}
    if new:
        yield f"images: {_described(earlier)} -> {_described(plan)}"


def _described(plan: Plan) -> str:
    return " and ".join(
        f"{item['train']} + {item['validation']} + {item['test']} of "
        f"{' x '.join(str(side) for side in item['shape'])} (fingerprint {fingerprint[:8]})"
        for fingerprint, item in plan.images.items()
    )


def _sources(earlier: Plan, plan: Plan) -> Iterator[str]:
    if earlier.backend != plan.backend:
        yield f"backend: {earlier.backend} -> {plan.backend}"
    for name in sorted({*earlier.sources, *plan.sources}):
        old, new = earlier.sources.get(name), plan.sources.get(name)
        if old == new:
            continue
        if old is None or new is None:
            yield f"code: {name} {'is new' if old is None else 'is gone'}"
        elif name.endswith(".py"):
            yield f"code: {name} was changed"
        else:
            yield f"library: {name} {old} -> {new}"
