"""Seeds in rounds: which cells get more seeds, and when a study has enough.

The first round gives every cell the fewest seeds. After each round every component is judged, in
the full model and on average, by the same rule as in the report, with its share of the error rate
(see `ablate.analysis.looks`). An undecided verdict asks for more seeds in the cells that it
compares and in no others: two cells for a verdict in the full model, all cells of its contrast for
a verdict on average. The verdict *helps* asks for more seeds too if, by its estimate, the effect
may turn out to be below the margin: with the most seeds it would then make no difference. A
component with a cell that has no complete run asks for nothing, since more runs would not help.

Each call replays the rounds from the runs, each round with only the runs that it had. So a study
that was killed resumes as if it had not been interrupted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ablate.analysis.arrays import Mask
from ablate.analysis.contrasts import Contrast, contrasts_of
from ablate.analysis.effects import estimate_contrasts
from ablate.analysis.estimates import Estimates
from ablate.analysis.findings import Verdict
from ablate.analysis.looks import looks_of
from ablate.analysis.measurements import measurements_of
from ablate.analysis.verdicts import VERDICTS, judge
from ablate.study.design import Cell, cells_of
from ablate.study.result import Status
from ablate.study.study import Study

Counts = npt.NDArray[np.int_]


@dataclass(frozen=True, slots=True)
class Round:
    """A round of runs.

    Attributes:
        number: 1 for the first.
        seeds: How many seeds (0, 1, ...) each cell, by its slug, has when the round is done.
    """

    number: int
    seeds: Mapping[str, int]


def next_round(runs: pd.DataFrame, study: Study) -> Round:
    """Return the first round that is not done, or the last one if all are.

    Args:
        runs: A row a run that has ended, however it ended. Runs with further seeds are ignored.
        study: The study; without adaptive seeds it has one round.

    Returns:
        The round. The study is done when the runs have all its seeds.
    """
    cells = cells_of(study)
    slugs = [cell.slug for cell in cells]
    schedule = np.array(looks_of(study))
    round_ = Round(1, dict.fromkeys(slugs, int(schedule[0])))
    while True:
        own_runs = _runs_of(runs, round_)
        if len(own_runs) < sum(round_.seeds.values()):
            return round_
        contrasts, asking = _judge_round(own_runs, study, cells=cells)
        counts = np.array([round_.seeds[slug] for slug in slugs])
        needed = np.array([contrast.weights != 0 for contrast in contrasts]).reshape(-1, len(cells))
        grown = next_counts(counts, asking, needed=needed, schedule=schedule)
        if (grown == counts).all():
            return round_
        round_ = Round(round_.number + 1, dict(zip(slugs, grown.tolist(), strict=True)))


def asks_for_seeds(estimates: Estimates, margin: float, *, most: int) -> Mask:
    """Return which contrasts more seeds may decide, or change from helps to no difference."""
    verdicts = judge(estimates, margin)
    # With the most seeds the interval is narrower by this factor if estimate and spread stay.
    narrower = np.sqrt(np.minimum(estimates.n / most, 1.0))
    small = estimates.estimate + (estimates.high - estimates.estimate) * narrower < margin
    undecided = verdicts == VERDICTS.index(Verdict.UNDECIDED)
    helps = verdicts == VERDICTS.index(Verdict.HELPS)
    return np.asarray((undecided | (helps & small)) & np.isfinite(estimates.estimate))


def next_counts(counts: Counts, asking: Mask, *, needed: Mask, schedule: Counts) -> Counts:
    """Return the seeds of each cell after a further round.

    Args:
        counts: Seeds of each cell so far, shape `(..., cells)`.
        asking: Contrasts that ask for seeds, shape `(..., contrasts)`.
        needed: Cells of each contrast, shape `(contrasts, cells)`.
        schedule: Seeds at each look.
    """
    fewest = np.where(needed, counts[..., None, :], schedule[-1]).min(axis=-1)
    looks = np.searchsorted(schedule, fewest, side="right")
    wanted = np.where(asking, schedule[np.minimum(looks, len(schedule) - 1)], 0)
    more = np.where(needed, wanted[..., None], 0).max(axis=-2, initial=0)
    return np.asarray(np.maximum(counts, more))


def _runs_of(runs: pd.DataFrame, round_: Round) -> pd.DataFrame:
    if runs.empty:
        return runs
    most = runs["cell"].map(round_.seeds).fillna(0).astype(int)
    return runs[runs["seed"].notna() & (runs["seed"].fillna(0).astype(int) < most)]


def _judge_round(
    runs: pd.DataFrame, study: Study, *, cells: Sequence[Cell]
) -> tuple[list[Contrast], Mask]:
    """Return the contrasts that give verdicts, and which of them ask for seeds."""
    contrasts = list(contrasts_of(study, cells, order=1))
    if not contrasts or not (runs["status"].astype(str) == Status.COMPLETE).any():
        return contrasts, np.zeros(len(contrasts), dtype=np.bool_)
    estimates = estimate_contrasts(study, measurements_of(runs, study), contrasts=contrasts)
    return contrasts, asks_for_seeds(estimates, study.margin, most=looks_of(study)[-1])
