"""Names, texts and numbers in the form that MLflow stores them."""

from __future__ import annotations

import hashlib
import json
import math
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from ablate.store.plan import PlannedCell
from ablate.study.design import Run
from ablate.study.response import Response
from ablate.study.result import Result

# MLflow itself allows keys of 250 characters.
LONGEST_KEY, LONGEST_VALUE = 200, 2000
SIZES = ("parameters", "macs")


def params_of(planned: PlannedCell, run: Run) -> dict[str, str]:
    """The params of a run: settings, seed and levels; a level replaces a setting of its name."""
    settings = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in planned.variant.settings().items()
    }
    params = {**settings, "seed": str(run.seed), **dict(planned.cell.levels)}
    return {safe_key(key): safe_text(value) for key, value in params.items()}


def curve_names(measures: Sequence[Response]) -> frozenset[str]:
    """Names of the numbers that have a value for each epoch."""
    judged = ["loss", *(measure.name for measure in measures)]
    return frozenset(["seconds", *judged, *(f"val_{name}" for name in judged)])


def final_numbers(result: Result, *, curves: frozenset[str]) -> dict[str, float]:
    """Final responses and costs, except metrics with a curve: its last point is the final value."""
    costs = {} if result.cost is None else asdict(result.cost)
    # The size of the model of an external program is 0 where its result does not hold it.
    costs = {name: cost for name, cost in costs.items() if cost or name not in SIZES}
    numbers = finite_numbers({**result.responses, **costs})
    return {name: value for name, value in numbers.items() if name not in curves}


def safe_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags as MLflow accepts them."""
    return {safe_key(key): safe_text(value) for key, value in tags.items()}


def finite_numbers(numbers: Mapping[str, object]) -> dict[str, float]:
    """The finite numbers; MLflow would replace the others by finite ones."""
    return {
        name: float(value)
        for name, value in numbers.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }


def safe_key(name: str) -> str:
    """A name as MLflow accepts it; a name that must be changed gets a hash, to stay unique."""
    safe = re.sub(r"[^\w/.: -]", "_", name)[:LONGEST_KEY]
    normal = posixpath.normpath(safe)
    if safe == name and normal == safe and not normal.startswith(("..", "/")) and normal != ".":
        return name
    short_hash = hashlib.blake2s(name.encode("utf-8", "replace"), digest_size=4).hexdigest()
    return re.sub(r"[^\w: -]", "_", safe) + f"-{short_hash}"


def safe_text(value: str, *, longest: int = LONGEST_VALUE) -> str:
    """A text as MLflow accepts it: valid Unicode without null characters, shortened if too long."""
    text = value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
