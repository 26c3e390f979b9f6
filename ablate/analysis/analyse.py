"""From runs to findings: one call for a table of runs, one for a whole study."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace

import pandas as pd

from ablate.analysis.ablation_path import ablation_path
from ablate.analysis.attribution import attribution
from ablate.analysis.cells import cell_table
from ablate.analysis.checks import Background, detectable_effects, notes_of, warnings_of
from ablate.analysis.components import components_of
from ablate.analysis.effects import effects_of
from ablate.analysis.findings import Analysis
from ablate.analysis.guessing import reference_that_guesses
from ablate.analysis.incomplete import fault_warnings, without_cells_never_run, without_results
from ablate.analysis.measurements import measurements_of
from ablate.analysis.simplest import simplest_model
from ablate.study.record import StudyRecord
from ablate.study.result import Status
from ablate.study.study import Study

NOTHING_KNOWN = Background()


def analyse(
    runs: pd.DataFrame,
    study: Study,
    *,
    background: Background = NOTHING_KNOWN,
    interaction_order: int = 2,
) -> Analysis:
    """Analyse a table of runs of which at least one is complete.

    Args:
        runs: A row a run: a column a factor, ``seed`` (missing where replicates are not paired),
            ``status``, a column a response, and where known ``parameters``, ``macs``,
            ``train_seconds``.
        study: The study.
        background: What else is known, for the warnings.
        interaction_order: Largest number of factors in an interaction.

    Raises:
        RequestError: The table cannot be read as runs of this study, or no run is complete.
    """
    measurements = measurements_of(runs, study, resolution=background.resolution)
    evidence = effects_of(study, measurements, order=interaction_order, chance=background.chance)
    no_answer = reference_that_guesses(study, measurements, guessing=evidence.guessing)
    cells = cell_table(study, measurements)
    sizes = detectable_effects(study, evidence)
    return Analysis(
        study=study,
        cells=cells,
        effects=evidence.effects,
        components=components_of(study, evidence),
        simplest=None if no_answer else simplest_model(study, measurements, cells=cells),
        warnings=warnings_of(study, evidence, background=background),
        smallest_detectable=statistics.median(sizes.values()) if sizes else math.nan,
        attribution=attribution(study, measurements),
        path=ablation_path(study, measurements),
        notes=notes_of(study, evidence, background=background),
        no_answer=no_answer,
        steps={name: grid.step for name, grid in measurements.grids.items()},
    )


def analyse_record(record: StudyRecord, *, interaction_order: int = 2) -> Analysis:
    """Analyse a study, also if no run is complete or cells were never run.

    Args:
        record: The study, its runs, complete or not, and what else is known about them.
        interaction_order: Largest number of factors in an interaction.

    Raises:
        RequestError: The table cannot be read as runs of this study.
    """
    faults = tuple(fault_warnings(record))
    if not (record.runs["status"] == Status.COMPLETE).any():
        analysis = without_results(record.study, record.runs)
        return replace(analysis, warnings=(*analysis.warnings, *faults))
    analysis = analyse(
        record.runs,
        record.study,
        background=Background(
            record.histories,
            record.held_constant,
            record.chance,
            record.measures,
            record.resolution,
            record.guessed_reference,
        ),
        interaction_order=interaction_order,
    )
    analysis = replace(analysis, warnings=(*analysis.warnings, *faults))
    return without_cells_never_run(analysis, record.runs)
