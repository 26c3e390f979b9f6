"""Runs as the store returns them, without training any."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ablate.analysis.analyse import analyse_record
from ablate.report.section import ReportData
from ablate.study.design import cells_of
from ablate.study.record import StudyRecord
from ablate.study.response import Response
from ablate.study.study import Study

HOSTILE = (
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    r"_%&#~^\{}$",
    "line\nbreak\ttab",
    "😀 漢字",
    "x" * 300,
    "</style></svg><b onload=alert(2)>\"'",
    r"$\frac{1}{2}$",
    "[link](javascript:alert(3)) | `code`",
    "\u202eevil\x00\x1b[31m",
)
PROVENANCE = {"python": "3.11.7", "git_commit": "e975fd4", "device": "CPU"}
MEASURES = (Response("accuracy", "higher", "fraction"),)
HELD_CONSTANT = {"recipe.epochs": "4", "recipe.learning_rate": "0.001"}


def runs_of(study: Study, *, seeds: int = 3, failing: bool = True) -> pd.DataFrame:
    """A run table as the store returns it; with `failing`, the fifth cell lost a run."""
    random = np.random.default_rng(0)
    rows = []
    for number, cell in enumerate(cells_of(study)):
        moved = [level != study.reference[name] for name, level in cell.levels]
        for seed in range(seeds):
            value = 0.98 - 0.03 * moved[1] + float(random.normal(0, 0.004))
            lost = failing and number == 4 and seed == 1
            rows.append(
                {
                    "cell": cell.slug,
                    **dict(cell.levels),
                    "seed": seed,
                    "status": "diverged" if lost else "complete",
                    "error": f"{HOSTILE[0]} loss was nan | in epoch 3" if lost else "",
                    study.response.name: np.nan if lost else value,
                    "val_loss": np.nan if lost else 1 - value,
                    "parameters": 70_000 + 200_000 * moved[-1],
                    "macs": 1_100_000 + 5_900_000 * moved[-1],
                    "train_seconds": 3.0 + float(random.normal(0, 0.1)),
                    "seconds_per_epoch": 0.25,
                    "peak_memory_bytes": 800_000_000,
                    "mlflow_run_id": f"{number:02d}{seed:02d}" * 8,
                }
            )
    return pd.DataFrame(rows).astype({"seed": "Int64"})


def histories_of(runs: pd.DataFrame, epochs: int = 4) -> pd.DataFrame:
    done = runs[runs["status"] == "complete"]
    return pd.DataFrame(
        {
            "cell": row["cell"],
            "seed": row["seed"],
            "epoch": epoch,
            "loss": 1 / epoch,
            "accuracy": 1 - 0.5 / epoch,
            "val_loss": 1 / epoch,
            "val_accuracy": 0.95 - 0.5 / epoch + 0.002 * row["seed"],
            "seconds": 0.25,
        }
        for row in done.to_dict("records")
        for epoch in range(1, epochs + 1)
    )


def data_of(
    study: Study, runs: pd.DataFrame | None = None, *, histories: pd.DataFrame | None = None
) -> ReportData:
    """What the sections of a report get; simulated runs if none are given."""
    runs = runs_of(study) if runs is None else runs
    record = StudyRecord(study, runs, histories, measures=MEASURES)
    return ReportData(record, analyse_record(record))
