"""Which factors are parts of a model, and how many parts a cell has.

There are two rules. A *switch* is a factor whose levels are exactly present and absent: a grid
shows it with a tick or a dash. A cell *has* the part of any factor unless it is at a level called
absent or none; where no level is called so, it has the part at the reference level.
"""

from __future__ import annotations

from collections.abc import Sequence

from ablate.study.design import Cell
from ablate.study.study import Factor

NOTHING = frozenset({"absent", "none"})
"""Names of levels at which a model lacks the part."""


def is_switch(factor: Factor) -> bool:
    """Return whether the levels of a factor are exactly present and absent."""
    return set(factor.level_names) == {"present", "absent"}


def has_part(factor: Factor, level: str) -> bool:
    """Return whether a model at a level of a factor has the part."""
    if NOTHING & set(factor.level_names):
        return level not in NOTHING
    return level == factor.reference.name


def part_count(factors: Sequence[Factor], cell: Cell) -> int:
    """Return how many parts the model of a cell has."""
    return sum(has_part(factor, cell[factor.name]) for factor in factors)
