"""Which factors are parts of a model, and how many parts a cell has.

A *switch* is a factor whose levels are exactly present and absent: a grid shows it with a tick or a
dash. A factor is a *part* if one of its levels is called absent or none: a model at another level
has the part. The levels of any other factor are *alternatives*, such as two activations: each model
has one of them, so none makes it simpler.
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


def is_part(factor: Factor) -> bool:
    """Return whether a model can lack what the factor switches."""
    return bool(NOTHING & set(factor.level_names))


def is_alternative(level: str) -> bool:
    """Return whether a level is an alternative to the reference level: not the absence of a part.

    If the reference level is the absence, the other level adds a part, so it is an alternative too.
    """
    return level not in NOTHING


def part_count(factors: Sequence[Factor], cell: Cell) -> int:
    """Return how many parts the model of a cell has."""
    return sum(is_part(factor) and cell[factor.name] not in NOTHING for factor in factors)
