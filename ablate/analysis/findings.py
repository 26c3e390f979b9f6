"""The nouns of an analysis: what `analyse` returns and reports show."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from ablate.study.study import Study

Kind = Literal["main", "simple", "interaction"]


class Verdict(enum.StrEnum):
    """What the evidence says of a component, at the study's margin."""

    NEEDED = "needed"
    NOT_NEEDED = "not needed"
    HARMFUL = "harmful"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Effect:
    """A difference in mean response, with its evidence.

    Attributes:
        name: The factor, ``residual``; of a factor with more levels also the level that the
            reference is compared with, ``norm=none``; interactions joined by a colon,
            ``residual:norm=none``.
        kind: ``simple`` (other factors at their reference), ``main`` (averaged over the other
            factors) or ``interaction`` (half-difference scale).
        estimate: Mean at the reference level minus mean at the other level, turned so that positive
            means that the reference level is better, in the unit of the response.
        low: Lower end of the interval.
        high: Upper end of the interval.
        p: Two-sided p value; NaN where it cannot be had.
        p_adjusted: The p value after Holm's correction over all simple and main effects, or over
            all interactions; with adaptive seeds also over the looks, as are low and high.
        n: Number of independent observations the interval rests on (blocks, or runs a side).
        verdict: Of simple and main effects; None for interactions.
        method: How interval and p were computed, in a few words.
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
    method: str


@dataclass(frozen=True, slots=True)
class Component:
    """A part of the model and what is claimed of it.

    Attributes:
        name: As in `Effect.name`.
        full: Its simple effect in the full model, None where the design cannot estimate it.
        average: Its main effect, None where the design cannot estimate it.
        sentence: The claim in plain words, for the top of a report.
        further_seeds: Seeds that would likely decide an undecided verdict; None if decided or
            unknown.
    """

    name: str
    full: Effect | None
    average: Effect | None
    sentence: str
    further_seeds: int | None = None


@dataclass(frozen=True, slots=True)
class Simplest:
    """The simplest cell that is not worse than the full model by the margin.

    Attributes:
        cell: Its slug; the reference cell's own where nothing simpler was shown to do.
        levels: Its level of every factor.
        sentence: The answer in plain words.
    """

    cell: str
    levels: Mapping[str, str]
    sentence: str


@dataclass(frozen=True, slots=True)
class Caveat:
    """Something the reader must know before believing the tables.

    Attributes:
        title: A few words, such as ``Not converged``.
        evidence: One or two sentences with the numbers.
        serious: Whether it belongs above the tables and not below.
    """

    title: str
    evidence: str
    serious: bool = False


@dataclass(frozen=True, slots=True)
class Analysis:
    """All that the runs of a study say.

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
        caveats: What limits all this, most serious first.
        smallest_detectable: Smallest simple effect found with 80 % power at this spread and n, the
            median over the components; NaN where unknown.
        attribution: Shapley values and pairwise interactions of a full two-level factorial:
            ``part``, ``kind`` (value|interaction), ``estimate``, ``low``, ``high``, ``n``; else
            empty.
        path: Measured ablation path: ``direction`` (remove|add), ``step``, ``part``, ``cell``,
            ``mean``, ``low``, ``high``; empty where the design lacks the cells.
    """

    study: Study
    cells: pd.DataFrame
    effects: tuple[Effect, ...]
    components: tuple[Component, ...]
    simplest: Simplest | None
    caveats: tuple[Caveat, ...]
    smallest_detectable: float
    attribution: pd.DataFrame = field(default_factory=pd.DataFrame)
    path: pd.DataFrame = field(default_factory=pd.DataFrame)
