"""Simulated studies with planted truth: thousands at once, as arrays that the analysis reads."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ablate.analysis.arrays import Array
from ablate.analysis.contrasts import Contrast, contrasts_of
from ablate.study.design import cells_of
from ablate.study.response import Response
from ablate.study.study import Factor, Level, Study

RESPONSE = Response("test_accuracy", "higher")
LARGEST_SPREAD = 20.0
"""Spread of the bare model divided by that of the full model, in families of unequal spread."""
STEP = 100 / 359 / 0.3
"""One of 359 test images in spreads of the full model, where its spread is 0.3 points."""
SKEWED = 0.5
"""Spread of the logarithm of log-normal runs: a skewness of 1.75, as measured in real cells."""
DROP = 90.0
"""Spreads by which a run that does not learn is below the others."""
FAILING = {"fails 10 %": 0.1, "fails 50 %": 0.5}
"""The share of the bare model's runs that do not learn, by the name of the accident."""


@dataclass(frozen=True)
class Family:
    """How the runs of simulated studies vary.

    Attributes:
        tails: ``normal``; ``t3``: Student's t with three degrees of freedom; or ``log-normal``,
            with the long tail towards worse responses; all with the same variance.
        spread: ``equal``, or ``x20``: from 1 in the full model to 20 in the bare one.
        pairing: ``none``; ``seed``: runs of a seed share a component of the noise (correlation
            0.6); ``level``: runs of a seed share a component for each level of each factor, as
            models with shared layers do.
        interactions: Whether the effect of a part depends on the others.
        n: Seeds.
        accident: ``none``; ``grid``: responses are counted over 359 test images; ``fails 10 %`` or
            ``fails 50 %``: so many runs of the bare model do not learn.
    """

    tails: str
    spread: str
    pairing: str
    interactions: bool
    n: int
    accident: str = "none"


def families(ns: tuple[int, ...]) -> Iterator[Family]:
    """Return all families with these numbers of seeds."""
    for n in ns:
        for tails, spread, pairing, together in itertools.product(
            ("normal", "t3"), ("equal", "x20"), ("none", "seed", "level"), (False, True)
        ):
            yield Family(tails, spread, pairing, together, n)
        for together in (False, True):
            yield Family("log-normal", "equal", "none", together, n)
            for accident in ("grid", *FAILING):
                yield Family("normal", "equal", "none", together, n, accident)


def two_level_study(parts: int, *, margin: float = 1.0) -> Study:
    """Return a full factorial of parts that are present or absent."""
    levels = (Level("present"), Level("absent"))
    names = ["residual", "norm", "separable", "placebo"]
    factors = tuple(Factor(name, levels) for name in names[:parts])
    return Study("planted", factors, margin=margin, responses=(RESPONSE,))


def contrasts(study: Study) -> tuple[Contrast, ...]:
    """Return the contrasts that the analysis estimates in a study."""
    return contrasts_of(study, cells_of(study))


def presence(study: Study) -> Array:
    """Return an array of shape `(cells, factors)`: 1 where a part is present, else 0."""
    cells = cells_of(study)
    names = list(study.reference)
    return np.array([[cell[name] == "present" for name in names] for cell in cells], dtype=float)


def means(study: Study, effects: Array, interactions: Array | None = None) -> Array:
    """Return the cell means of studies with planted effects.

    Args:
        study: The study.
        effects: What each part adds, shape `(studies, factors)`.
        interactions: How much the effect of one part of a pair grows where the other is present,
            shape `(studies, pairs)`.
    """
    there = presence(study)
    result = effects @ there.T
    if interactions is not None:
        pairs = itertools.combinations(range(there.shape[1]), 2)
        # Centred, so that interactions do not change the average effects.
        together = np.array([(there[:, a] - 0.5) * (there[:, b] - 0.5) for a, b in pairs])
        result = result + interactions @ together
    return result


def simulate(
    family: Family,
    study: Study,
    cell_means: Array,
    rng: np.random.Generator,
    *,
    spread: float = 1.0,
) -> tuple[Array, Array]:
    """Return responses, shape `(studies, seeds, cells)`, and the true means of the cells.

    Args:
        family: How runs vary.
        study: The study.
        cell_means: The planted means, shape `(studies, cells)`.
        rng: The generator.
        spread: The spread of the full model over seeds.
    """
    studies = len(cell_means)
    responses = cell_means[:, None] + spread * noise(family, study, rng, studies=studies)
    if family.accident == "grid":
        # Where a mean lies between two steps of the grid is random.
        offset = rng.uniform(0.0, STEP, (studies, 1, 1))
        return STEP * np.round((responses + offset) / STEP), cell_means
    if family.accident in FAILING:
        rate, bare = FAILING[family.accident], int(presence(study).sum(axis=1).argmin())
        failed = rng.random((studies, family.n)) < rate
        responses[:, :, bare] -= DROP * spread * failed
        cell_means = cell_means.copy()
        cell_means[:, bare] -= DROP * spread * rate
    return responses, cell_means


def noise(family: Family, study: Study, rng: np.random.Generator, *, studies: int) -> Array:
    """Return the noise of the runs, shape `(studies, seeds, cells)`; spread 1 in the full model."""
    there = presence(study)
    cells, factors = there.shape

    def draw(*shape: int) -> Array:
        if family.tails == "log-normal":
            worse = np.exp(SKEWED * rng.standard_normal(shape))
            square = np.exp(SKEWED**2)
            return (np.sqrt(square) - worse) / np.sqrt(square * (square - 1))
        if family.tails == "normal":
            return rng.standard_normal(shape)
        return rng.standard_t(3, shape) / np.sqrt(3)

    own = draw(studies, family.n, cells)
    if family.pairing == "seed":
        own = np.sqrt(0.4) * own + np.sqrt(0.6) * draw(studies, family.n, 1)
    elif family.pairing == "level":
        levels = draw(studies, family.n, factors, 2)
        shared = sum(levels[:, :, index, there[:, index].astype(int)] for index in range(factors))
        own = np.sqrt(0.4) * own + np.sqrt(0.6 / factors) * shared
    return own * spreads(family, study)


def spreads(family: Family, study: Study) -> Array:
    """Return the standard deviation of each cell, shape `(cells,)`."""
    there = presence(study)
    if family.spread == "equal":
        return np.ones(len(there))
    # The fewer parts a cell has, the larger is its spread.
    order = np.argsort(np.argsort(-there.sum(axis=1), kind="stable"), kind="stable")
    return np.geomspace(1.0, LARGEST_SPREAD, len(there))[order]
