"""A study on disk as the tables that an analysis and a report read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from ablate.config.program import ProgramVariant
from ablate.store.events import Event, Resumed
from ablate.store.folder import StudyFolder, epochs_of
from ablate.store.models import kept_models
from ablate.store.plan import Plan, PlannedCell
from ablate.store.state import StudyState
from ablate.study.design import Run
from ablate.study.record import COSTS, StudyRecord
from ablate.study.response import Response
from ablate.study.result import Result, Status


def read_record(folder: StudyFolder) -> StudyRecord:
    """The record of the study that a folder holds.

    Raises:
        RequestError: No such study was run here.
    """
    return study_record(StudyState.read(folder, folder.read_plan()))


def run_table(state: StudyState) -> pd.DataFrame:
    """One row for each planned run, with the columns of `StudyRecord.runs`."""
    faults = state.faults
    rows = [
        _run_row(state, planned, run, fault=faults.get(run, ""))
        for planned, run in state.plan.runs()
    ]
    return pd.DataFrame(rows).astype({"seed": "Int64"})


def study_record(state: StudyState) -> StudyRecord:
    """Everything a report needs of a study."""
    plan = state.plan
    provenance = dict(plan.provenance)
    epochs: list[dict[str, Any]] = []
    interruptions: list[str] = []
    for _, run in plan.runs():
        events, _ = state.folder.run(run.cell.slug, run.seed).events()
        interruptions += _interruptions(run, events)
        result = state.results.get(run)
        if result is not None and result.status is Status.COMPLETE:
            provenance.update(result.provenance)
            epochs += _epoch_rows(run, events)
    return StudyRecord(
        study=plan.study,
        runs=run_table(state),
        histories=pd.DataFrame(epochs, columns=_epoch_columns(epochs)),
        provenance={
            **provenance,
            **_describe_datasets(plan),
            "command": plan.provenance.get("command", ""),
        },
        held_constant=plan.held_constant(),
        chance=_score_of_guessing(plan),
        measures=_measures(plan, epochs),
        resolution=_resolution(plan),
        interruptions=tuple(interruptions),
        changes=plan.changes,
        models=frozenset(
            planned.cell.slug
            for planned in plan.cells
            if kept_models(state.folder, planned.cell.slug)
        ),
        kept=sum(run.key in plan.kept for _, run in plan.runs()),
    )


def _run_row(state: StudyState, planned: PlannedCell, run: Run, *, fault: str) -> dict[str, Any]:
    result = state.results.get(run)
    own = {
        "cell": planned.cell.slug,
        **dict(planned.cell.levels),
        "seed": run.seed,
        "status": "missing" if result is None else str(result.status),
        "error": fault if result is None else result.error,
    }
    responses = {} if result is None else result.responses
    return {
        **own,
        # A result may hold anything: a response does not replace another column.
        **{name: value for name, value in responses.items() if name not in own},
        **_costs(result),
        **_size(planned, result),
        "mlflow_run_id": state.folder.run(planned.cell.slug, run.seed).mlflow_run_id(),
    }


def _size(planned: PlannedCell, result: Result | None) -> dict[str, int | None]:
    """The size of a model; that of an external program is known if its result holds it."""
    if not isinstance(planned.variant, ProgramVariant):
        return {"parameters": planned.parameters, "macs": planned.macs}
    costs = _costs(result)
    return {name: costs[name] or None for name in ("parameters", "macs")}


def _costs(result: Result | None) -> dict[str, Any]:
    cost = None if result is None else result.cost
    return {name: None if cost is None else getattr(cost, name) for name in COSTS}


def _epoch_rows(run: Run, events: list[Event]) -> list[dict[str, Any]]:
    own = {"cell": run.cell.slug, "seed": run.seed}
    return [
        {**own, "epoch": event.epoch, **event.numbers, "seconds": event.seconds}
        for event in epochs_of(events)
    ]


def _epoch_columns(rows: list[dict[str, Any]]) -> list[str]:
    """The columns of the table of epochs: what the journals hold, in their order."""
    found = dict.fromkeys(name for row in rows for name in row)
    return list(found) or ["cell", "seed", "epoch"]


def _interruptions(run: Run, events: list[Event]) -> Iterator[str]:
    for event in events:
        if isinstance(event, Resumed):
            skipped = "".join(f"; {fault}" for fault in event.skipped)
            how = f"resumed after epoch {event.epoch}" if event.epoch else "started again"
            yield f"{run.cell.name}, seed {run.seed} {how} ({event.cause}{skipped})"


def _score_of_guessing(plan: Plan) -> float | None:
    """The study's response of a model that ignores its input, on the data set where it is best."""
    name = plan.study.response.name
    scores = [info.guessing[name] for info in plan.datasets.values() if name in info.guessing]
    best = min if plan.study.response.direction == "lower" else max
    return best(scores) if scores else None


def _resolution(plan: Plan) -> float | None:
    """What one image is worth in the study's response; None if it is not a share of images."""
    steps = [info.steps.get(plan.study.response.name) for info in plan.datasets.values()]
    known = [step for step in steps if step is not None]
    return min(known) if known and len(known) == len(steps) else None


def _measures(plan: Plan, epochs: Sequence[Mapping[str, Any]]) -> tuple[Response, ...]:
    if plan.is_of_programs:
        return _measures_of_programs(plan, epochs)
    found = {measure.name: measure for info in plan.datasets.values() for measure in info.measures}
    return tuple(found.values())


def _measures_of_programs(plan: Plan, epochs: Sequence[Mapping[str, Any]]) -> tuple[Response, ...]:
    """The responses that have a value for each epoch, and the loss, under their names there."""
    reported = {name for row in epochs for name in row}
    judged = [
        replace(each, name=re.sub("^(train|val|test)[_./]", "", each.name))
        for each in (*plan.study.responses, Response("loss", "lower"))
    ]
    found = {each.name: each for each in judged if reported & {each.name, f"val_{each.name}"}}
    return tuple(found.values())


def _describe_datasets(plan: Plan) -> dict[str, str]:
    """How many images there are, their shape, and what was left out."""
    words = {}
    for number, info in enumerate(plan.datasets.values(), start=1):
        shape = " x ".join(str(size) for size in info.shape)
        key = "images" if len(plan.datasets) == 1 else f"images {number}"
        words[key] = (
            f"{info.train} to train, {info.validation} to validate, {info.test} to test; "
            f"{shape}; {len(info.classes)} classes"
        )
        if info.excluded:
            words[f"{key} left out"] = f"{len(info.excluded)}: {'; '.join(info.excluded)}"
    return words
