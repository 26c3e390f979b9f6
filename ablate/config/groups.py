"""The configuration groups that a level may change, and how each of them is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Group:
    """A configuration group that a level may change.

    Attributes:
        called_with: What the function that its `_target_` names is called with, besides its keys;
            None where the group names no function.
        identified_by_content: Whether a hash of what the function returns identifies the group in a
            run's identity, and not its keys: two paths may lead to the same images.
    """

    called_with: tuple[str, ...] | None = None
    identified_by_content: bool = False


VARIANT_GROUPS: Mapping[str, Group] = MappingProxyType(
    {
        "model": Group(called_with=("shape", "classes")),
        "recipe": Group(),
        "data": Group(called_with=(), identified_by_content=True),
    }
)
"""The groups that a variant consists of, by name; each is an attribute of `Variant`."""
