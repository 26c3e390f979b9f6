"""The nouns of an analysis: what `analyse` returns and a report puts into words."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from ablate.analysis.warnings import StudyWarning
from ablate.study.design import Cell
from ablate.study.study import Study

Kind = Literal["main", "simple", "interaction"]


class Verdict(enum.StrEnum):
    """What the evidence shows about a component, at the margin of the study."""

    NEEDED = "needed"
    NO_DIFFERENCE = "no difference"
    HELPS = "helps"
    HARMFUL = "harmful"
    NOT_NEEDED = "not needed"
    UNDECIDED = "undecided"
    BETTER = "better"  # of two alternatives, the reference level
    WORSE = "worse"


class Withheld(enum.StrEnum):
    """Why there is no verdict on an effect; the values are those of `effects.csv`."""

    MISSING_CELLS = "missing cells"
    TOO_FEW_SEEDS = "too few seeds"
    REFERENCE_DID_NOT_LEARN = "full model did not learn"
    CONFUSED = "confused with interactions"
    RUNS_DID_NOT_LEARN = "runs did not learn"
    INTERACTION = "depends on another part"


class Pairing(enum.Enum):
    """Whether runs that share a seed were compared in pairs, and if not, why."""

    BY_SEED = enum.auto()
    TOO_FEW_SHARED_SEEDS = enum.auto()  # fewer than two seeds have a run in all cells concerned
    NO_SEEDS = enum.auto()  # a run has no seed


@dataclass(frozen=True, slots=True)
class Effect:
    """A difference in mean response, with its evidence.

    Attributes:
        name: The factor, ``residual``. For a factor with more than two levels also the level that
            the reference is compared with, ``norm=none``. Interactions joined by a colon,
            ``residual:norm=none``.
        kind: ``simple`` (other factors at their reference), ``main`` (averaged over the other
            factors) or ``interaction`` (difference of differences: how much the effect of one part
            changes with the other).
        estimate: Mean at the reference level minus mean at the other level, with the sign chosen
            so that positive means that the reference level is better, in the unit of the response.
        low: Lower end of the interval.
        high: Upper end of the interval.
        p: Two-sided p value; NaN where there are too few runs.
        p_adjusted: The p value after Holm's correction over all simple and main effects, or over
            all interactions; with adaptive seeds also over the looks, as are low and high.
        n: Number of independent observations behind the interval (blocks, or runs a side).
        verdict: Of simple and main effects; None for interactions and where it is withheld.
        pairing: Whether runs that share a seed were compared in pairs.
        error: Standard error of the estimate; NaN where there are too few runs.
        df: Degrees of freedom of the standard error.
        exact: Whether the p value comes from an exact sign-flip test, not from Student's t.
        looks: How often the runs are looked at while seeds are added; 1 without adaptive seeds.
        missing: Cells that the effect needs and that have no complete run; if there are any, all
            numbers are NaN.
        withheld: Why there is no verdict; None where there is one, and for interactions.
        confused_with: Effects that the design cannot separate from this one, as pairs joined by a
            colon or single factors; the estimate is that of their sum.
    """

    name: str
    kind: Kind
    estimate: float
    low: float
    high: float
    p: float
    p_adjusted: float
    n: int
    verdict: Verdict | None
    pairing: Pairing
    error: float
    df: float
    exact: bool
    looks: int
    missing: tuple[Cell, ...]
    withheld: Withheld | None = None
    confused_with: tuple[str, ...] = ()

    @property
    def paired(self) -> bool:
        """Whether runs that share a seed were compared in pairs."""
        return self.pairing is Pairing.BY_SEED

    @property
    def spread(self) -> float:
        """Standard deviation of the effect over its observations."""
        return self.error * math.sqrt(self.n)


@dataclass(frozen=True, slots=True)
class CellRate:
    """How many runs of a cell are at the score of guessing.

    Attributes:
        cell: The cell.
        failed: Its runs at the score of guessing.
        runs: Its complete runs.
        low: Lower end of the exact 95 % interval of the rate.
        high: Upper end.
        lowest: Smallest first response of its runs; NaN where unknown.
        highest: Largest one.
    """

    cell: Cell
    failed: int
    runs: int
    low: float
    high: float
    lowest: float = math.nan
    highest: float = math.nan


@dataclass(frozen=True, slots=True)
class SeedRange:
    """How many further seeds would likely decide a verdict.

    Attributes:
        low: With so many, one study in five is decided.
        high: With so many, four in five are.
    """

    low: int
    high: int

    @classmethod
    def for_all(cls, ranges: Sequence[SeedRange]) -> SeedRange:
        """Return the seeds that would likely decide all of some verdicts."""
        return cls(max(each.low for each in ranges), max(each.high for each in ranges))


@dataclass(frozen=True, slots=True)
class Setting:
    """The effect of a part where other factors are at given levels.

    Attributes:
        where: Pairs of factor and level.
        estimate: The effect there, averaged over all other factors.
        low: Lower end of its 95 % interval.
        high: Upper end.
        n: Number of independent observations.
        failed: Runs at the score of guessing among those that it compares.
        runs: All complete runs that it compares.
    """

    where: tuple[tuple[str, str], ...]
    estimate: float
    low: float
    high: float
    n: int
    failed: int = 0
    runs: int = 0


@dataclass(frozen=True, slots=True)
class Component:
    """A part of the model, with the evidence about it.

    Attributes:
        name: As in `Effect.name`.
        factor: The factor.
        level: The level that the reference level is compared with.
        full: Its simple effect in the full model; None where the design cannot estimate it.
        average: Its main effect; None where the design cannot estimate it.
        settings: The effect for each setting of the other part on which it depends, where there is
            no verdict on average; where neither effect can be estimated, for each pair of cells
            that differ in this part alone.
        further: Seeds that would likely decide an undecided verdict; None if decided or unknown.
        margin_seeds: Of a part that helps, seeds that would likely show whether it is worth the
            margin; else None.
    """

    name: str
    factor: str
    level: str
    full: Effect | None
    average: Effect | None
    settings: tuple[Setting, ...] = ()
    further: SeedRange | None = None
    margin_seeds: SeedRange | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """The simpler model that comes closest to doing the job, where none is shown to.

    Attributes:
        cell: Its slug.
        levels: Its level of every factor.
        loss: Mean response that it loses against the full model, negative if it is better.
        low: Lower end of the 95 % interval of the loss.
        high: Upper end.
        parameters: Its parameters as a multiple of the full model's; NaN where unknown.
        macs: The same of its multiply-accumulates.
        further: Seeds that would likely show that it does the job; None where unknown.
    """

    cell: str
    levels: Mapping[str, str]
    loss: float
    low: float
    high: float
    parameters: float = math.nan
    macs: float = math.nan
    further: SeedRange | None = None


@dataclass(frozen=True, slots=True)
class Simplest:
    """The simplest cell that is not worse than the full model by the margin.

    Attributes:
        cell: Its slug; that of the reference cell if no simpler cell passed the test.
        levels: Its level of every factor.
        tested: How many simpler cells have enough runs to be tested.
        loss: Mean response that it loses against the full model, negative if it is better; NaN
            for the full model itself.
        low: Lower end of the 95 % interval of the loss.
        high: Upper end.
        n: Number of independent observations behind it.
        p: One-sided p value of a loss as large as the margin, after Holm's correction over the
            tested cells; NaN for the full model itself.
        parameters: Its parameters as a multiple of the full model's; NaN where unknown.
        macs: The same of its multiply-accumulates.
        candidate: The simpler cell that comes closest, where none passed.
    """

    cell: str
    levels: Mapping[str, str]
    tested: int
    loss: float = math.nan
    p: float = math.nan
    parameters: float = math.nan
    macs: float = math.nan
    candidate: Candidate | None = None
    low: float = math.nan
    high: float = math.nan
    n: int = 0


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything that follows from the runs of a study.

    Attributes:
        study: The study.
        cells: A row a cell in the order of the design: ``cell``, a column a factor, ``n``,
            ``n_planned``, for every response ``<response>_mean``, ``_low``, ``_high``, for the
            first response ``difference``, ``difference_low``, ``difference_high`` (cell minus
            reference, paired by seed where seeds allow; NaN for the reference), then
            ``parameters``, ``macs``, ``train_seconds`` (means; NaN where unknown).
        effects: Simple and main effects, then interactions.
        components: One for every simple or main effect, in the order of the factors.
        simplest: The simplest model that does the job; None where no reference run is complete or
            the full model did not learn.
        warnings: What the reader must know before using the results, most serious first.
        smallest_detectable: Smallest simple effect found with 80 % power at this spread and n, the
            median over the components; NaN where unknown.
        attribution: Shapley values and pairwise interactions of a full two-level factorial:
            ``part``, ``kind`` (value|interaction), ``estimate``, ``low``, ``high``, ``n``; empty
            for any other design.
        path: Measured ablation path: ``direction`` (remove|add), ``step``, ``part``, ``cell``,
            ``mean``, ``low``, ``high``; empty where the design lacks the cells.
        notes: What intervals do not include; true of every study, so no warning.
        no_answer: The full model's runs at the score of guessing, if it did not learn; then there
            is no verdict on anything.
        steps: Smallest difference between two runs, by response; 0 where unknown.
    """

    study: Study
    cells: pd.DataFrame
    effects: tuple[Effect, ...]
    components: tuple[Component, ...]
    simplest: Simplest | None
    warnings: tuple[StudyWarning, ...]
    smallest_detectable: float
    attribution: pd.DataFrame = field(default_factory=pd.DataFrame)
    path: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: tuple[StudyWarning, ...] = ()
    no_answer: CellRate | None = None
    steps: Mapping[str, float] = field(default_factory=dict)
