"""Which layers a name of the configuration means."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Sequence

from ablate.errors import RequestError
from ablate.wording import first_few

MOST_NAMED = 4
"""Layers that a refusal names."""


def matching_names(names: Sequence[str], unit: str, *, key: str) -> list[str]:
    """The layers that a name means.

    Args:
        names: The names of the layers.
        unit: The name of a layer; what comes before a ``_`` in the names of several, such as
            ``block2``; or a pattern with ``*``, ``?`` or ``[``.
        key: The key that has it, such as ``model.units``.

    Raises:
        RequestError: It means none.
    """
    if set(unit) & set("*?["):
        matching = fnmatch.filter(names, unit)
    else:
        matching = [name for name in names if name == unit or name.startswith(f"{unit}_")]
    if not matching:
        raise RequestError(
            f"Unknown layer or block {unit!r} in {key}. Nearest: {_nearest(unit, names)}."
        )
    return matching


def _nearest(unit: str, names: Iterable[str]) -> str:
    """The names of layers and blocks that are most like a unit, or some of them if none is."""
    starts = {name.rsplit("_", number)[0] for name in names for number in (0, 1, 2)}
    like = difflib.get_close_matches(unit, sorted(starts), n=MOST_NAMED)
    return ", ".join(like) or first_few(list(names), most=MOST_NAMED)
