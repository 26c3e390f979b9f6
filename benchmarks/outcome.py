"""What is compared of a study that was disturbed: its table of runs, and MLflow's copy."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pandas as pd

VARYING_COLUMNS = ("train_seconds", "seconds_per_epoch", "peak_memory_bytes", "mlflow_run_id")
"""Columns of runs.csv that differ each time a run is trained."""


def table_of(folder: Path, study: str) -> pd.DataFrame:
    """`runs.csv` of a study without the columns that vary, all others to the last digit."""
    file = folder / "reports" / study / "runs.csv"
    if not file.is_file():
        return pd.DataFrame({"status": []})
    return pd.read_csv(file, dtype=str).drop(columns=list(VARYING_COLUMNS))


def is_recorded(folder: Path, *, runs: int, epochs: int) -> bool:
    """Whether MLflow holds each run once and FINISHED, and each epoch as one point."""
    if not (folder / "mlflow.db").is_file():
        return False
    with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as store:
        children = store.execute(
            "select status, count(*) from runs join tags using (run_uuid) "
            "where key = 'ablate.seed' and lifecycle_stage = 'active' group by status"
        ).fetchall()
        twice = store.execute(
            "select count(*) from (select 1 from metrics join runs using (run_uuid) "
            "where lifecycle_stage = 'active' group by run_uuid, key, step having count(*) > 1)"
        ).fetchone()[0]
        points = store.execute(
            "select count(*) from metrics join runs using (run_uuid) "
            "where key = 'loss' and lifecycle_stage = 'active'"
        ).fetchone()[0]
    return children == [("FINISHED", runs)] and twice == 0 and points == runs * epochs
