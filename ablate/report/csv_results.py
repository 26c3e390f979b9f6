"""A CSV file with the runs of any program, read as a study."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from ablate.analysis.guessing import guessing_reach
from ablate.analysis.measurements import refuse_lone_seeds
from ablate.errors import RequestError, nearest
from ablate.study.design import Cell
from ablate.study.record import COSTS, OWN_COLUMNS, RESERVED
from ablate.study.response import Direction, Response
from ablate.study.result import Status
from ablate.study.study import LARGEST, Factor, Level, Study
from ablate.wording import escaped_name

TRUTH = {"true": "present", "yes": "present", "on": "present", "y": "present"} | {
    "false": "absent",
    "no": "absent",
    "off": "absent",
    "n": "absent",
}
MARGIN = 0.01
PERCENT_MARGIN = 1.0
"""The margin of an accuracy whose values run from 0 to 100."""
LOWER = frozenset({"loss", "train_loss", "val_loss", "test_loss", *COSTS})
"""Responses of which lower is known to be better."""
DOUBTFUL = frozenset(
    {"loss", "error", "err", "mae", "mse", "rmse", "mape", "nll", "time", "seconds", "latency"}
    | {"perplexity", "ppl", "cost", "wer", "cer", "fid", "distance"}
)
"""Words in the name of a response of which lower is often better."""
FRACTIONS = ("accuracy", "iou")
"""How the name of a response ends whose values from 0 to 1 are shown in percent."""
MOST_CELLS = 1024
"""Combinations of levels, as ten factors of two levels have; their report takes a minute."""
UNITS = {"train_seconds": "seconds"}
"""The unit of a response whose name is known."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to read from a CSV file.

    Attributes:
        runs: The file, with one row for each run.
        factors: Columns that hold a level each.
        response: Column that holds the number by which a run is judged.
        name: Name of the study.
        seed: Column of the run seed, by which runs are compared in pairs; empty if there is none.
        reference: Reference level by factor, for factors whose reference is not to be guessed.
        direction: Whether ``higher`` or ``lower`` is better; None to infer it from the name of the
            response.
        margin: Difference of the response that is too small to matter; None for 0.01, or 1 for an
            accuracy in percent.
        chance: Response of a model that guesses; None where unknown.
    """

    runs: Path
    factors: tuple[str, ...]
    response: str
    name: str
    seed: str = ""
    reference: Mapping[str, Any] = field(default_factory=dict)
    direction: Direction | None = None
    margin: float | None = None
    chance: float | None = None


def read_results(request: Request) -> tuple[Study, pd.DataFrame]:
    """The study that a CSV file holds, and its run table.

    Levels are the words of the file; true, yes and on count as ``present``, their opposites as
    ``absent``. The reference level is the one requested, else ``present``, else the first in the
    file. The columns `status` and `error` and those of costs are used if the file has them; without
    `status` every row is a complete run.

    Raises:
        RequestError: The file does not have what the request needs.
    """
    table = _table(request)
    levels = pd.DataFrame({name: _words(table[name]) for name in request.factors})
    runs = _run_table(table, levels, request)
    study = Study(
        name=request.name,
        factors=tuple(_factor(name, levels[name], request) for name in request.factors),
        replicates=int(runs["cell"].value_counts().max()),
        margin=_margin(request, runs[request.response]),
        responses=(_response(request, runs[request.response]),),
        question=f"Which of {', '.join(request.factors)} matter for {request.response}?",
    )
    cells = _cells(levels)
    if (count := len(set(cells))) > MOST_CELLS:
        raise RequestError(
            f"Expected at most {MOST_CELLS:,} combinations of levels, which a report compares; "
            f"{request.runs} has {count:,}. Name fewer factors."
        )
    study = replace(study, **_design(study, cells))
    refuse_lone_seeds(runs, study)
    if request.chance is not None:
        _check_chance(request.chance, study.response, runs[request.response].dropna())
    return study, runs


def guessed_reference(request: Request, study: Study) -> tuple[str, ...]:
    """Return the factors whose reference level is only the first in the file."""
    return tuple(
        factor.name
        for factor in study.factors
        if factor.name not in request.reference and factor.reference.name != "present"
    )


def _run_table(table: pd.DataFrame, levels: pd.DataFrame, request: Request) -> pd.DataFrame:
    status = (
        table["status"].str.strip()
        if "status" in table
        else pd.Series(Status.COMPLETE.value, table.index)
    )
    complete = status == Status.COMPLETE
    if not complete.any():
        raise RequestError(
            f"Expected one or more complete runs in {request.runs}; received {len(table)} rows, "
            f"none with status {Status.COMPLETE}."
        )
    costs = [name for name in COSTS if name in table and name != request.response]
    return pd.DataFrame(
        {
            "cell": [cell.slug for cell in _cells(levels)],
            **levels,
            "seed": _seeds(table, request),
            "status": status,
            "error": table.get("error", ""),
            request.response: _numbers(table, complete, request),
            **{name: pd.to_numeric(table[name], errors="coerce").astype(float) for name in costs},
        }
    )


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
    combinations = math.prod(len(factor.levels) for factor in study.factors)
    if not holds_reference or combinations == len(found):
        return {}
    return {"design": "cells", "cells": tuple(cell.levels for cell in found)}


def _table(request: Request) -> pd.DataFrame:
    """The file as text, with every column that the request names."""
    _refuse_pipe(request.runs)
    try:
        # Open the file here: pandas would fetch a path that looks like a URL, and unpack archives.
        with request.runs.open(encoding="utf-8-sig", newline="") as file:
            table = pd.read_csv(file, dtype=str, keep_default_na=False)
            file.seek(0)
            heading = pd.read_csv(file, dtype=str, keep_default_na=False, header=None, nrows=1)
    except FileNotFoundError:
        raise RequestError(_missing_file(request.runs)) from None
    except (OSError, ValueError, MemoryError) as error:
        raise RequestError(
            f"Cannot read {request.runs} as CSV: {error}.".replace("\n", " ")
        ) from None
    _refuse_ambiguous(table, heading.iloc[0].tolist(), request)
    if table.empty:
        raise RequestError(f"Expected one row for each run in {request.runs}; received no row.")
    for name, count in Counter(request.factors).items():
        if count > 1:
            raise RequestError(f"Expected every factor once; received {name!r} {count} times.")
    wanted = (*request.factors, request.response, *((request.seed,) if request.seed else ()))
    for name in wanted:
        if name not in table.columns:
            raise RequestError(
                f"{request.runs} has no column {name!r}.{nearest(name, map(str, table.columns))}"
            )
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
    return table


def _refuse_pipe(path: Path) -> None:
    if os.path.exists(path) and not os.path.isfile(path):
        raise RequestError(
            f"Expected runs= to be a CSV file; {escaped_name(path)} is a folder, a pipe or a "
            f"device. Save the results in a file first."
        )


def _refuse_ambiguous(table: pd.DataFrame, heading: Sequence[str], request: Request) -> None:
    """Refuse a table that pandas would read in a way that its author did not mean."""
    for name, count in Counter(heading).items():
        if name and count > 1:
            raise RequestError(
                f"Expected every column of {request.runs} once; received {name!r} {count} times."
            )
    if not isinstance(table.index, pd.RangeIndex):
        raise RequestError(
            f"Expected as many values as names in every row of {request.runs}; received more "
            f"values than the {len(heading)} names."
        )


def _missing_file(path: Path) -> str:
    folder = path.parent
    others = [file.name for file in folder.glob("*.csv")] if folder.is_dir() else []
    return f"No file {path}." + (nearest(path.name, others) if others else "")


def _words(column: pd.Series) -> pd.Series:
    words = column.str.strip()
    empty = words == ""
    if empty.any():
        raise RequestError(
            f"Expected a level in every row of column {column.name!r}; row {_row(empty)} is empty."
        )
    known = {word: TRUTH.get(word.lower()) for word in words.unique()}
    if set(known.values()) in ({"present", "absent"}, {"present"}, {"absent"}) and len(
        set(known.values())
    ) == len(known):
        return words.map(known)
    return words


def _numbers(table: pd.DataFrame, complete: pd.Series, request: Request) -> pd.Series:
    """The response as numbers: finite in every complete run, NaN in others."""
    name = request.response
    values = pd.to_numeric(table[name].str.strip(), errors="coerce").astype(float)
    bad = complete & ~values.map(lambda value: abs(value) < LARGEST)
    if bad.any():
        raise RequestError(
            f"Expected a finite number below {LARGEST:g} as {name!r} of every complete run; row "
            f"{_row(bad)} of {request.runs} holds {table[name][bad].iloc[0]!r}. A run that failed "
            f"is left out, or has another status than {Status.COMPLETE} in a column `status`."
        )
    return values.where(complete)


def _row(found: pd.Series) -> int:
    """The first row found, numbered as in a spreadsheet: the heading is row 1."""
    return int(found.to_numpy().argmax()) + 2


def _factor(name: str, words: pd.Series, request: Request) -> Factor:
    seen = list(dict.fromkeys(words))
    if len(seen) < 2:
        raise RequestError(
            f"Factor {name!r} needs two or more distinct levels; {request.runs} holds only "
            f"{seen[0]!r}."
        )
    reference = "present" if "present" in seen else seen[0]
    if name in request.reference:
        reference = _requested_level(name, request.reference[name], seen)
    seen.sort(key=lambda word: word != reference)
    return Factor(name, tuple(Level(word) for word in seen))


def _requested_level(name: str, value: Any, seen: Sequence[str]) -> str:
    """The level that a request means; its value may have been read as a number or boolean."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    for word in (text, TRUTH.get(text.lower(), text)):
        if word in seen:
            return word
    if isinstance(value, int | float) and not isinstance(value, bool):
        equal = [word for word in seen if _as_number(word) == value]
        if len(equal) == 1:
            return equal[0]
    raise RequestError(f"Factor {name!r} has no level {text!r}.{nearest(text, seen)}")


def _as_number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return math.nan


def _seeds(table: pd.DataFrame, request: Request) -> pd.Series:
    if not request.seed:
        return pd.Series(pd.NA, table.index, dtype="Int64")
    words = table[request.seed].str.strip()
    bad = ~words.str.fullmatch(r"\d{1,18}(\.0+)?")
    if bad.any():
        raise RequestError(
            f"Expected a whole number of 0 or more in column {request.seed!r}; row {_row(bad)} of "
            f"{request.runs} holds {words[bad].iloc[0]!r}."
        )
    return words.str.partition(".")[0].astype("int64").astype("Int64")


def _response(request: Request, values: pd.Series) -> Response:
    """The response with its unit, which its name and its values show."""
    name = request.response
    inside = bool(values.dropna().between(0, 1).all())
    fraction = name.lower().endswith(FRACTIONS) and inside
    direction = request.direction or _direction(name)
    return Response(name, direction, "fraction" if fraction else UNITS.get(name, ""))


def _check_chance(chance: float, response: Response, values: pd.Series[float]) -> None:
    """Refuse a score of guessing that no run reaches, or that is on another scale."""
    name, lower = response.name, response.direction == "lower"
    if response.unit == "fraction" and chance >= 1:
        expected, nearest_choice = f"below 1, since {name} is a fraction", f"{chance / 100:g}"
    elif _is_percent(name, values) and chance < 1:
        expected, nearest_choice = f"in percent, as {name} is", f"{100 * chance:g}"
    else:
        best = float(values.min() if lower else values.max())
        # Runs that guess are spread around the score of guessing.
        if (best - chance if lower else chance - best) <= guessing_reach(
            chance, direction=response.direction
        ):
            return
        side, word = ("or more", "lowest") if lower else ("or less", "highest")
        expected, nearest_choice = f"{best:g} {side}, the {word} {name} of the runs", f"{best:g}"
    raise RequestError(
        f"Expected chance {expected}; received {chance:g}. Nearest choice: {nearest_choice}."
    )


def _margin(request: Request, values: pd.Series) -> float:
    if request.margin is not None:
        return request.margin
    known = values.dropna()
    return PERCENT_MARGIN if _is_percent(request.response, known) else MARGIN


def _is_percent(name: str, values: pd.Series[float]) -> bool:
    return name.lower().endswith(FRACTIONS) and bool(1 < values.max() <= 100)


def _direction(name: str) -> Direction:
    """The direction of a response that is known; one whose name shows that it may be a loss is not.

    Raises:
        RequestError: The name contains a word such as loss or error.
    """
    if name in LOWER:
        return "lower"
    words = re.split(r"[^a-z0-9]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower())
    doubtful = [word for word in words if word in DOUBTFUL]
    if doubtful:
        raise RequestError(
            f"Expected direction=lower or direction=higher for the response {name!r}, since "
            f"{doubtful[0]} is often better when it is lower; received neither."
        )
    return "higher"
