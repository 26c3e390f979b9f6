"""The folder of a Keras Tuner project: a row for each trial."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from ablate.errors import RequestError
from ablate.wording import error_message


def read_trials(folder: Path) -> pd.DataFrame:
    """The trials as text: hyperparameters, metrics at the best epoch, score and status.

    Raises:
        RequestError: The folder holds no trials, or one of them cannot be read.
    """
    files = sorted(folder.glob("trial_*/trial.json"))
    if not files:
        raise RequestError(
            f"Expected a CSV file, or the folder of a Keras Tuner project, which has "
            f"trial_*/trial.json; {folder} is a folder without them."
        )
    rows = [_row(file) for file in files]
    table = pd.DataFrame(rows, dtype=object).fillna("").astype(str)
    return table.set_axis(range(1, len(table) + 1), axis=0)


def _row(file: Path) -> dict[str, str]:
    try:
        trial = json.loads(file.read_text(encoding="utf-8"))
        metrics = trial["metrics"]["metrics"]
        row = {
            **{str(key): value for key, value in trial["hyperparameters"]["values"].items()},
            **{str(key): _value(metrics[key], trial["best_step"]) for key in metrics},
            "trial_id": trial["trial_id"],
            "score": trial["score"],
            "status": trial["status"],
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise RequestError(
            f"Cannot read {file} as a trial of Keras Tuner: {error_message(error)}."
        ) from None
    return {key: "" if value is None else str(value) for key, value in row.items()}


def _value(metric: dict[str, Any], best_step: int | None) -> float | None:
    """The mean over the executions of a trial at its best epoch, else at its last one."""
    observations = metric["observations"]
    if not observations:
        return None
    at_best = [item for item in observations if item["step"] == best_step]
    values = [float(value) for value in (at_best or observations[-1:])[0]["value"]]
    return sum(values) / len(values)
