"""Whether the report names runs that do not learn, in whole studies as a user analyses them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ablate.analysis.analyse import analyse
from ablate.analysis.arrays import Array
from ablate.analysis.checks import Background
from ablate.analysis.findings import Analysis
from ablate.analysis.warnings import RunsAtChance, UnseenFailures
from ablate.study.design import cells_of
from ablate.study.study import Study
from benchmarks.calibration.families import FAILING, Family, simulate, two_level_study
from benchmarks.calibration.simulation import SEEDS, Row, generator

LEARNED, SPREAD, CHANCE = 0.97, 0.0096, 0.1
"""Accuracy of runs that learn, their spread over seeds, and the accuracy of guessing."""
MARGIN = 0.01


def failures(studies: int) -> Iterator[Row]:
    """Yield how often the report counts runs that failed, and what it says where none did."""
    study = two_level_study(3, margin=MARGIN)
    for accident in FAILING:
        for n in SEEDS:
            family = Family("normal", "equal", "none", False, n, accident)
            rng = generator("failures", family)
            planted = np.zeros((studies, len(cells_of(study))))
            responses, _ = simulate(family, study, planted, rng)
            said = pd.DataFrame([_what_is_said(study, LEARNED + SPREAD * own) for own in responses])
            failed, learned = said[said["failed"] > 0], said[said["failed"] == 0]
            yield {
                "accident": accident,
                "n": n,
                "a run failed": len(failed) / studies,
                "then counted": (failed["counted"] == failed["failed"]).mean(),
                "then a verdict on average": failed["on average"].mean(),
                "else a bound": learned["bounded"].mean(),
            }


def _what_is_said(study: Study, accuracies: Array) -> Row:
    cells = cells_of(study)
    runs = pd.DataFrame(
        [
            {**dict(cell.levels), "seed": seed, "status": "complete", "test_accuracy": float(value)}
            for seed, row in enumerate(np.clip(accuracies, 0.0, 1.0))
            for cell, value in zip(cells, row, strict=True)
        ]
    )
    found = analyse(runs, study, background=Background(chance=CHANCE))
    return {
        "failed": int((accuracies < 2 * CHANCE).sum()),
        "counted": _counted(found),
        "on average": any(
            component.average is not None and component.average.verdict is not None
            for component in found.components
        ),
        "bounded": any(isinstance(warning, UnseenFailures) for warning in found.notes),
    }


def _counted(found: Analysis) -> int:
    return sum(
        rate.failed
        for warning in found.warnings
        if isinstance(warning, RunsAtChance)
        for rate in warning.rates
    )
