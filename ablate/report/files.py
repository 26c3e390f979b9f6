"""The report's files for programs: CSV and JSON, numbers with all their digits."""

from __future__ import annotations

import csv
import io
import json
import math
import numbers
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from ablate import __version__
from ablate.analysis.findings import Analysis, Component, Effect, Simplest
from ablate.report.cells import records
from ablate.report.sentences import (
    component_sentence,
    effect_method,
    no_answer_sentence,
    simplest_text,
)
from ablate.report.warning_texts import warning_texts
from ablate.study.record import (
    CELL_COSTS,
    COSTS,
    DIFFERENCE,
    EFFECT_COLUMNS,
    WHOLE_NUMBERS,
    StudyRecord,
    interval_columns,
)
from ablate.study.study import Study

FORMULA_STARTS = tuple("=+-@＝＋－＠")
"""What a formula starts with, also in the full-width signs that East Asian spreadsheets read."""


def runs_csv(study: Study, runs: pd.DataFrame) -> str:
    """One row for each run."""
    return _csv(run_columns(study, runs), _exact(runs))


def run_columns(study: Study, runs: pd.DataFrame) -> list[str]:
    """Columns of `runs.csv`: cell, factors, seed, status, responses, costs, MLflow's run."""
    head = ["cell", *(factor.name for factor in study.factors), "seed", "status"]
    tail = [*COSTS, "mlflow_run_id"]
    responses = [response.name for response in study.responses if response.name not in tail]
    rest = [name for name in runs.columns if name not in {*head, *responses, *tail, "error"}]
    return [*head, *responses, *rest, *tail]


def cells_csv(analysis: Analysis) -> str:
    """One row for each cell."""
    study = analysis.study
    columns = [
        "cell",
        *(factor.name for factor in study.factors),
        "n",
        *(name for item in study.responses for name in interval_columns(item.name)),
        *DIFFERENCE,
        *CELL_COSTS,
    ]
    return _csv(columns, _exact(analysis.cells))


def effects_csv(analysis: Analysis) -> str:
    """One row for each effect."""
    return _csv(EFFECT_COLUMNS, [effect_row(effect) for effect in analysis.effects])


def report_json(analysis: Analysis, record: StudyRecord) -> str:
    """All of the report, with what the record knows besides the runs."""
    study, simplest = analysis.study, analysis.simplest
    content = {
        "ablate": __version__,
        "study": study.as_mapping(),
        "answer": {
            "no_answer": no_answer_sentence(analysis.no_answer, study)
            if analysis.no_answer
            else None,
            "simplest": None if simplest is None else _simplest(simplest, simplest_text(analysis)),
            "components": [_component(component, study) for component in analysis.components],
        },
        "caveats": [asdict(text) for text in warning_texts(analysis.warnings, study)],
        "smallest_detectable": analysis.smallest_detectable,
        "effects": [
            effect_row(effect) | {"method": effect_method(effect, study)}
            for effect in analysis.effects
        ],
        "cells": _exact(analysis.cells),
        "attribution": records(analysis.attribution),
        "path": records(analysis.path),
        "runs": _exact(record.runs),
        "provenance": record.provenance,
        "held_constant": record.held_constant,
        "chance": record.chance,
        "interruptions": list(record.interruptions),
        "kept": record.kept,
        "changes": list(record.changes),
    }
    return json.dumps(_json(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _component(component: Component, study: Study) -> dict[str, object]:
    return {
        "name": component.name,
        "full": component.full.verdict if component.full else None,
        "average": component.average.verdict if component.average else None,
        "sentence": component_sentence(component, study),
        "further_seeds": component.further and asdict(component.further),
        "settings": [asdict(setting) for setting in component.settings],
    }


def _simplest(simplest: Simplest, text: str) -> dict[str, object]:
    return {
        "cell": simplest.cell,
        "levels": simplest.levels,
        "sentence": text,
        "tested": simplest.tested,
        "loss": simplest.loss,
        "low": simplest.low,
        "high": simplest.high,
        "p": simplest.p,
        "parameters": simplest.parameters,
        "macs": simplest.macs,
        "candidate": simplest.candidate and asdict(simplest.candidate),
    }


def effect_row(effect: Effect) -> dict[str, object]:
    """An effect with the columns of `effects.csv`."""
    return {
        "effect": effect.name,
        **{name: getattr(effect, name) for name in EFFECT_COLUMNS[1:8]},
        "verdict": "" if effect.verdict is None else str(effect.verdict),
        "no_verdict": "" if effect.withheld is None else str(effect.withheld),
        "confused_with": "; ".join(effect.confused_with),
    }


def _exact(frame: pd.DataFrame) -> list[dict[str, object]]:
    """The rows of a frame; counts stay whole numbers in columns where a value is missing."""
    return [
        {
            key: int(value)
            if key in WHOLE_NUMBERS and isinstance(value, float) and value.is_integer()
            else value
            for key, value in row.items()
        }
        for row in records(frame)
    ]


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_field(name) for name in columns])
    for row in rows:
        writer.writerow([_field(row.get(name)) for name in columns])
    return text.getvalue()


def _field(value: object) -> str:
    """A value as a CSV field: numbers in full, missing ones empty, formulas as text.

    A spreadsheet runs text that starts like a formula; an apostrophe before it prevents that. Some
    skip what cannot be seen before it: blanks, line breaks, control and format characters. A level
    called -1 is a number to a spreadsheet too, and stays unchanged.
    """
    plain = _json(value)
    if plain is None:
        return ""
    if not isinstance(plain, str):
        return repr(plain)
    return f"'{plain}" if _starts_like_a_formula(plain) and not _is_number(plain) else plain


def _starts_like_a_formula(text: str) -> bool:
    visible = next((place for place, letter in enumerate(text) if _is_visible(letter)), len(text))
    return text[visible:].startswith(FORMULA_STARTS) or text.startswith(("\t", "\r"))


def _is_visible(letter: str) -> bool:
    """Whether a letter is neither blank nor a control or format character."""
    return unicodedata.category(letter)[0] not in "CZ"


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _json(value: Any) -> Any:
    """Plain JSON values; None for what is missing or not finite."""
    if isinstance(value, Mapping):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    if value is None or value is pd.NA or isinstance(value, bool):
        return None if value is pd.NA else value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value) if math.isfinite(value) else None
    return str(value)
