"""The analysis of a study that is not complete: no results, cells never run, interrupted runs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from ablate.analysis.cells import COSTS
from ablate.analysis.findings import Analysis, Caveat
from ablate.study.record import StudyRecord
from ablate.study.study import Study

MOST_INTERRUPTIONS = 5


def without_results(study: Study, runs: pd.DataFrame) -> Analysis:
    """The analysis of a study without a complete run: its cells, without numbers."""
    names = [factor.name for factor in study.factors]
    cells = runs[["cell", *names]].drop_duplicates("cell").reset_index(drop=True)
    planned = runs.groupby("cell", sort=False).size()
    columns = [f"{item.name}_{end}" for item in study.responses for end in ("mean", "low", "high")]
    columns += ["difference", "difference_low", "difference_high", *COSTS]
    cells = cells.assign(
        n=0, n_planned=cells["cell"].map(planned), **dict.fromkeys(columns, math.nan)
    )
    caveat = Caveat(
        "No complete run",
        f"None of the {len(runs)} runs is complete, so nothing can be said of any part.",
        serious=True,
    )
    return Analysis(study, cells, (), (), None, (caveat,), math.nan)


def without_cells_never_run(analysis: Analysis, runs: pd.DataFrame) -> Analysis:
    """The analysis without the cells that have no run, complete or not.

    Results of other programs need not fill the design. In a study that was planned here every cell
    has its runs in the table, however they ended.
    """
    cells = analysis.cells
    known = cells[cells["cell"].isin(set(runs["cell"]))].reset_index(drop=True)
    if len(known) == len(cells):
        return analysis
    note = Caveat(
        "Not all combinations",
        f"{len(known)} of the {len(cells)} combinations of levels were run; the others are not "
        f"in the grid.",
    )
    return replace(analysis, cells=known, caveats=(*analysis.caveats, note))


def fault_caveats(record: StudyRecord) -> Iterator[Caveat]:
    """What happened to runs and cannot be seen in the tables."""
    if record.kept:
        yield Caveat(
            "Results of other settings",
            f"{record.kept} runs are kept although their settings have changed since they were "
            f"trained: {'; '.join(record.changes)}. Differences between cells may come from these "
            f"changes.",
            serious=True,
        )
    if record.interruptions:
        named = "; ".join(record.interruptions[:MOST_INTERRUPTIONS])
        more = len(record.interruptions) - MOST_INTERRUPTIONS
        yield Caveat(
            "Interrupted runs",
            f"Runs were interrupted and resumed from their last checkpoint, with the same numbers "
            f"as without the interruption. Their times and memory are those of the parts: {named}"
            f"{f'; and {more} more, all in report.json' if more > 0 else ''}.",
        )
