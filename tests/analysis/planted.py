"""Run tables with known numbers in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from ablate.study.design import Cell, cells_of
from ablate.study.response import Response
from ablate.study.study import Factor, Level, Study

SCORE = (Response("score", "higher"),)


def part(name: str) -> Factor:
    return Factor(name, (Level("present"), Level("absent")))


def study_of(*factors: str | Factor, replicates: int = 5, **own: object) -> Study:
    own = {"margin": 1.0, "responses": SCORE} | own
    parts = tuple(factor if isinstance(factor, Factor) else part(factor) for factor in factors)
    return Study("planted", parts, replicates=replicates, **own)


def table_of(
    study: Study,
    score: Callable[[dict[str, str], int], float],
    *,
    cells: Sequence[Cell] | None = None,
    seeds: Sequence[int] | None = None,
) -> pd.DataFrame:
    """A complete run for every cell and seed."""
    rows = [
        {
            "cell": cell.slug,
            **dict(cell.levels),
            "seed": seed,
            "status": "complete",
            "error": "",
            study.response.name: score(dict(cell.levels), seed),
        }
        for cell in (cells_of(study) if cells is None else cells)
        for seed in (range(study.replicates) if seeds is None else seeds)
    ]
    return pd.DataFrame(rows).astype({"seed": "Int64"})


def noisy(study: Study, *, seed: int = 0, spread: float = 1.0, **worth: float) -> pd.DataFrame:
    """Runs in which each part adds its given worth, plus independent noise."""
    rng = np.random.default_rng(seed)

    def score(levels: dict[str, str], _: int) -> float:
        present = sum(size for name, size in worth.items() if levels[name] == "present")
        return 50 + present + spread * rng.standard_normal()

    return table_of(study, score)


def broken(runs: pd.DataFrame, where: pd.Series, *, status: str = "failed") -> pd.DataFrame:
    """The same runs, of which some failed."""
    changed = runs.copy()
    changed.loc[where, "status"] = status
    changed.loc[where, "error"] = "it broke"
    changed.loc[where, "score"] = np.nan
    return changed


def named(analysis: object, name: str, kind: str) -> object:
    """The effect with that name and kind."""
    return next(effect for effect in analysis.effects if (effect.name, effect.kind) == (name, kind))
