"""What Hydra composes for a cell."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ablate.config.locate import locate
from ablate.config.recipe import Recipe
from ablate.errors import RequestError, nearest


@dataclass(frozen=True, slots=True)
class Variant:
    """What Hydra composes for a cell: the concrete model, data and recipe, and nothing else.

    Attributes:
        model: The `model` node: `_target_` and its keyword arguments.
        data: The `data` node: `_target_` and its keyword arguments.
        recipe: How it is trained.
        allow: Packages, besides this program and Keras, that a `_target_` may name.
    """

    model: Mapping[str, Any]
    data: Mapping[str, Any]
    recipe: Recipe
    allow: tuple[str, ...] = ()


POSITIONAL = {"data": (), "model": ("shape", "classes")}
"""What the function of a group is called with, besides its options."""


def resolve_call(
    node: Mapping[str, Any], group: str, *, allow: tuple[str, ...]
) -> tuple[Callable[..., Any], dict[str, Any]]:
    """The function a node names and the keyword arguments it gives, checked to fit."""
    target = node.get("_target_")
    function = locate(target, allow)
    options = {key: value for key, value in node.items() if key != "_target_"}
    parameters = _parameters(function, target, group)
    known = [item.name for item in parameters if item.kind is item.KEYWORD_ONLY]
    if not any(item.kind is item.VAR_KEYWORD for item in parameters):
        for key in options:
            if key not in known:
                raise RequestError(f"Unknown key {group}.{key}.{nearest(str(key), known)}")
    for item in parameters:
        if item.name in known and item.default is item.empty and options.get(item.name) is None:
            raise RequestError(f"Expected {group}.{item.name} to be given; received nothing.")
    return function, options


def _parameters(
    function: Callable[..., Any], target: object, group: str
) -> tuple[inspect.Parameter, ...]:
    """The parameters of a function that can be called as its group calls it."""
    called_with = POSITIONAL[group]
    expected = f"{group}._target_ to be a function of ({', '.join((*called_with, '*, options'))})"
    if isinstance(function, type):
        raise RequestError(f"Expected {expected}; received the class {target!r}.")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # functions written in C need not have one
        raise RequestError(
            f"Expected {expected}; received {target!r}, which tells nothing."
        ) from None
    try:
        signature.bind_partial(*called_with)
    except TypeError:
        raise RequestError(f"Expected {expected}; received {target!r}{signature}.") from None
    parameters = tuple(signature.parameters.values())
    places = [
        item
        for item in parameters
        if item.kind in (item.POSITIONAL_ONLY, item.POSITIONAL_OR_KEYWORD)
    ]
    if any(item.default is item.empty for item in places[len(called_with) :]):
        raise RequestError(f"Expected {expected}; received {target!r}{signature}.")
    return parameters
