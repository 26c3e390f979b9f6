"""The configuration groups that a level may change, and how each of them is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Group:
    """A configuration group that a level may change.

    Attributes:
        called_with: Names of the positional arguments of the function that `_target_` names; its
            keys are the keyword arguments. None if the group names no function.
        offered: Names of keywords that the program gives to a function that has them; they are no
            keys.
        builder: The key of a function that names another one, whose code is part of its own; empty
            for none.
        package: The package of this program whose functions it may name; others must be allowed.
        identified_by_content: Whether a run's identity holds a hash of what the function returns
            instead of the group's keys: two paths may lead to the same images.
        optional: Whether its `_target_` may be null. The group then does nothing, and it is no part
            of a run's identity.
    """

    called_with: tuple[str, ...] | None = None
    offered: tuple[str, ...] = ()
    builder: str = ""
    package: str = ""
    identified_by_content: bool = False
    optional: bool = False


VARIANT_GROUPS: Mapping[str, Group] = MappingProxyType(
    {
        "model": Group(
            called_with=("shape", "classes"),
            offered=("output", "allowed_packages"),
            builder="of",
            package="ablate.models",
        ),
        "recipe": Group(),
        "data": Group(called_with=(), package="ablate.data", identified_by_content=True),
        "augment": Group(called_with=("shape",), package="ablate.augment", optional=True),
    }
)
"""The groups that a variant consists of, by name; each is an attribute of `Variant`."""
