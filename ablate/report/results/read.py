"""A table of results as a study with its runs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from ablate.analysis.measurements import refuse_lone_seeds
from ablate.errors import RequestError
from ablate.report.results.epochs import last_epochs
from ablate.report.results.exports import statuses, with_requested_names
from ablate.report.results.frames import as_text
from ablate.report.results.keras_tuner import read_trials
from ablate.report.results.levels import (
    Seeds,
    guessed_reference,
    read_factor,
    read_levels,
    read_seeds,
)
from ablate.report.results.numbers import parse_number, parse_response
from ablate.report.results.request import Request
from ablate.report.results.scale import check_chance, default_margin, response_of
from ablate.report.results.text_file import read_table
from ablate.study.design import Cell
from ablate.study.record import COSTS, OWN_COLUMNS, RESERVED, StudyRecord
from ablate.study.result import Status
from ablate.study.study import Study
from ablate.wording import first_few, quantity

MOST_CELLS = 1024
"""Combinations of levels, as ten factors of two levels have; their report takes a minute."""
MOST_LABELS = 6
"""Labels of seeds that a note names."""


@dataclass(frozen=True, slots=True)
class Results:
    """The results of another program, read as a study.

    Attributes:
        study: The study.
        runs: A row a run, with the columns of `StudyRecord.runs`.
        guessed_reference: Factors whose reference level is only the first in the file.
        notes: What was read otherwise than it stands, a sentence each.
    """

    study: Study
    runs: pd.DataFrame
    guessed_reference: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def _read_file(request: Request) -> pd.DataFrame:
    """The table at the path of a request, as text.

    Raises:
        RequestError: It cannot be read.
    """
    path = Path(os.path.expanduser(request.runs))
    if os.path.isdir(path):
        return read_trials(path)
    return read_table(path, request.columns)


def read_frame(frame: pd.DataFrame, request: Request) -> Results:
    """The study that a pandas table holds, and its runs; see `read_results`.

    Args:
        frame: A row a run or an epoch, of any types.
        request: What to read; its `runs` is what messages call the table.

    Raises:
        RequestError: The table does not have what the request needs.
    """
    if len(frame) == 0:
        raise RequestError(f"Expected one row for each run in {request.runs}; received no row.")
    return read_results(request, as_text(frame))


def read_results(request: Request, table: pd.DataFrame | None = None) -> Results:
    """The study that a table of results holds, and its runs.

    Levels are the words of the table. The reference level is the one requested, else ``present``,
    else the first in the table. A column of states, the column `error` and those of costs are used
    if the table has them; without states every row is a complete run.

    Args:
        request: What to read.
        table: The table as text, its index the number of each row; None to read the file.

    Raises:
        RequestError: The table does not have what the request needs.
    """
    _check_columns(request)
    table = _read_file(request) if table is None else table
    table = with_requested_names(table, request.columns, source=request.runs)
    status = statuses(table, but=request.columns)
    _refuse_no_complete(status, request)
    table, left_out = _with_levels(table, status, request)
    table, of_epochs = last_epochs(table, request=request)
    status = status.loc[table.index]
    levels = pd.DataFrame({name: read_levels(table[name]) for name in request.factors})
    complete = status == Status.COMPLETE
    seeds = read_seeds(table, complete, request=request)
    runs = _run_table(table, levels, status=status, seeds=seeds, request=request)
    study = _study(request, levels, runs)
    named = runs.assign(seed=seeds.labels.where(seeds.labels != ""))
    refuse_lone_seeds(named[complete], study)
    if request.chance is not None:
        check_chance(request.chance, study.response, values=runs[request.response].dropna())
    return Results(
        study=study,
        runs=runs.reset_index(drop=True),
        guessed_reference=guessed_reference(request, study.factors),
        notes=tuple(filter(None, (left_out, of_epochs, _empty_note(table, levels), _names(seeds)))),
    )


def record_of(results: Results, request: Request) -> StudyRecord:
    """The results of another program with what is known of them besides."""
    notes = {"runs were read": " ".join(results.notes)} if results.notes else {}
    return StudyRecord(
        results.study,
        results.runs,
        provenance={"runs": request.source, **notes},
        chance=request.chance,
        guessed_reference=results.guessed_reference,
    )


def _check_columns(request: Request) -> None:
    """Check that the columns asked for can have their names in the tables of a report."""
    for name, count in Counter(request.factors).items():
        if count > 1:
            raise RequestError(f"Expected every factor once; received {name!r} {count} times.")
    for name in request.factors:
        if name in RESERVED or name in (request.response, request.seed):
            raise RequestError(
                f"Expected a factor's column not to be called {name!r}, which reports use for "
                f"something else; rename it in {request.runs}."
            )
    if request.response in OWN_COLUMNS or request.response == request.seed:
        raise RequestError(
            f"Expected as response a column that holds a measured number; received "
            f"{request.response!r}, which reports use for something else."
        )


def _refuse_no_complete(status: pd.Series, request: Request) -> None:
    if not (status == Status.COMPLETE).any():
        found = [f"{count} {word}" for word, count in status.value_counts().items()]
        raise RequestError(
            f"Expected one or more complete runs in {request.runs}; received {len(status)} rows, "
            f"none with status {Status.COMPLETE}: {first_few(found, most=MOST_LABELS)}."
        )


def _with_levels(
    table: pd.DataFrame, status: pd.Series, request: Request
) -> tuple[pd.DataFrame, str]:
    """The rows that are runs of a cell, and a sentence about others.

    A row without any level and response is none, such as MLflow's parent of other runs. Nor can a
    run that failed before its levels were recorded be counted in a cell.
    """
    empty = table[list(request.factors)] == ""
    complete = status == Status.COMPLETE
    no_run = empty.all(axis=1) & ((table[request.response] == "") | ~complete)
    usual = empty[complete & ~no_run].any()
    lost = ~complete & (empty & ~usual).any(axis=1)
    left_out = no_run | lost
    if not left_out.any() or left_out.all():
        return table, ""
    rows = ", ".join(map(str, table.index[left_out][:MOST_LABELS]))
    more = ", ..." if left_out.sum() > MOST_LABELS else ""
    return table[~left_out], (
        f"{quantity(int(left_out.sum()), 'row')} of {request.runs} without levels left out: row "
        f"{rows}{more}."
    )


def _run_table(
    table: pd.DataFrame,
    levels: pd.DataFrame,
    *,
    status: pd.Series,
    seeds: Seeds,
    request: Request,
) -> pd.DataFrame:
    costs = [name for name in COSTS if name in table and name != request.response]
    response = parse_response(
        table[request.response], status == Status.COMPLETE, source=request.runs
    )
    return pd.DataFrame(
        {
            "cell": [cell.slug for cell in _cells(levels)],
            **levels,
            "seed": seeds.numbers,
            "status": status,
            "error": table.get("error", ""),
            request.response: response,
            **{name: table[name].map(parse_number).astype(float) for name in costs},
        }
    )


def _study(request: Request, levels: pd.DataFrame, runs: pd.DataFrame) -> Study:
    values = runs[request.response]
    study = Study(
        name=request.name,
        factors=tuple(read_factor(name, levels[name], request=request) for name in request.factors),
        replicates=int(runs["cell"].value_counts().max()),
        margin=request.margin or default_margin(request.response, values),
        responses=(response_of(request.response, values, direction=request.direction),),
        question=f"Which of {', '.join(request.factors)} matter for {request.response}?",
    )
    cells = _cells(levels)
    if (count := len(set(cells))) > MOST_CELLS:
        raise RequestError(
            f"Expected at most {MOST_CELLS:,} combinations of levels, which a report compares; "
            f"{request.runs} has {count:,}. Name fewer factors."
        )
    return replace(study, **_design(study, cells))


def _cells(levels: pd.DataFrame) -> list[Cell]:
    """The cell of every row."""
    rows = levels.itertuples(index=False, name=None)
    return [Cell(tuple(zip(levels.columns, row, strict=True))) for row in rows]


def _design(study: Study, cells: Sequence[Cell]) -> dict[str, Any]:
    """The design of the file: a full factorial, else a list of its cells.

    A list must hold the full model; without it the design stays the full factorial, whose other
    cells are missing.
    """
    found = list(dict.fromkeys(cells))
    holds_reference = any(study.is_reference(cell.levels) for cell in found)
    if not holds_reference or study.combinations == len(found):
        return {}
    return {"design": "cells", "cells": tuple(cell.levels for cell in found)}


def _empty_note(table: pd.DataFrame, levels: pd.DataFrame) -> str:
    found = {
        name: levels[name][table[name] == ""].iloc[0]
        for name in levels.columns
        if (table[name] == "").any()
    }
    words = ", ".join(f"{name}={level}" for name, level in found.items())
    return f"Empty cells are read as {words}." if words else ""


def _names(seeds: Seeds) -> str:
    if not seeds.names:
        return ""
    named = [f"{label} = {number}" for number, label in enumerate(seeds.names)]
    return f"Labels that pair runs: {first_few(named, most=MOST_LABELS)}."
