"""The tables of a study: the one schema of their columns, and a study as analyses read it.

The columns of factors and responses have the names that the study gives them; all others are here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from ablate.study.response import Response
    from ablate.study.study import Study

COSTS = ("parameters", "macs", "train_seconds", "seconds_per_epoch", "peak_memory_bytes")
"""Costs of a run, as in `ablate.study.result.Cost`."""
CELL_COSTS = COSTS[:3]
"""Costs whose mean is in the table of cells."""
COUNTS = ("n", "n_planned")
"""Of a cell: its complete runs, and the runs that are planned."""
DIFFERENCE = ("difference", "difference_low", "difference_high")
"""Of a cell: the difference of its mean response from that of the reference cell."""
EFFECT_COLUMNS = (
    "effect", "kind", "estimate", "low", "high", "p", "p_adjusted", "n", "verdict",
    "no_verdict", "confused_with",
)  # fmt: skip
PAPER_COLUMNS = (
    "mean", "mean_sd", "interval", "n", "change", "change_interval",
    "parameters", "macs", "train_seconds",
)  # fmt: skip
"""What `report.columns` may name: columns of the grid in `report.tex` besides the factors."""
FITTING_COLUMNS = ("mean_sd", "change", "n")
"""Those that fit in one column of a two-column paper."""
WHOLE_NUMBERS = ("seed", *COUNTS, "parameters", "macs", "peak_memory_bytes")
"""Columns that hold whole numbers, even where a missing one made pandas use floats."""
OWN_COLUMNS = frozenset({"cell", "seed", "status", "error", "mlflow_run_id", *COUNTS, *DIFFERENCE})
"""Columns of the tables of runs and cells that are neither factors nor measured."""
RESERVED = OWN_COLUMNS | set(COSTS)
"""Names that no factor can have."""


def interval_columns(response: str) -> tuple[str, str, str]:
    """The columns of a cell's mean response and its confidence interval."""
    return f"{response}_mean", f"{response}_low", f"{response}_high"


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """A study with the results of its runs.

    Attributes:
        study: The study.
        runs: A row a planned run: `cell`, a column a factor, `seed`, `status`, `error`, responses,
            costs, `mlflow_run_id`.
        histories: A row an epoch of every complete run: `cell`, `seed`, `epoch` and its numbers;
            None if unknown.
        provenance: Versions, commit, device and the like.
        held_constant: Keys that are equal in all cells, with their value.
        chance: First response of a model that ignores its input; None if unknown.
        interruptions: Why runs were interrupted that were then resumed, a line each.
        changes: What has changed since the kept results were trained, a line each.
        kept: Number of results that are used although something has changed since.
        measures: What the task measures besides the loss; runs have `test_<name>`, `val_<name>` and
            `train_<name>` of each.
        resolution: Smallest difference of the first response between two runs, such as 1 divided by
            the number of test images; None if unknown.
        models: Slugs of the cells of which a trained model is on disk.
        guessed_reference: Factors of results of other programs whose reference level was not named:
            it is only the first in the file.
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
    resolution: float | None = None
    models: frozenset[str] = frozenset()
    guessed_reference: tuple[str, ...] = ()
