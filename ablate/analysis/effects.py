"""Effects with their evidence and verdicts, from measurements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ablate.analysis.contrasts import Contrast, contrasts_of
from ablate.analysis.estimates import Estimates, estimate, smallest_flip_p
from ablate.analysis.findings import Effect
from ablate.analysis.looks import looks_of
from ablate.analysis.measurements import Array, Measurements
from ablate.analysis.verdicts import VERDICTS, judge
from ablate.analysis.wording import difference_in_words, enumeration
from ablate.study.study import Study


@dataclass(frozen=True, slots=True)
class Evidence:
    """Effects and what is behind them, in one order.

    Attributes:
        measured: The complete runs.
        contrasts: The weights of each effect.
        found: Their estimates.
        effects: The effects with their verdicts.
    """

    measured: Measurements
    contrasts: tuple[Contrast, ...]
    found: Estimates
    effects: tuple[Effect, ...]


def oriented(study: Study, responses: Array) -> Array:
    """The first response turned so that more is better."""
    return responses if study.response.direction == "higher" else -responses


def families_of(contrasts: Sequence[Contrast]) -> npt.NDArray[np.int_]:
    """Family of each contrast for Holm's correction: components are one, interactions another.

    Simple and main effects are one family, since both give verdicts on the same components. Of a
    single factor they are the same number, and not corrected for each other.
    """
    single = len({contrast.moves for contrast in contrasts}) == 1
    kinds = {"simple": 0, "main": 2 if single else 0, "interaction": 1}
    return np.array([kinds[contrast.kind] for contrast in contrasts], dtype=np.int_)


def estimate_contrasts(
    study: Study, measured: Measurements, *, contrasts: Sequence[Contrast]
) -> Estimates:
    """Estimates of contrasts of the first response."""
    responses = oriented(study, measured.responses[study.response.name])
    return estimate(
        responses,
        np.array([contrast.weights for contrast in contrasts]).reshape(-1, len(measured.cells)),
        paired=measured.paired,
        families=families_of(contrasts),
        looks=len(looks_of(study)),
    )


def effects_of(study: Study, measured: Measurements, *, order: int = 2) -> Evidence:
    """The effects that the design can estimate: simple, main, interactions up to an order.

    An effect that the design could estimate, but for which a cell has no complete run, has NaN as
    its numbers and the reason as its method.
    """
    contrasts = contrasts_of(study, measured.cells, order=order)
    found = estimate_contrasts(study, measured, contrasts=contrasts)
    verdicts = judge(found, study.margin)
    effects = tuple(
        Effect(
            name=contrast.name,
            kind=contrast.kind,
            estimate=float(found.estimate[place]),
            low=float(found.low[place]),
            high=float(found.high[place]),
            p=float(found.p[place]),
            p_adjusted=float(found.p_adjusted[place]),
            n=int(found.n[place]),
            verdict=None if contrast.kind == "interaction" else VERDICTS[int(verdicts[place])],
            method=_method(study, measured, contrast=contrast, found=found, place=place)
            + _over_looks(study, float(found.error[place])),
        )
        for place, contrast in enumerate(contrasts)
    )
    return Evidence(measured, contrasts, found, effects)


def _over_looks(study: Study, error: float) -> str:
    looks = len(looks_of(study))
    if looks == 1 or not math.isfinite(error):
        return ""
    return f"; seeds were added in rounds: holds over {looks} looks"


def _method(
    study: Study, measured: Measurements, *, contrast: Contrast, found: Estimates, place: int
) -> str:
    missing = [
        f"[{difference_in_words(study, dict(cell.levels))}]"
        for cell, weight, count in zip(
            measured.cells, contrast.weights, measured.counts, strict=True
        )
        if weight and not count
    ]
    if missing:
        return f"not estimable: no complete run of {enumeration(missing, most=3)}"
    n = int(found.n[place])
    if not math.isfinite(found.error[place]):
        return "estimate only: too few runs for an interval"
    if not found.blocked[place]:
        why = "fewer than two seeds in all its cells" if measured.paired else "runs without seeds"
        return f"Welch-Satterthwaite t, df {found.df[place]:.1f} ({why})"
    interval = f"paired by seed, t with {n - 1} df"
    if found.flipped[place]:
        return f"{interval}; p: exact sign-flip"
    if found.error[place] == 0:
        return f"{interval}; no spread at all, p: exact sign-flip"
    return f"{interval}; p: t (smallest sign-flip p: {smallest_flip_p(n):.2g})"
