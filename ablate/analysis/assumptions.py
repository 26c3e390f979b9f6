"""The kind of warning about what is only assumed of results of other programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class GuessedReference:
    """The full model is only the first level in the file.

    Attributes:
        levels: Each factor with the level taken for that of the full model.
        other: A factor with another level, as an example.
    """

    serious: ClassVar[bool] = True
    levels: tuple[tuple[str, str], ...]
    other: tuple[str, str]
