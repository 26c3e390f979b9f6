"""Seeds in rounds: which cells get more, and when it is enough.

The first round gives every cell the fewest seeds. After each round every component is judged, in
the full model and on average, by the rule of the report with its share of the error rate (see
`ablate.analysis.looks`). A verdict that is undecided asks for seeds in the cells that it compares
and in no others: that in the full model in two cells, that on average in all cells of its contrast.
So does *needed* where the effect, by its estimate, may yet turn out to be below the margin: the
most seeds would call it not needed. A component with a cell without any complete run asks for
nothing, since more of the same would not help.

The rounds are played again from the runs at each call, each with only the runs that it had, so that
a study that was killed goes on as if it had not been.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ablate.analysis.contrasts import Contrast, contrasts_of
from ablate.analysis.effects import estimate_contrasts
from ablate.analysis.estimates import Estimates
from ablate.analysis.findings import Verdict
from ablate.analysis.looks import looks_of
from ablate.analysis.measurements import measure
from ablate.analysis.verdicts import VERDICTS, judge
from ablate.study.design import Cell, cells_of
from ablate.study.result import Status
from ablate.study.study import Study

Counts = npt.NDArray[np.int_]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Round:
    """A round of runs.

    Attributes:
        number: 1 for the first.
        undecided: Components that asked for this round; where the rounds have ended, those that
            stayed undecided. Empty in the first round, before which nothing is known.
        seeds: How many seeds (0, 1, ...) the cell of each slug has when the round is done.
    """

    number: int
    undecided: tuple[str, ...]
    seeds: Mapping[str, int]


def next_round(runs: pd.DataFrame, study: Study) -> Round:
    """The round that the runs are in: the first that is not done, or the last one.

    Args:
        runs: A row a run that has ended, however it ended; runs beyond the round are no matter.
        study: The study; without adaptive seeds it has one round.

    Returns:
        The round; the study is done when the runs have all its seeds.
    """
    cells = cells_of(study)
    slugs = [cell.slug for cell in cells]
    schedule = np.array(looks_of(study))
    round_ = Round(1, (), dict.fromkeys(slugs, int(schedule[0])))
    while True:
        here = _runs_of(runs, round_)
        if len(here) < sum(round_.seeds.values()):
            return round_
        contrasts, asking = _judged(here, study, cells=cells)
        counts = np.array([round_.seeds[slug] for slug in slugs])
        needed = np.array([contrast.weights != 0 for contrast in contrasts]).reshape(-1, len(cells))
        grown = next_counts(counts, asking, needed=needed, schedule=schedule)
        names = [contrast.name for contrast, asks in zip(contrasts, asking, strict=True) if asks]
        undecided = tuple(dict.fromkeys(names))
        if (grown == counts).all():
            return Round(round_.number, undecided, round_.seeds)
        seeds = dict(zip(slugs, grown.tolist(), strict=True))
        round_ = Round(round_.number + 1, undecided, seeds)


def asks_for_seeds(found: Estimates, margin: float, *, most: int) -> Mask:
    """Contrasts whose verdict more seeds may bring, or may change from needed to not needed."""
    verdicts = judge(found, margin)
    # By then the interval is as much narrower, if estimate and spread stay as they are.
    narrower = np.sqrt(np.minimum(found.n / most, 1.0))
    small = found.estimate + (found.high - found.estimate) * narrower < margin
    undecided = verdicts == VERDICTS.index(Verdict.UNDECIDED)
    needed = verdicts == VERDICTS.index(Verdict.NEEDED)
    return np.asarray((undecided | (needed & small)) & np.isfinite(found.estimate))


def next_counts(counts: Counts, asking: Mask, *, needed: Mask, schedule: Counts) -> Counts:
    """Seeds a cell after a further round.

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


def _judged(
    runs: pd.DataFrame, study: Study, *, cells: Sequence[Cell]
) -> tuple[list[Contrast], Mask]:
    """The contrasts that give verdicts, and which of them ask for seeds."""
    contrasts = list(contrasts_of(study, cells, order=1))
    if not contrasts or not (runs["status"].astype(str) == Status.COMPLETE).any():
        return contrasts, np.zeros(len(contrasts), dtype=np.bool_)
    found = estimate_contrasts(study, measure(runs, study), contrasts=contrasts)
    return contrasts, asks_for_seeds(found, study.margin, most=looks_of(study)[-1])
