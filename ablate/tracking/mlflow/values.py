"""Names, texts and numbers in the form that MLflow stores them."""

from __future__ import annotations

import getpass
import hashlib
import json
import math
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from ablate.report.wording import describe
from ablate.store.plan import PlannedCell
from ablate.study.design import Run
from ablate.study.response import Response
from ablate.study.result import Result, Status
from ablate.study.study import SINGLE, Factor, Study

# MLflow itself allows keys of 250 characters.
LONGEST_KEY, LONGEST_VALUE = 200, 2000
SIZES = ("parameters", "macs")


def run_name(study: Study, run: Run) -> str:
    """The name of a run in MLflow's tables, such as ``no norm · seed 2``."""
    if study.name == SINGLE:
        return f"{run.cell.name} · seed {run.seed}"
    return f"{describe(study, dict(run.cell.levels))} · seed {run.seed}"


def params_of(study: Study, planned: PlannedCell, *, seed: int) -> dict[str, str]:
    """The params of a run of a cell: settings, seed and levels.

    Nothing is there twice: a level replaces a setting of its name, and the setting that it names.
    """
    named = {_named_setting(factor) for factor in study.factors}
    settings = {
        key: value for key, value in texts(planned.variant.settings()).items() if key not in named
    }
    params = {**settings, "seed": str(seed), **dict(planned.cell.levels)}
    return safe_tags(params)


def texts(settings: Mapping[str, object]) -> dict[str, str]:
    """Values as text, those that are no text as JSON."""
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in settings.items()
    }


def _named_setting(factor: Factor) -> str | None:
    """The one key that a factor switches, if its level names say the values; else None."""
    overrides = [
        (*override.lstrip("+").partition("=")[::2], level.name)
        for level in factor.levels
        for override in level.overrides
    ]
    keys = {key for key, _, _ in overrides}
    named = all(name in ("present", "absent", value.strip("'\"")) for _, value, name in overrides)
    return keys.pop() if len(keys) == 1 and named else None


def result_tags(result: Result) -> dict[str, str]:
    """What is known of a run once it has ended; `error` only of one that is not complete."""
    provenance = dict(result.provenance)
    commit, dirty = provenance.pop("git_commit", "none"), provenance.pop("git_dirty", "")
    provenance.pop("command", None)
    tags = {
        "ablate.status": str(result.status),
        "ablate.provenance": ", ".join(f"{key} {value}" for key, value in provenance.items()),
    }
    if commit != "none":
        tags |= {"mlflow.source.git.commit": commit, "mlflow.source.git.dirty": dirty}
    if result.status is not Status.COMPLETE:
        tags |= {"ablate.error": result.error, "mlflow.note.content": result.error}
    return tags


def source_tags() -> dict[str, str]:
    """MLflow's own tags of who made a run, and with what."""
    try:
        user = {"mlflow.user": getpass.getuser()}
    except (KeyError, OSError):  # a user without a name, as in some containers
        user = {}
    return {"mlflow.source.name": "ablate", "mlflow.source.type": "LOCAL", **user}


def curve_names(measures: Sequence[Response]) -> frozenset[str]:
    """Names of the numbers that have a value for each epoch."""
    judged = ["loss", *(measure.name for measure in measures)]
    return frozenset(["seconds", *judged, *(f"val_{name}" for name in judged)])


def final_numbers(result: Result, *, last: Mapping[str, float]) -> dict[str, float]:
    """Final responses and costs, except those that the end of a curve shows.

    Args:
        result: The result of the run.
        last: The last number of each curve.
    """
    costs = {} if result.cost is None else asdict(result.cost)
    # The size of the model of an external program is 0 where its result does not hold it.
    costs = {name: cost for name, cost in costs.items() if cost or name not in SIZES}
    responses = {
        name: value
        for name, value in result.responses.items()
        if last.get(name.removeprefix("train_")) != value
    }
    return finite_numbers({**responses, **costs})


def safe_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags or params as MLflow accepts them."""
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


def safe_model_name(name: str) -> str:
    """A name as MLflow accepts it for a model."""
    return safe_text(re.sub(r"[/:.%\"']", "_", name), longest=LONGEST_KEY)


def safe_text(value: str, *, longest: int = LONGEST_VALUE) -> str:
    """A text as MLflow accepts it: valid Unicode without null characters, shortened if too long."""
    text = value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
