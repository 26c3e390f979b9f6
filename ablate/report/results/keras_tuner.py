"""The folder of a Keras Tuner project: a row for each trial."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ablate.errors import RequestError
from ablate.store.reader import DamagedFileError, read_file
from ablate.store.schema import parse_json
from ablate.wording import error_message

MOST_BYTES = 16_000_000
FAULTS = (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""What a file that is no trial of Keras Tuner raises."""


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
        trial = parse_json(read_file(file, most_bytes=MOST_BYTES))
        metrics = trial["metrics"]["metrics"]
        row = {
            **{str(key): value for key, value in trial["hyperparameters"]["values"].items()},
            **{str(key): _value(metrics[key], trial["best_step"]) for key in metrics},
            "trial_id": trial["trial_id"],
            "score": trial["score"],
            "status": trial["status"],
        }
        words = {key: "" if value is None else str(value) for key, value in row.items()}
        "".join([*words, *words.values()]).encode()  # JSON can name halves of characters
    except (*FAULTS, DamagedFileError) as error:
        raise RequestError(
            f"Cannot read {file} as a trial of Keras Tuner: {error_message(error)}."
        ) from None
    return words


def _value(metric: dict[str, Any], best_step: int | None) -> float | None:
    """The mean over the executions of a trial at its best epoch, else at its last one."""
    observations = metric["observations"]
    if not observations:
        return None
    at_best = [item for item in observations if item["step"] == best_step]
    values = [float(value) for value in (at_best or observations[-1:])[0]["value"]]
    return sum(values) / len(values)
