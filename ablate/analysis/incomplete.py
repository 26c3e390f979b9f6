"""The analysis of a study that is not complete: no results, cells never run, interrupted runs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from ablate.analysis import warnings
from ablate.analysis.findings import Analysis
from ablate.analysis.warnings import StudyWarning
from ablate.study.record import CELL_COSTS, DIFFERENCE, StudyRecord, interval_columns
from ablate.study.study import Study


def without_results(study: Study, runs: pd.DataFrame) -> Analysis:
    """Return the analysis of a study without a complete run: its cells, without numbers."""
    names = [factor.name for factor in study.factors]
    cells = runs[["cell", *names]].drop_duplicates("cell").reset_index(drop=True)
    planned = runs.groupby("cell", sort=False).size()
    columns = [name for item in study.responses for name in interval_columns(item.name)]
    columns += [*DIFFERENCE, *CELL_COSTS]
    cells = cells.assign(
        n=0, n_planned=cells["cell"].map(planned), **dict.fromkeys(columns, math.nan)
    )
    return Analysis(study, cells, (), (), None, (warnings.NoCompleteRun(len(runs)),), math.nan)


def without_cells_never_run(analysis: Analysis, runs: pd.DataFrame) -> Analysis:
    """Return the analysis without the cells that have no run, complete or not.

    Results of other programs need not fill the design. In a study that was planned here every cell
    has its runs in the table, however they ended.
    """
    cells = analysis.cells
    known = cells[cells["cell"].isin(set(runs["cell"]))].reset_index(drop=True)
    if len(known) == len(cells):
        return analysis
    warning = warnings.CellsNeverRun(len(known), len(cells))
    return replace(analysis, cells=known, warnings=(*analysis.warnings, warning))


def fault_warnings(record: StudyRecord) -> Iterator[StudyWarning]:
    """Return warnings about what happened to runs and cannot be seen in the tables."""
    if record.kept:
        yield warnings.ReusedResults(record.kept, tuple(record.changes))
    if record.interruptions:
        yield warnings.InterruptedRuns(tuple(record.interruptions))
