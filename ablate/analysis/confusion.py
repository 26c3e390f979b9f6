"""Which effects a set of cells confuses with others: their contrast estimates the sum of both."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from ablate.analysis.arrays import Array
from ablate.analysis.contrasts import Contrast
from ablate.study.design import Cell
from ablate.study.study import Factor, Study

NEGLIGIBLE = 1e-9


def confused_effects(
    study: Study, cells: Sequence[Cell], *, contrasts: Sequence[Contrast]
) -> tuple[tuple[str, ...], ...]:
    """Return for each contrast the main effects and pairs of factors that are confused with it.

    Those that are confused most come first. An effect in the full model compares two cells that
    differ in one factor alone, so nothing is confused with it. An interaction of three or more
    factors is taken to be 0.
    """
    if len(cells) == study.combinations:
        return ((),) * len(contrasts)
    main: dict[tuple[str, ...], Array] = {
        (factor.name,): _columns(factor, cells) for factor in study.factors
    }
    pairs: dict[tuple[str, ...], Array] = {
        (*one, *other): (main[one][:, :, None] * main[other][:, None, :]).reshape(len(cells), -1)
        for one, other in itertools.combinations(main, 2)
    }
    return tuple(_confused(contrast, {**main, **pairs}) for contrast in contrasts)


def _columns(factor: Factor, cells: Sequence[Cell]) -> Array:
    """Return 1 at the reference and -1 at the column's level, shape `(cells, levels - 1)`."""
    levels = np.array([cell[factor.name] for cell in cells])
    reference = (levels == factor.reference.name).astype(np.float64)
    return np.stack([reference - (levels == level) for level in factor.level_names[1:]], axis=1)


def _confused(contrast: Contrast, terms: dict[tuple[str, ...], Array]) -> tuple[str, ...]:
    if contrast.kind == "simple":
        return ()
    own = {factor for factor, _ in contrast.moves}
    shares = {
        ":".join(names): float(np.abs(contrast.weights @ columns).max())
        for names, columns in terms.items()
        if not (own & set(names) if contrast.kind == "main" else own == set(names))
    }
    found = [name for name, share in shares.items() if share > NEGLIGIBLE]
    return tuple(sorted(found, key=lambda name: -round(shares[name], 6)))
