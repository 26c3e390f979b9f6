"""From a dotted name in a configuration to the Python object that it names."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ablate.errors import RequestError, nearest

PACKAGE = Path(__file__).resolve().parents[1]
TRUSTED = ("ablate", "keras")
ALLOW_VARIABLE = "ABLATE_ALLOW"
"""The environment variable that lists packages as `allow` does, separated by commas."""


def shipped_folder(folder: str) -> Path:
    """Path of `conf` or `experiments`: in the package if installed, next to it in a checkout."""
    inside = PACKAGE / folder
    return inside if inside.is_dir() else PACKAGE.parent / folder


def check_target(target: object, allow: Sequence[str], *, own: Sequence[str] = TRUSTED) -> str:
    """Return the dotted name if it is in a package whose code may be called; import nothing.

    A configuration is code: a `_target_` without limits could call anything. So only this program,
    Keras and the packages that the user allows can be named.

    Args:
        target: What was received.
        allow: Packages that the user allows.
        own: Packages that need no permission.

    Raises:
        RequestError: The name is not a dotted one, or its package is not allowed.
    """
    if not isinstance(target, str) or not re.fullmatch(r"\w+(\.\w+)+", target):
        raise RequestError(f"Expected _target_ as package.module.name; received {target!r}.")
    allowed = (*own, *allow)
    if not _is_of(target, allowed):
        names = ",".join((*allow, target.split(".")[0]))
        raise RequestError(
            f"Expected _target_ inside {', '.join(allowed)}; received {target!r}. If you trust "
            f"that code, add 'allow=[{names}]' to the command, or set {ALLOW_VARIABLE}={names}."
        )
    if any(part.startswith("_") for part in target.split(".")):
        # What is private is not offered, and importing a __main__ may start a command.
        raise RequestError(f"Expected _target_ to be public; received {target!r}.")
    return target


def _is_of(target: object, packages: Sequence[str]) -> bool:
    return str(target).startswith(tuple(f"{package}." for package in packages))


def check_targets(node: object, allow: Sequence[str]) -> None:
    """Check every `_target_` below a node at any depth; import nothing.

    Raises:
        RequestError: One is not allowed; see `check_target`.
    """
    for target in targets_in(node):
        check_target(target, allow)


def targets_in(node: object) -> Iterator[object]:
    """Every `_target_` below a node at any depth; that of the node itself comes first.

    One that is null names nothing: whether a group may do without is checked where it is read.
    """
    if isinstance(node, Mapping):
        if node.get("_target_") is not None:
            yield node["_target_"]
        node = list(node.values())
    if isinstance(node, list | tuple):
        for item in node:
            yield from targets_in(item)


def locate(
    target: object, allow: Sequence[str], *, own: Sequence[str] = TRUSTED
) -> Callable[..., Any]:
    """The callable at a dotted name.

    Args:
        target: Such as ``ablate.models.convnet.build``.
        allow: Packages that the user allows.
        own: Packages that need no permission.

    Raises:
        RequestError: The name is not allowed, cannot be imported, or is not callable.
    """
    module_name, _, name = check_target(target, allow, own=own).rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # a user's code may raise anything
        raise RequestError(
            f"Cannot import {module_name!r} of _target_ {target!r}: "
            f"{type(error).__name__}: {error}."
        ) from error
    found = getattr(module, name, None)
    if not callable(found):
        public = [key for key in vars(module) if not key.startswith("_")]
        raise RequestError(f"{module_name} has no callable {name!r}.{nearest(name, public)}")
    if not _is_of(target, allow) and not _is_of(f"{getattr(found, '__module__', '')}.", own):
        # A module of this program or of Keras that imports a function does not offer it.
        raise RequestError(
            f"Expected _target_ to be defined inside {', '.join(own)}; received {target!r}, "
            f"which comes from {found.__module__}."
        )
    return found  # type: ignore[no-any-return]
