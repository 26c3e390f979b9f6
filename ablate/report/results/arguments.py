"""The arguments that say what to read from the results of another program, checked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ablate.errors import RequestError, nearest
from ablate.fields import check_folder_name, check_number
from ablate.report.results.request import MLFLOW, Request
from ablate.study.response import Direction
from ablate.study.study import LARGEST


def request_of(values: Mapping[str, Any]) -> Request:
    """What the arguments of a report on other results ask for.

    Raises:
        RequestError: An argument is not what it should be.
    """
    factors = _factors(values["factors"])
    runs = check_word(values["runs"], "runs")
    # Not the name of the experiment alone: reports/<study>/ is the study's own report.
    own = runs if runs.startswith(MLFLOW) else Path(runs).stem
    name = check_word(values["name"], "name") if "name" in values else _folder_name(own)
    return Request(
        runs=runs,
        factors=factors,
        response=check_word(values["response"], "response"),
        name=check_folder_name(name, "name"),
        seed=check_word(values["seed"], "seed") if values.get("seed") is not None else "",
        reference=_reference(values.get("reference", {}), factors),
        direction=_direction(values["direction"]) if "direction" in values else None,
        margin=_margin(values["margin"]) if "margin" in values else None,
        chance=_chance(values["chance"]) if values.get("chance") is not None else None,
    )


def _folder_name(source: str) -> str:
    """A name for the folder of a report, of the name of a file or an experiment."""
    letters = (
        unicodedata.normalize("NFKD", source.replace("ß", "ss")).encode("ascii", "ignore").decode()
    )
    return re.sub(r"[^\w.-]+", "_", letters, flags=re.ASCII).strip("._-")[:100] or "results"


def _margin(value: object) -> float:
    return check_number(
        value,
        "margin",
        accepts=lambda margin: 0 < margin < LARGEST,
        expected="a number above 0, in the unit of the response",
    )


def _chance(value: object) -> float:
    return check_number(
        value,
        "chance",
        accepts=lambda chance: 0 <= chance < LARGEST,
        expected="the response of a model that guesses, such as 0.1 for ten classes",
    )


def _factors(value: object) -> tuple[str, ...]:
    names = value if isinstance(value, list) else [value]
    if not names:
        raise RequestError("Expected factors=[a,b], the columns to compare; received none.")
    return tuple(check_word(name, "factors") for name in names)


def _reference(value: object, factors: Sequence[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RequestError(f"Expected reference={{factor: level}}; received {value!r}.")
    for name in value:
        if str(name) not in factors:
            raise RequestError(
                f"No factor {name!r} for a reference level.{nearest(str(name), factors)}"
            )
    return {str(name): level for name, level in value.items()}


def _direction(value: object) -> Direction:
    if value == "higher" or value == "lower":
        return "higher" if value == "higher" else "lower"
    raise RequestError(f"Expected direction=higher or direction=lower; received {value!r}.")


def check_word(value: object, key: str) -> str:
    """A value that can be a name.

    Raises:
        RequestError: It is none.
    """
    if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value):
        return str(value)
    raise RequestError(f"Expected {key} to be a word; received {value!r}.")
