"""Which effects a design cannot tell apart, in words."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ablate.study.design import Cell, cells_of
from ablate.study.study import Factor, Study

Columns = npt.NDArray[np.float64]


def aliases(study: Study) -> list[str]:
    """What the cells of a study confuse, up to two-factor interactions; empty where nothing.

    It is read off the cells themselves. First what is confused wholly, in the order of the study's
    factors with main effects before interactions, such as ``residual is confused with
    norm:conv``; then what is confused in part.

    Raises:
        RequestError: The design does not fit the study; see `ablate.study.design.cells_of`.
    """
    cells = cells_of(study)
    if len(cells) == math.prod(len(factor.levels) for factor in study.factors):
        return []
    if _one_at_a_time(cells):
        return ["no interaction can be estimated: the cells move one factor at a time"]
    main = {factor.name: _main(factor, cells) for factor in study.factors}
    both = {
        f"{one}:{other}": _interaction(main[one], main[other])
        for one, other in itertools.combinations(main, 2)
    }
    groups = _confused({**main, **both})
    words = [f"{first} is confused with {_join(others)}" for first, *others in groups]
    partly = _partly(main, both)
    told = {name for group in groups for name in group}.union(main if partly else ())
    return [*words, *partly, *_inseparable({**main, **both}, told, interactions=list(both))]


def _one_at_a_time(cells: Sequence[Cell]) -> bool:
    first = cells[0].levels
    return all(
        sum(here != there for here, there in zip(cell.levels, first, strict=True)) <= 1
        for cell in cells
    )


def _main(factor: Factor, cells: Sequence[Cell]) -> Columns:
    """Effect coding, shape `(cells, levels - 1)`: 1 at the reference, -1 at the column's level."""
    levels = np.array([cell[factor.name] for cell in cells])
    reference = (levels == factor.reference.name).astype(float)
    return np.stack([reference - (levels == level) for level in factor.level_names[1:]], axis=1)


def _interaction(one: Columns, other: Columns) -> Columns:
    return (one[:, :, None] * other[:, None, :]).reshape(len(one), -1)


def _confused(terms: Mapping[str, Columns]) -> list[list[str]]:
    """Terms with the same column up to its sign, where they have one column."""
    mean = np.ones((len(next(iter(terms.values()))), 1))
    groups: dict[tuple[float, ...], list[str]] = {}
    for name, columns in {**terms, "the mean": mean}.items():
        if columns.shape[1] == 1:
            column = columns[:, 0]
            sign = -1.0 if column[0] < 0 else 1.0
            groups.setdefault(tuple((sign * column).tolist()), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def _partly(main: Mapping[str, Columns], both: Mapping[str, Columns]) -> list[str]:
    """The share of interactions in main effects, where main effects are orthogonal."""
    effects = np.hstack(list(main.values()))
    count = len(effects)
    balanced = np.hstack([np.ones((count, 1)), effects])
    if not np.allclose(balanced.T @ balanced, count * np.eye(balanced.shape[1])):
        return []
    shares = np.abs(effects.T @ np.hstack(list(both.values()))) / count
    shares[np.isclose(shares, 1)] = 0
    if np.allclose(shares, 0):
        return []
    return [
        f"main effects are partly confused with interactions of two other factors, by up to "
        f"{shares.max():.2g} of their size"
    ]


def _inseparable(
    terms: Mapping[str, Columns], told: set[str], *, interactions: Sequence[str]
) -> list[str]:
    """Terms that the cells leave open even when all of them are solved for, and not yet told."""
    widths = [columns.shape[1] for columns in terms.values()]
    mean = np.ones((len(next(iter(terms.values()))), 1))
    _, sizes, right = np.linalg.svd(np.hstack([mean, *terms.values()]), full_matrices=True)
    rank = int((sizes > 1e-9 * sizes[0]).sum())
    # A coefficient has one least-squares value where no vector of the null space touches it.
    is_open = np.abs(right[rank:]).max(axis=0, initial=0.0)[1:] > 1e-6
    blocks = np.split(is_open, np.cumsum(widths)[:-1])
    left = [
        name for name, block in zip(terms, blocks, strict=True) if block.any() and name not in told
    ]
    if not left:
        return []
    if left == [name for name in interactions if name not in told]:
        more = "" if left == list(interactions) else "further "
        return [f"no {more}interaction can be told apart from the others"]
    return [f"the cells cannot tell {_join(left)} apart"]


def _join(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
