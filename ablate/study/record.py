"""The tables of a study: their columns, and a study as found on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from ablate.study.response import Response
    from ablate.study.study import Study

RESERVED = frozenset({
    "cell", "seed", "status", "error", "mlflow_run_id", "n", "n_planned",
    "difference", "difference_low", "difference_high",
    "parameters", "macs", "train_seconds", "seconds_per_epoch", "peak_memory_bytes",
})  # fmt: skip
"""Columns of the tables that a study leaves; no factor can have their names."""

COSTS = ("parameters", "macs", "train_seconds", "seconds_per_epoch", "peak_memory_bytes")


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """A study as found on disk.

    Attributes:
        study: The study.
        runs: A row a planned run: `cell`, a column a factor, `seed`, `status`, `error`, responses,
            costs, `mlflow_run_id`.
        histories: A row an epoch of every complete run: `cell`, `seed`, `epoch` and its numbers;
            None where unknown.
        provenance: Versions, commit, device and the like.
        held_constant: Keys that are equal in all cells, with their value.
        chance: First response of always guessing the most frequent class; None where unknown.
        interruptions: What broke runs off that went on, a line each.
        changes: What has changed since runs that are kept were trained, a line each.
        kept: Number of those runs.
        measures: What the task measures at each epoch besides the loss; empty where unknown.
    """

    study: Study
    runs: pd.DataFrame
    histories: pd.DataFrame | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)
    held_constant: Mapping[str, str] = field(default_factory=dict)
    chance: float | None = None
    interruptions: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    kept: int = 0
    measures: tuple[Response, ...] = ()
