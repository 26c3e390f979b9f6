"""The effect of a part for each setting of the other parts, where an average would mislead."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ablate.analysis.arrays import Array
from ablate.analysis.contrasts import Contrast
from ablate.analysis.effects import Evidence, certain_interactions, estimate_contrasts
from ablate.analysis.findings import Setting
from ablate.study.study import Study

MOST_PAIRS = 12
"""Largest number of pairs of cells that are given one by one."""

Move = tuple[str, str]
"""A factor and the level that its reference level is compared with."""
Where = tuple[tuple[str, str], ...]


def settings_of(study: Study, evidence: Evidence, *, move: Move) -> tuple[Setting, ...]:
    """Return a part's effect at each level of the other factor on which it depends most.

    The other factor is that of the largest certain interaction; without one, that of the largest
    interaction, since runs that did not learn can make any interaction uncertain.
    """
    possible = certain_interactions(study, evidence, move=move) or [
        (contrast, effect)
        for contrast, effect in zip(evidence.contrasts, evidence.effects, strict=True)
        if len(contrast.moves) == 2 and move in contrast.moves and math.isfinite(effect.estimate)
    ]
    if not possible:
        return ()
    largest, _ = max(possible, key=lambda pair: abs(pair[1].estimate))
    other, level = next(pair for pair in largest.moves if pair != move)
    column = np.array([cell[other] for cell in evidence.measurements.cells])
    reference = study.reference[other]
    weights: dict[Where, Array] = {
        # The interaction is the effect at the reference level minus the effect at the other level.
        ((other, reference),): np.where(column == reference, largest.weights, 0.0),
        ((other, level),): np.where(column == level, -largest.weights, 0.0),
    }
    return _settings(study, evidence, move=move, weights=weights)


def matched_settings(study: Study, evidence: Evidence, *, move: Move) -> tuple[Setting, ...]:
    """Return a part's effect for each pair of measured cells that differ in this part alone."""
    factor, level = move
    cells, counts = evidence.measurements.cells, evidence.measurements.counts
    indices = {cell.levels: index for index, cell in enumerate(cells) if counts[index]}
    weights: dict[Where, Array] = {}
    for levels, index in indices.items():
        moved = tuple((name, level if name == factor else own) for name, own in levels)
        if dict(levels)[factor] == study.reference[factor] and moved in indices:
            where = tuple(pair for pair in levels if pair[0] != factor)
            weights[where] = np.zeros(len(cells))
            weights[where][index], weights[where][indices[moved]] = 1.0, -1.0
    shown = dict(list(weights.items())[:MOST_PAIRS])
    return _settings(study, evidence, move=move, weights=shown)


def _settings(
    study: Study, evidence: Evidence, *, move: Move, weights: Mapping[Where, Array]
) -> tuple[Setting, ...]:
    contrasts = [Contrast("", "simple", (move,), own) for own in weights.values()]
    if not contrasts:
        return ()
    estimates = estimate_contrasts(study, evidence.measurements, contrasts=contrasts)
    return tuple(
        Setting(
            where=where,
            estimate=float(estimates.estimate[index]),
            low=float(estimates.low[index]),
            high=float(estimates.high[index]),
            n=int(estimates.n[index]),
            failed=evidence.failed_runs(own),
            runs=int(evidence.measurements.counts[own != 0].sum()),
        )
        for index, (where, own) in enumerate(weights.items())
    )
