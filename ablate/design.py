"""Which cells a study runs: each design is a pure function from factors to cells."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ablate.study import Factor, Refusal, Study, nearest

_UNSAFE = re.compile(r"[^\w=,+-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cell:
    """One level for every factor.

    Attributes:
        levels: Pairs of factor name and level name, in the order of the study's factors.
    """

    levels: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """The cell in one line, such as ``residual=present, norm=absent``."""
        return ", ".join(f"{factor}={level}" for factor, level in self.levels)

    @property
    def slug(self) -> str:
        """The cell as the name of a folder: short, unique, and safe on any file system."""
        plain = ",".join(f"{factor}={level}" for factor, level in self.levels)
        if len(plain) <= 100 and not _UNSAFE.search(plain):
            return plain
        digest = hashlib.blake2s(repr(self.levels).encode(), digest_size=6).hexdigest()
        return f"{_UNSAFE.sub('_', plain)[:60]}-{digest}"

    def __getitem__(self, factor: str) -> str:
        return dict(self.levels)[factor]


@dataclass(frozen=True, slots=True)
class Run:
    """One cell, one replicate: the thing that is trained.

    Attributes:
        cell: The cell.
        seed: The run seed; runs that share it form a block.
    """

    cell: Cell
    seed: int


Design = Callable[[Sequence[Factor]], list[Cell]]


def full_factorial(factors: Sequence[Factor]) -> list[Cell]:
    """Every combination of levels, reference cell first, the last factor varying fastest.

    It estimates every main effect and every interaction.
    """
    names = [factor.name for factor in factors]
    combinations = itertools.product(*(factor.level_names for factor in factors))
    return [Cell(tuple(zip(names, levels, strict=True))) for levels in combinations]


DESIGNS: Mapping[str, Design] = MappingProxyType({"full_factorial": full_factorial})


def cells_of(study: Study) -> list[Cell]:
    """The cells of a study, in the order of its design.

    Raises:
        Refusal: The design is unknown.
    """
    if study.design not in DESIGNS:
        raise Refusal(f"Unknown study.design {study.design!r}.{nearest(study.design, DESIGNS)}")
    return DESIGNS[study.design](study.factors)


def runs_of(study: Study) -> list[Run]:
    """The runs of a study, cell by cell, seeds 0 to replicates - 1 in each."""
    return [Run(cell, seed) for cell in cells_of(study) for seed in range(study.replicates)]
