"""The nouns of an analysis: what `analyse` returns and a report puts into words."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
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
    NOT_NEEDED = "not needed"
    HARMFUL = "harmful"
    UNDECIDED = "undecided"


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
            factors) or ``interaction`` (half-difference scale).
        estimate: Mean at the reference level minus mean at the other level, with the sign chosen
            so that positive means that the reference level is better, in the unit of the response.
        low: Lower end of the interval.
        high: Upper end of the interval.
        p: Two-sided p value; NaN where there are too few runs.
        p_adjusted: The p value after Holm's correction over all simple and main effects, or over
            all interactions; with adaptive seeds also over the looks, as are low and high.
        n: Number of independent observations behind the interval (blocks, or runs a side).
        verdict: Of simple and main effects; None for interactions.
        pairing: Whether runs that share a seed were compared in pairs.
        error: Standard error of the estimate; NaN where there are too few runs.
        df: Degrees of freedom of the standard error.
        exact: Whether the p value comes from an exact sign-flip test, not from Student's t.
        looks: How often the runs are looked at while seeds are added; 1 without adaptive seeds.
        missing: Cells that the effect needs and that have no complete run; if there are any, all
            numbers are NaN.
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

    @property
    def paired(self) -> bool:
        """Whether runs that share a seed were compared in pairs."""
        return self.pairing is Pairing.BY_SEED

    @property
    def spread(self) -> float:
        """Standard deviation of the effect over its observations."""
        return self.error * math.sqrt(self.n)


@dataclass(frozen=True, slots=True)
class Dependence:
    """The interaction that explains why the two verdicts on a component differ.

    Attributes:
        interaction: The interaction as an effect.
        factor: The other factor: the component's effect depends on its level.
        strong_level: The level of the other factor at which the component's effect is larger.
        strong_effect: The effect at that level.
        weak_level: The level at which the effect is smaller.
        weak_effect: The effect at that level.
    """

    interaction: Effect
    factor: str
    strong_level: str
    strong_effect: float
    weak_level: str
    weak_effect: float


@dataclass(frozen=True, slots=True)
class Component:
    """A part of the model, with the evidence about it.

    Attributes:
        name: As in `Effect.name`.
        factor: The factor.
        level: The level that the reference level is compared with.
        full: Its simple effect in the full model; None where the design cannot estimate it.
        average: Its main effect; None where the design cannot estimate it.
        dependence: Why the two verdicts differ; None if they agree or no interaction explains it.
        further_seeds: Seeds that would likely decide an undecided verdict; None if decided or
            unknown.
    """

    name: str
    factor: str
    level: str
    full: Effect | None
    average: Effect | None
    dependence: Dependence | None = None
    further_seeds: int | None = None


@dataclass(frozen=True, slots=True)
class Simplest:
    """The simplest cell that is not worse than the full model by the margin.

    Attributes:
        cell: Its slug; that of the reference cell if no simpler cell passed the test.
        levels: Its level of every factor.
        tested: How many simpler cells have enough runs to be tested.
        loss: Mean response that it loses against the full model, negative if it is better; NaN
            for the full model itself.
        p: One-sided p value of a loss as large as the margin, after Holm's correction over the
            tested cells; NaN for the full model itself.
    """

    cell: str
    levels: Mapping[str, str]
    tested: int
    loss: float = math.nan
    p: float = math.nan


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
        simplest: The simplest model that does the job; None where no reference run is complete.
        warnings: What the reader must know before using the results, most serious first.
        smallest_detectable: Smallest simple effect found with 80 % power at this spread and n, the
            median over the components; NaN where unknown.
        attribution: Shapley values and pairwise interactions of a full two-level factorial:
            ``part``, ``kind`` (value|interaction), ``estimate``, ``low``, ``high``, ``n``; empty
            for any other design.
        path: Measured ablation path: ``direction`` (remove|add), ``step``, ``part``, ``cell``,
            ``mean``, ``low``, ``high``; empty where the design lacks the cells.
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
