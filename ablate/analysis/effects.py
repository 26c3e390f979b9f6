"""Effects with their evidence and verdicts, from measurements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ablate.analysis.contrasts import Contrast, contrasts_of
from ablate.analysis.estimates import Estimates, estimate
from ablate.analysis.findings import Effect, Pairing
from ablate.analysis.looks import looks_of
from ablate.analysis.measurements import Array, Measurements
from ablate.analysis.verdicts import VERDICTS, judge
from ablate.study.design import Cell
from ablate.study.study import Study


@dataclass(frozen=True, slots=True)
class Evidence:
    """Effects and what they were computed from, all in the same order.

    Attributes:
        measurements: The complete runs.
        contrasts: The weights of each effect.
        estimates: Their estimates.
        effects: The effects with their verdicts.
    """

    measurements: Measurements
    contrasts: tuple[Contrast, ...]
    estimates: Estimates
    effects: tuple[Effect, ...]


def oriented(study: Study, responses: Array) -> Array:
    """Return the first response with the sign at which more is better."""
    return responses if study.response.direction == "higher" else -responses


def families_of(contrasts: Sequence[Contrast]) -> npt.NDArray[np.int_]:
    """Return the family of each contrast for Holm's correction, shape `(contrasts,)`.

    Simple and main effects are one family, since both give verdicts on the same components;
    interactions are another. The simple and the main effect of a single factor are the same number
    and are not corrected for each other.
    """
    single = len({contrast.moves for contrast in contrasts}) == 1
    kinds = {"simple": 0, "main": 2 if single else 0, "interaction": 1}
    return np.array([kinds[contrast.kind] for contrast in contrasts], dtype=np.int_)


def estimate_contrasts(
    study: Study, measurements: Measurements, *, contrasts: Sequence[Contrast]
) -> Estimates:
    """Estimate contrasts of the first response."""
    weights = [contrast.weights for contrast in contrasts]
    return estimate(
        oriented(study, measurements.responses[study.response.name]),
        np.array(weights).reshape(-1, len(measurements.cells)),
        paired=measurements.paired,
        families=families_of(contrasts),
        looks=len(looks_of(study)),
    )


def effects_of(study: Study, measurements: Measurements, *, order: int = 2) -> Evidence:
    """Estimate all effects that the design allows: simple, main, interactions up to an order.

    An effect that the design allows, but for which a cell has no complete run, has NaN as its
    numbers and names the cell.
    """
    contrasts = contrasts_of(study, measurements.cells, order=order)
    estimates = estimate_contrasts(study, measurements, contrasts=contrasts)
    verdicts = judge(estimates, study.margin)
    looks = len(looks_of(study))
    effects = tuple(
        Effect(
            name=contrast.name,
            kind=contrast.kind,
            estimate=float(estimates.estimate[index]),
            low=float(estimates.low[index]),
            high=float(estimates.high[index]),
            p=float(estimates.p[index]),
            p_adjusted=float(estimates.p_adjusted[index]),
            n=int(estimates.n[index]),
            verdict=None if contrast.kind == "interaction" else VERDICTS[int(verdicts[index])],
            pairing=_pairing(measurements, bool(estimates.paired[index])),
            error=float(estimates.error[index]),
            df=float(estimates.df[index]),
            exact=bool(estimates.exact[index]),
            looks=looks,
            missing=_missing_cells(measurements, contrast),
        )
        for index, contrast in enumerate(contrasts)
    )
    return Evidence(measurements, contrasts, estimates, effects)


def _pairing(measurements: Measurements, paired: bool) -> Pairing:
    if paired:
        return Pairing.BY_SEED
    return Pairing.TOO_FEW_SHARED_SEEDS if measurements.paired else Pairing.NO_SEEDS


def _missing_cells(measurements: Measurements, contrast: Contrast) -> tuple[Cell, ...]:
    counts = measurements.counts
    needed = np.flatnonzero(contrast.weights)
    return tuple(measurements.cells[index] for index in needed if not counts[index])
