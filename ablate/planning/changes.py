"""What has changed since the earlier plan of a study, and what becomes of its results."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from rich.console import Console
from rich.text import Text

from ablate.errors import RequestError
from ablate.store.identity import kind_of
from ablate.store.plan import Plan, PlannedCell
from ablate.store.state import StudyState
from ablate.study.design import Run
from ablate.wording import first_few, printable, quantity

MOST_NAMED = 3
"""Changes that an error names; the terminal lists all of them."""


def reconcile(
    state: StudyState, earlier: Plan | None, *, on_change: str, console: Console
) -> StudyState:
    """Decide which results of the earlier plan the new plan uses.

    Args:
        state: The study with the new plan.
        earlier: The plan that the study's folder holds; None if there is none.
        on_change: ``refuse``, ``rerun``, ``keep``, or ``show`` to continue without a decision.
        console: Where the changes are listed.

    Raises:
        RequestError: Finished runs no longer fit the plan, and `on_change` is ``refuse``.
    """
    if earlier is None:
        return state
    kept = {} if on_change == "rerun" else kept_results(state, earlier)
    state = keep(state, kept, changes=earlier.changes)
    unfit, lines = unusable_results(state, earlier), differences(earlier, state.plan)
    if not unfit or not lines:
        return state
    study, runs = state.plan.study.name, quantity(len(unfit), "finished run")
    console.print(f"Changed since {runs} of study {study}:")
    for line in lines:
        console.print(Text(printable(f"  {line}")), soft_wrap=True)
    if on_change == "refuse":
        raise RequestError(
            f"Expected the plan that study {study!r} was run with; {runs} would not fit this "
            f"request ({first_few(lines, most=MOST_NAMED)}). Give on_change=rerun to train them "
            f"again, on_change=keep to use them as they are, marked in the report, or another "
            f"study.name."
        )
    if on_change == "keep":
        return keep(state, {**kept, **unfit}, changes=(*earlier.changes, *lines))
    return state


def differences(earlier: Plan, plan: Plan) -> tuple[str, ...]:
    """What could make a run of one plan differ from the same run of the other, a line each.

    Seeds, levels and factors that are only added or left out are no difference.
    """
    return (
        *_settings(earlier, plan),
        *_datasets(earlier, plan),
        *_sources(earlier, plan),
    )


def unusable_results(state: StudyState, earlier: Plan) -> dict[str, str]:
    """Finished runs of the earlier plan that no run of the plan can use.

    Returns:
        Their fingerprints, by `Run.key`.
    """
    before, now = _fingerprints(earlier), _fingerprints(state.plan)
    unfit = _finished(state, before, but=set(now.values()))
    shared = {key: fingerprint for key, fingerprint in unfit.items() if key in now}
    return shared or ({} if now.keys() & before.keys() else unfit)


def kept_results(state: StudyState, earlier: Plan) -> dict[str, str]:
    """Results that the earlier plan kept and that still exist, by `Run.key`."""
    return _finished(state, earlier.kept)


def keep(state: StudyState, results: Mapping[str, str], *, changes: tuple[str, ...]) -> StudyState:
    """Let the plan use results as they are.

    Args:
        state: The study.
        results: Fingerprints by `Run.key`; those of runs that are not planned are left out.
        changes: What has changed since they were trained.
    """
    planned = _fingerprints(state.plan)
    kept = {key: fingerprint for key, fingerprint in results.items() if key in planned}
    return state.with_plan(replace(state.plan, kept=kept, changes=changes if kept else ()))


def _fingerprints(plan: Plan) -> dict[str, str]:
    """Fingerprints of all runs that a plan may ask for, by `Run.key`.

    A plan with adaptive seeds holds the seeds of its first round only.
    """
    most = plan.study.most_replicates
    return {
        Run(planned.cell, seed).key: fingerprint
        for planned in plan.cells
        for seed, fingerprint in plan.fingerprints(
            planned, planned.seeds if most is None else range(most)
        ).items()
    }


def _finished(
    state: StudyState, fingerprints: Mapping[str, str], *, but: Collection[str] = ()
) -> dict[str, str]:
    finished = {stored.fingerprint for stored in state.stored.values() if stored.settled}
    return {
        key: fingerprint
        for key, fingerprint in fingerprints.items()
        if fingerprint in finished and fingerprint not in but
    }


def _settings(earlier: Plan, plan: Plan) -> Iterator[str]:
    """Configuration keys that differ, each with the number of cells in which it does."""
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
    """The settings that can change a result; the images are compared by their fingerprint."""
    settings = planned.variant.identifying_settings()
    return {key: json.dumps(value) for key, value in settings.items()}


def _datasets(earlier: Plan, plan: Plan) -> Iterator[str]:
    if {each.dataset for each in plan.cells} - {each.dataset for each in earlier.cells}:
        yield f"images: {_describe_datasets(earlier)} -> {_describe_datasets(plan)}"


def _describe_datasets(plan: Plan) -> str:
    return " and ".join(
        f"{info.train} + {info.validation} + {info.test} of "
        f"{' x '.join(str(side) for side in info.shape)} (fingerprint {fingerprint[:8]})"
        for fingerprint, info in plan.datasets.items()
    )


def _sources(earlier: Plan, plan: Plan) -> Iterator[str]:
    if earlier.backend != plan.backend:
        yield f"backend: {earlier.backend} -> {plan.backend}"
    before = {planned.cell.slug: planned for planned in earlier.cells}
    shared = [
        (before[planned.cell.slug], planned)
        for planned in plan.cells
        if planned.cell.slug in before
    ]
    # If factors were added or renamed, no cell is in both plans: compare what both plans reach.
    codes = {(old.code, new.code) for old, new in shared} or {
        (old, new) for old in earlier.sources for new in plan.sources
    }
    lines = {
        line
        for old, new in codes
        for line in _source_lines(
            earlier.sources.get(old, {}), plan.sources.get(new, {}), additions=bool(shared)
        )
    }
    yield from sorted(lines)


def _source_lines(
    before: Mapping[str, str], now: Mapping[str, str], *, additions: bool
) -> Iterator[str]:
    if now and not before:
        yield "code: recorded in another way by an earlier version of this program"
        return
    for name in sorted({*before, *now}) if additions else sorted(before.keys() & now.keys()):
        old, new = before.get(name), now.get(name)
        kind = kind_of(name)
        if old is None or new is None:
            yield f"{kind}: {name} {'is new' if old is None else 'is no longer used'}"
        elif old != new:
            yield (
                f"{kind}: {name} was changed"
                if kind in ("code", "file")
                else f"{kind}: {name} {old} -> {new}"
            )
