"""From a dotted name in a configuration to the Python object that it names."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from ablate.study import Refusal, nearest

TRUSTED = ("ablate", "keras")


def check_target(target: object, allow: Sequence[str]) -> str:
    """The dotted name, if it lies in a package whose code may be called; nothing is imported.

    A configuration is code: whoever may write any `_target_` may call anything. So only this
    program, Keras and packages that the user names himself are looked into.

    Raises:
        Refusal: The name is not a dotted one, or its package is not allowed.
    """
    if not isinstance(target, str) or "." not in target:
        raise Refusal(f"Expected _target_ as package.module.name; received {target!r}.")
    allowed = (*TRUSTED, *allow)
    if not any(target.startswith(f"{package}.") for package in allowed):
        raise Refusal(
            f"Expected _target_ inside {', '.join(allowed)}; received {target!r}. "
            f"If that code is to be trusted, add allow=[{target.split('.')[0]}]."
        )
    return target


def locate(target: object, allow: Sequence[str]) -> Callable[..., Any]:
    """The callable at a dotted name.

    Args:
        target: Such as ``ablate.models.convnet.build``.
        allow: Packages allowed besides `TRUSTED`.

    Raises:
        Refusal: The name is not allowed, cannot be imported, or is not callable.
    """
    module_name, _, name = check_target(target, allow).rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise Refusal(f"Cannot import {module_name!r} of _target_ {target!r}: {error}.") from error
    found = getattr(module, name, None)
    if not callable(found):
        public = [key for key in vars(module) if not key.startswith("_")]
        raise Refusal(f"{module_name} has no callable {name!r}.{nearest(name, public)}")
    return found  # type: ignore[no-any-return]
