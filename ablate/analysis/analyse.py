"""From runs to findings: one call for a table of runs, one for a whole study."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from ablate.analysis.attribution import attribution
from ablate.analysis.caveats import Background, caveats_of, detectable_effects
from ablate.analysis.cells import cell_table
from ablate.analysis.components import components_of
from ablate.analysis.effects import effects_of
from ablate.analysis.findings import Analysis
from ablate.analysis.incomplete import (
    fault_caveats,
    without_cells_never_run,
    without_results,
)
from ablate.analysis.measurements import measure
from ablate.analysis.path import ablation_path
from ablate.analysis.simplest import simplest_model
from ablate.study.record import StudyRecord
from ablate.study.result import Status
from ablate.study.study import Study


def analyse(
    runs: pd.DataFrame,
    study: Study,
    *,
    histories: pd.DataFrame | None = None,
    held_constant: Mapping[str, str] | None = None,
    chance: float | None = None,
    interaction_order: int = 2,
) -> Analysis:
    """All that the runs of a study say.

    Args:
        runs: A row a run: a column a factor, ``seed`` (missing where replicates are not paired),
            ``status``, a column a response, and where known ``parameters``, ``macs``,
            ``train_seconds``.
        study: The study.
        histories: A row an epoch, for the caveats on convergence and budget.
        held_constant: What no cell changes, with its value, for the caveat on the learning rate.
        chance: First response of always guessing, for the caveat on chance level.
        interaction_order: Largest number of factors in an interaction.

    Raises:
        RequestError: The table cannot be read as runs of this study, or no run is complete.
    """
    measured = measure(runs, study)
    evidence = effects_of(study, measured, order=interaction_order)
    cells = cell_table(study, measured)
    sizes = detectable_effects(study, evidence)
    return Analysis(
        study=study,
        cells=cells,
        effects=evidence.effects,
        components=components_of(study, evidence),
        simplest=simplest_model(study, measured, cells=cells),
        caveats=caveats_of(
            study, evidence, background=Background(histories, held_constant, chance)
        ),
        smallest_detectable=statistics.median(sizes.values()) if sizes else math.nan,
        attribution=attribution(study, measured),
        path=ablation_path(study, measured),
    )


def analyse_record(record: StudyRecord, *, interaction_order: int = 2) -> Analysis:
    """All that a study says, also where no run is complete or cells were never run.

    Args:
        record: The study, its runs, complete or not, and what else is known of them.
        interaction_order: Largest number of factors in an interaction.

    Raises:
        RequestError: The table cannot be read as runs of this study.
    """
    faults = tuple(fault_caveats(record))
    if not (record.runs["status"] == Status.COMPLETE).any():
        found = without_results(record.study, record.runs)
        return replace(found, caveats=(*found.caveats, *faults))
    found = analyse(
        record.runs,
        record.study,
        histories=record.histories,
        held_constant=record.held_constant,
        chance=record.chance,
        interaction_order=interaction_order,
    )
    found = replace(found, caveats=(*found.caveats, *faults))
    return without_cells_never_run(found, record.runs)
