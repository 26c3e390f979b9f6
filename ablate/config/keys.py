"""The keys of a request: its groups, its other keys, and old names of keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ablate.config.groups import VARIANT_GROUPS
from ablate.errors import RequestError
from ablate.fields import refuse_unknown_keys

LEVEL_GROUPS = (*VARIANT_GROUPS, "cell")
"""The groups whose keys a level or a study file may change."""
GROUPS = ("study", *LEVEL_GROUPS, "device", "store", "report")
KEYS = (*GROUPS, "plan_only", "on_change", "seed", "allow", "unit")

RENAMED: Mapping[str, str] = MappingProxyType(
    {"device.patience_seconds": "device.heartbeat_timeout_seconds"}
)
"""New names of keys, by the old one."""


_DOTS = re.compile(r"(?:^|[/@\s])\.+(?:$|[/@\s])")
_COMPUTED = re.compile(r"\$\{(?!oc\.env)[^{}]*:")
"""An interpolation that calls a function, which could write dots; variables have their own rule."""


def leads_out(choice: str) -> bool:
    """Whether the name of a choice leads to a file outside of the folders of the groups."""
    doubtful = _DOTS.search(choice) or _COMPUTED.search(choice)
    return doubtful is not None or choice.startswith("/") or "//" in choice


def refuse_renamed_key(key: str) -> None:
    """Refuse the old name of a key.

    Raises:
        RequestError: The key has a new name, which the message gives.
    """
    if key in RENAMED:
        raise RequestError(f"The key {key} is now called {RENAMED[key]}; write {RENAMED[key]}.")


def check_keys(keys: Iterable[object], known: Iterable[str], *, node: str) -> None:
    """Check that a node has all of its keys and no others.

    Args:
        keys: What was received.
        known: What the node has.
        node: Name of the node, such as ``device``.

    Raises:
        RequestError: A key is unknown, renamed or missing.
    """
    received, known = list(keys), tuple(known)
    for key in received:
        refuse_renamed_key(f"{node}.{key}")
    refuse_unknown_keys(received, known, node=node)
    for key in known:
        if key not in received:
            raise RequestError(f"Expected {node}.{key}; received a {node} without it.")
