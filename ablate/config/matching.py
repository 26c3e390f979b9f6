"""What `model.match` asks: by which size, and to which one, the widths of a model are chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ablate.config.variant import Variant
from ablate.errors import RequestError
from ablate.fields import check_choice, check_whole

KEY = "match"
SIZES = ("parameters", "macs")
WIDTHS = ("filters", "units")
"""The keys of a model that may hold its widths; the first of them that it has does."""


@dataclass(frozen=True, slots=True)
class Match:
    """To which size a model is matched.

    Attributes:
        size: ``parameters`` or ``macs``.
        target: How many it shall have; None for as many as the study's full model has.
    """

    size: str
    target: int | None = None


def match_of(variant: Variant) -> Match | None:
    """What a variant asks; None if its widths stay as they are.

    Raises:
        RequestError: It is neither a size nor a mapping of one to a number, or there are no widths.
    """
    node = variant.model.get(KEY)
    if node is None:
        return None
    widths_of(variant)
    if isinstance(node, Mapping) and len(node) == 1:
        ((size, target),) = node.items()
        check_choice(size, f"model.{KEY}", choices=SIZES)
        return Match(size, check_whole(target, f"model.{KEY}.{size}", least=1))
    if isinstance(node, str):
        return Match(check_choice(node, f"model.{KEY}", choices=SIZES))
    raise RequestError(
        f"Expected model.{KEY} to be parameters, macs or one of them with a number, such as "
        f"{{parameters: 100000}}; received {node!r}."
    )


def widths_of(variant: Variant) -> tuple[str, Sequence[int]]:
    """The key of a variant's model that holds its widths, and these.

    Raises:
        RequestError: It has none.
    """
    for key in WIDTHS:
        widths = variant.model.get(key)
        if isinstance(widths, list | tuple) and widths and all(type(w) is int for w in widths):
            return key, widths
    target = variant.model.get("_target_")
    raise RequestError(
        f"Expected a list of whole numbers as model.{WIDTHS[0]} or model.{WIDTHS[1]}, the widths "
        f"that model.{KEY} changes; {target} has none. Choose another model, or model.{KEY}=null."
    )


def with_widths(variant: Variant, widths: Sequence[int] | None = None) -> Variant:
    """The variant with other widths, or with its own, and without a request to match."""
    model: dict[str, Any] = {key: value for key, value in variant.model.items() if key != KEY}
    if widths is not None:
        model[widths_of(variant)[0]] = list(widths)
    return replace(variant, model=model)
