"""Which effects the cells of a design cannot separate, as sentences."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ablate.study.design import Cell, cells_of
from ablate.study.study import Factor, Study
from ablate.wording import enumeration

Columns = npt.NDArray[np.float64]


def aliases(study: Study) -> list[str]:
    """The effects that the cells of a study confuse, up to two-factor interactions.

    They are computed from the cells themselves. First come effects that are fully confused, such as
    ``residual is confused with norm:conv``, in the order of the study's factors, main effects
    before interactions; then effects that are partly confused.

    Raises:
        RequestError: The design does not fit the study; see `ablate.study.design.cells_of`.
    """
    cells = cells_of(study)
    if len(cells) == study.combinations:
        return []
    if _one_at_a_time(cells):
        return ["no interaction can be estimated: the cells change one factor at a time"]
    main = {factor.name: _main(factor, cells) for factor in study.factors}
    both = {
        f"{one}:{other}": _interaction(main[one], main[other])
        for one, other in itertools.combinations(main, 2)
    }
    groups = _equal_terms({**main, **both})
    words = [
        f"{first} is confused with {enumeration(others, most=len(others))}"
        for first, *others in groups
    ]
    partly = _partly_confused(main, both)
    named = {name for group in groups for name in group}.union(main if partly else ())
    return [*words, *partly, *_inseparable({**main, **both}, named, interactions=list(both))]


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


def _equal_terms(terms: Mapping[str, Columns]) -> list[list[str]]:
    """Groups of terms whose single column is equal up to its sign."""
    mean = np.ones((len(next(iter(terms.values()))), 1))
    groups: dict[tuple[float, ...], list[str]] = {}
    for name, columns in {**terms, "the mean": mean}.items():
        if columns.shape[1] == 1:
            column = columns[:, 0]
            sign = -1.0 if column[0] < 0 else 1.0
            groups.setdefault(tuple((sign * column).tolist()), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def _partly_confused(main: Mapping[str, Columns], both: Mapping[str, Columns]) -> list[str]:
    """The largest share of interactions in main effects, if main effects are orthogonal."""
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
    terms: Mapping[str, Columns], named: set[str], *, interactions: Sequence[str]
) -> list[str]:
    """Terms without a unique estimate even when all terms are estimated together.

    Args:
        terms: Columns of every term.
        named: Terms that have been reported already.
        interactions: Names of the interactions among the terms.
    """
    widths = [columns.shape[1] for columns in terms.values()]
    mean = np.ones((len(next(iter(terms.values()))), 1))
    _, sizes, right = np.linalg.svd(np.hstack([mean, *terms.values()]), full_matrices=True)
    rank = int((sizes > 1e-9 * sizes[0]).sum())
    # A coefficient has a unique least-squares value if every null-space vector is zero there.
    is_open = np.abs(right[rank:]).max(axis=0, initial=0.0)[1:] > 1e-6
    blocks = np.split(is_open, np.cumsum(widths)[:-1])
    left = [
        name for name, block in zip(terms, blocks, strict=True) if block.any() and name not in named
    ]
    if not left:
        return []
    if left == [name for name in interactions if name not in named]:
        more = "" if left == list(interactions) else "further "
        return [f"no {more}interaction can be separated from the others"]
    return [f"the cells cannot separate {enumeration(left, most=len(left))}"]
