"""Which cells a study runs: each design is a pure function from a study to its cells."""

from __future__ import annotations

import hashlib
import itertools
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ablate.errors import RequestError, nearest
from ablate.study.study import Study

MOST_CELLS = 2**13
"""Cells that a report can compare: 4,096 took 0.8 GB of memory, which grows with their square."""
_UNSAFE = re.compile(r"[^\w=,+-]+", re.ASCII)
_JOINTS = re.compile("[=,]")


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
        # With a joint inside a name, two cells could be called the same.
        unique = not any(_JOINTS.search(name) for pair in self.levels for name in pair)
        if unique and len(plain) <= 100 and not _UNSAFE.search(plain):
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

    @property
    def key(self) -> str:
        """The run in one word, such as ``residual=present/0``; its folder is called like that."""
        return f"{self.cell.slug}/{self.seed}"


Design = Callable[[Study], list[Cell]]


def full_factorial(study: Study) -> list[Cell]:
    """Every combination of levels, reference cell first; the last factor varies fastest.

    The cells estimate every main effect and every interaction.
    """
    names = [factor.name for factor in study.factors]
    _refuse_too_many(study, study.combinations)
    combinations = itertools.product(*(factor.level_names for factor in study.factors))
    return [Cell(tuple(zip(names, levels, strict=True))) for levels in combinations]


def leave_one_out(study: Study) -> list[Cell]:
    """The reference cell, then each factor alone at each of its other levels.

    1 + sum(levels - 1) cells. They estimate what each removal costs the full model, and no
    interaction.
    """
    moves = [(factor.name, level) for factor in study.factors for level in factor.level_names[1:]]
    return [_cell_with(study, {}), *(_cell_with(study, {factor: level}) for factor, level in moves)]


def one_in(study: Study) -> list[Cell]:
    """The cell without any part, then each part alone.

    1 + factors cells. They estimate what each part contributes on its own, and no interaction. The
    reference cell is not one of them.

    Raises:
        RequestError: A factor has more than two levels, so that several cells have no part.
    """
    _refuse_many_levels(study)
    return [
        _cell_of_parts(study, ()),
        *(_cell_of_parts(study, {factor.name}) for factor in study.factors),
    ]


def leave_one_out_and_one_in(study: Study) -> list[Cell]:
    """The cells of `leave_one_out`, then the further ones of `one_in`.

    2 + 2 * factors cells; with up to three factors, the full factorial. The opposite of every cell
    is a cell too, which keeps main effects free of two-factor interactions.

    Raises:
        RequestError: A factor has more than two levels.
    """
    return _distinct([*leave_one_out(study), *one_in(study)])


def pairs(study: Study) -> list[Cell]:
    """The reference cell, then each part alone, then each pair of parts.

    Of X + Y + Z it leaves out only the cell without any part.

    Raises:
        RequestError: There is only one factor, or a factor has more than two levels.
    """
    _refuse_many_levels(study)
    _refuse_one_factor(study)
    names = [factor.name for factor in study.factors]
    _refuse_too_many(study, 2 + math.comb(len(names) + 1, 2))
    kept = [*itertools.combinations(names, 1), *itertools.combinations(names, 2)]
    return _distinct([_cell_with(study, {}), *(_cell_of_parts(study, parts) for parts in kept)])


def fractional_factorial(study: Study) -> list[Cell]:
    """The smallest regular fraction of the full factorial with `study.resolution` or a higher one.

    Resolution 3 confuses main effects with two-factor interactions, 4 confuses two-factor
    interactions with each other, 5 neither. The reference cell is in the fraction. The order is
    that of the full factorial.

    Raises:
        RequestError: There is no resolution, only one factor, or one with more than two levels.
    """
    _refuse_many_levels(study)
    _refuse_one_factor(study)
    if study.resolution is None:
        raise RequestError(
            "Expected study.resolution with design fractional_factorial: 3 (main effects are "
            "confused with interactions), 4 (interactions with each other) or 5; received nothing."
        )
    import pydoe  # takes a second, so not at the top

    return _from_signs(study, pydoe.fracfact_by_res(len(study.factors), study.resolution))


def plackett_burman(study: Study) -> list[Cell]:
    """As few cells as main effects need: the next multiple of four above the number of factors.

    Each main effect is confused with two-factor interactions of the others, fully or partly. The
    reference cell is in the design. The order is that of the full factorial.

    Raises:
        RequestError: There is only one factor, more than 23, or one with more than two levels.
    """
    _refuse_many_levels(study)
    _refuse_one_factor(study)
    if len(study.factors) > 23:
        raise RequestError(
            f"Expected at most 23 factors with design plackett_burman; received "
            f"{len(study.factors)}. Use fractional_factorial with study.resolution=3."
        )
    import pydoe  # takes a second, so not at the top

    return _from_signs(study, pydoe.pbdesign(len(study.factors)))


def cells_by_hand(study: Study) -> list[Cell]:
    """The cells of `study.cells`: the reference cell, then the others in the order of the list.

    Raises:
        RequestError: A factor or a level is unknown, a cell is listed twice, the reference cell is
            missing, or a level is in no cell.
    """
    cells = [_cell_with(study, dict(moves)) for moves in study.cells]
    for cell in cells:
        if cells.count(cell) > 1:
            raise RequestError(
                f"Expected every cell of study.cells once; {cell.name} is listed twice."
            )
    reference = _cell_with(study, {})
    if reference not in cells:
        raise RequestError(
            f"Expected the full model, {{}}, in study.cells; received {len(cells)} cells "
            f"without {reference.name}."
        )
    for factor in study.factors:
        for level in factor.level_names:
            if all(cell[factor.name] != level for cell in cells):
                raise RequestError(
                    f"Expected every level in one or more of study.cells; none has "
                    f"{factor.name}={level}."
                )
    return _distinct([reference, *cells])


DESIGNS: Mapping[str, Design] = MappingProxyType(
    {
        "full_factorial": full_factorial,
        "leave_one_out": leave_one_out,
        "one_in": one_in,
        "leave_one_out_and_one_in": leave_one_out_and_one_in,
        "pairs": pairs,
        "fractional_factorial": fractional_factorial,
        "plackett_burman": plackett_burman,
        "cells": cells_by_hand,
    }
)


def cells_of(study: Study) -> list[Cell]:
    """The cells of a study, in the order of its design.

    Raises:
        RequestError: The design is unknown, does not fit the factors, or ignores a key given.
    """
    design = DESIGNS.get(str(study.design))
    if design is None:
        raise RequestError(
            f"Unknown study.design {study.design!r}.{nearest(str(study.design), DESIGNS)}"
        )
    # If a key had no effect, the study would run other cells than its author expects.
    for key, owner in (("resolution", "fractional_factorial"), ("cells", "cells")):
        if getattr(study, key) and study.design != owner:
            raise RequestError(
                f"Expected study.{key} with study.design {owner!r} only; received it with "
                f"{study.design!r}. Set study.design={owner} or study.{key}=null."
            )
    cells = design(study)
    _refuse_too_many(study, len(cells))
    return cells


def _cell_with(study: Study, moves: Mapping[str, str]) -> Cell:
    """The full model with some factors at other levels."""
    factors = {factor.name: factor for factor in study.factors}
    for name, level in moves.items():
        if name not in factors:
            raise RequestError(f"Unknown factor {name!r} in study.cells.{nearest(name, factors)}")
        factors[name].level(level)
    return Cell(tuple({**study.reference, **moves}.items()))


def _cell_of_parts(study: Study, parts: Collection[str]) -> Cell:
    """The cell of two-level factors in which only these are at their reference."""
    moves = {
        factor.name: factor.level_names[1] for factor in study.factors if factor.name not in parts
    }
    return _cell_with(study, moves)


def _from_signs(study: Study, signs: Iterable[Iterable[float]]) -> list[Cell]:
    """One cell for each row; a positive sign stands for the reference level.

    The reference cell is then in every fraction: a row of ones satisfies each generator without a
    minus, and the Hadamard matrices of pydoe contain one.
    """
    names = [factor.name for factor in study.factors]
    rows = sorted((tuple(sign > 0 for sign in row) for row in signs), reverse=True)
    return [
        _cell_of_parts(study, {name for name, kept in zip(names, row, strict=True) if kept})
        for row in rows
    ]


def _distinct(cells: Iterable[Cell]) -> list[Cell]:
    return list(dict.fromkeys(cells))


def _refuse_too_many(study: Study, cells: int) -> None:
    if cells > MOST_CELLS:
        raise RequestError(
            f"Expected at most {MOST_CELLS:,} cells; study.design {study.design!r} of "
            f"{len(study.factors)} factors has {cells:,}. Use fewer factors, or another design "
            f"such as leave_one_out."
        )


def _refuse_many_levels(study: Study) -> None:
    for factor in study.factors:
        if len(factor.levels) > 2:
            raise RequestError(
                f"Expected factors with two levels with study.design {study.design!r}; "
                f"{factor.name!r} has {len(factor.levels)}. Use full_factorial, leave_one_out or "
                f"cells."
            )


def _refuse_one_factor(study: Study) -> None:
    if len(study.factors) < 2:
        raise RequestError(
            f"Expected two or more factors with study.design {study.design!r}; received one. Use "
            f"full_factorial."
        )
