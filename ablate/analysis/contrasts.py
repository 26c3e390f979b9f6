"""Effects as weights on cell means: which effects a set of cells can estimate, and how."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ablate.analysis.arrays import Array, Mask
from ablate.analysis.findings import Kind
from ablate.study.design import Cell
from ablate.study.study import Factor, Study


@dataclass(frozen=True, slots=True)
class Contrast:
    """A difference of cell means.

    Attributes:
        name: As in `Effect.name`.
        kind: As in `Effect.kind`.
        moves: The factors of the effect, each with the level that its reference is compared with.
        weights: The weight of each cell's mean, shape `(cells,)`. They sum to 0. An interaction is
            a difference of differences: how much the effect of one part changes with the other.
    """

    name: str
    kind: Kind
    moves: tuple[tuple[str, str], ...]
    weights: Array


def contrasts_of(study: Study, cells: Sequence[Cell], *, order: int = 2) -> tuple[Contrast, ...]:
    """Return all effects that the cells can estimate: simple, main, interactions up to an order.

    A main effect or an interaction needs cells in which the levels of every other factor are
    equally frequent on all sides; otherwise the other factors would be compared too. In a fraction
    of a factorial this also holds for effects that are confused with each other; such a contrast
    estimates their sum.
    """
    simple = (_simple(study, cells, move) for move in _moves(study.factors))
    main = (_average(study, cells, (move,)) for move in _moves(study.factors))
    interactions = (
        _average(study, cells, moves)
        for size in range(2, min(order, len(study.factors)) + 1)
        for factors in itertools.combinations(study.factors, size)
        for moves in itertools.product(*(_moves((factor,)) for factor in factors))
    )
    candidates = itertools.chain(simple, main, interactions)
    return tuple(contrast for contrast in candidates if contrast is not None)


def component_names(study: Study) -> dict[tuple[str, str], str]:
    """Return the name of every component by factor and level compared with the reference."""
    return {move: _name(study, (move,)) for move in _moves(study.factors)}


def _moves(factors: Sequence[Factor]) -> Iterator[tuple[str, str]]:
    return ((factor.name, level) for factor in factors for level in factor.level_names[1:])


def _name(study: Study, moves: Sequence[tuple[str, str]]) -> str:
    two_level = {factor.name for factor in study.factors if len(factor.levels) == 2}
    return ":".join(
        factor if factor in two_level else f"{factor}={level}" for factor, level in moves
    )


def _simple(study: Study, cells: Sequence[Cell], move: tuple[str, str]) -> Contrast | None:
    moved = {**study.reference, move[0]: move[1]}
    reference = [index for index, cell in enumerate(cells) if study.is_reference(cell.levels)]
    other = [index for index, cell in enumerate(cells) if dict(cell.levels) == moved]
    if not reference or not other:
        return None
    weights = np.zeros(len(cells))
    weights[reference[0]], weights[other[0]] = 1.0, -1.0
    return Contrast(_name(study, (move,)), "simple", (move,), weights)


def _average(
    study: Study, cells: Sequence[Cell], moves: tuple[tuple[str, str], ...]
) -> Contrast | None:
    """Return a main effect (one move) or an interaction, averaged over the other factors."""
    references = study.reference
    table = {name: np.array([cell[name] for cell in cells]) for name in references}
    sides: list[tuple[int, Mask]] = []
    for off_reference in itertools.product((False, True), repeat=len(moves)):
        mask = np.ones(len(cells), dtype=np.bool_)
        for (name, level), moved in zip(moves, off_reference, strict=True):
            mask &= table[name] == (level if moved else references[name])
        sides.append((-1 if sum(off_reference) % 2 else 1, mask))
    others = [table[name] for name in references if name not in dict(moves)]
    if not _is_balanced([mask for _, mask in sides], others):
        return None
    weights = np.zeros(len(cells))
    for sign, mask in sides:
        weights[mask] = sign / mask.sum()
    return Contrast(
        _name(study, moves), "main" if len(moves) == 1 else "interaction", moves, weights
    )


def _is_balanced(sides: Sequence[Mask], others: Sequence[npt.NDArray[np.str_]]) -> bool:
    """Return whether all sides have cells and the same shares of the other factors' levels."""
    sizes = [int(mask.sum()) for mask in sides]
    if min(sizes) == 0:
        return False
    for levels in others:
        for level in np.unique(levels):
            shares = [float((levels[mask] == level).mean()) for mask in sides]
            if not all(math.isclose(share, shares[0]) for share in shares):
                return False
    return True
