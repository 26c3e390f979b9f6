"""What to read from the results of another program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ablate.study.response import Direction

MLFLOW = "mlflow:"
"""What precedes the name of an experiment in `runs=`."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to read from the results of another program.

    Attributes:
        runs: The file, with one row for each run or epoch, a tuner's folder, or what a tracking
            server's runs are called.
        factors: Columns that hold a level each.
        response: Column that holds the number by which a run is judged.
        name: Name of the study.
        seed: Column of the label by which runs are compared in pairs; empty if there is none.
        reference: Reference level by factor, for factors whose reference is not to be guessed.
        direction: Whether ``higher`` or ``lower`` is better; None to infer it from the name of the
            response.
        margin: Difference of the response that is too small to matter; None for 0.01, or 1 for an
            accuracy in percent.
        chance: Response of a model that guesses; None where unknown.
    """

    runs: Path | str
    factors: tuple[str, ...]
    response: str
    name: str
    seed: str = ""
    reference: Mapping[str, Any] = field(default_factory=dict)
    direction: Direction | None = None
    margin: float | None = None
    chance: float | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is asked for."""
        return (*self.factors, self.response, *((self.seed,) if self.seed else ()))

    @property
    def source(self) -> str:
        """The name of the file, or of the experiment."""
        runs = str(self.runs)
        return runs if runs.startswith(MLFLOW) else Path(runs).name
