"""What Hydra composes for a cell: the variant, and the functions that it calls."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ablate.config.groups import VARIANT_GROUPS
from ablate.config.locate import check_targets, locate
from ablate.config.recipe import Recipe, recipe_from_mapping
from ablate.errors import RequestError
from ablate.fields import refuse_unknown_keys


@dataclass(frozen=True, slots=True)
class Variant:
    """What Hydra composes for a cell: one node for each group that a level may change.

    Attributes:
        model: The `model` node: `_target_` and its keyword arguments.
        data: The `data` node: `_target_` and its keyword arguments.
        recipe: How it is trained.
        allow: Packages, in addition to this program and Keras, that a `_target_` may name.
        augment: The `augment` node: `_target_` and its keyword arguments; empty if images are not
            augmented.
    """

    model: Mapping[str, Any]
    data: Mapping[str, Any]
    recipe: Recipe
    allow: tuple[str, ...] = ()
    augment: Mapping[str, Any] = field(default_factory=dict)

    def nodes(self) -> dict[str, dict[str, Any]]:
        """Its node of each group, as plain JSON values; without optional groups that do nothing."""
        record = {**asdict(self), "recipe": self.recipe.as_node()}
        return {
            name: record[name]
            for name, group in VARIANT_GROUPS.items()
            if record[name] or not group.optional
        }

    def as_json(self) -> dict[str, Any]:
        """The variant as plain JSON values; `read_variant` reads it back."""
        return {**self.nodes(), "allow": list(self.allow)}

    def settings(self) -> dict[str, Any]:
        """Every key of every group with its value, such as ``model.residual: True``.

        An optional group that does nothing has one line, such as ``augment: none``.
        """
        nodes = self.nodes()
        unused = {name: "none" for name in VARIANT_GROUPS if name not in nodes}
        return {**_keys(nodes), **unused}

    def identifying_settings(self) -> dict[str, Any]:
        """The settings that are part of a run's identity."""
        return {
            key: value
            for key, value in _keys(self.nodes()).items()
            if not VARIANT_GROUPS[key.partition(".")[0]].identified_by_content
        }

    def targets(self) -> tuple[str, ...]:
        """The dotted names of the functions and classes that it calls."""
        called = {
            VARIANT_GROUPS[name]: node
            for name, node in self.nodes().items()
            if VARIANT_GROUPS[name].called_with is not None
        }
        own = (str(node.get("_target_")) for node in called.values())
        builders = (node.get(group.builder) for group, node in called.items() if group.builder)
        named = (each for each in builders if isinstance(each, str) and "." in each)
        return (*own, *named, *self.recipe.targets())


def _keys(nodes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {f"{group}.{key}": value for group, node in nodes.items() for key, value in node.items()}


def read_variant(content: Mapping[str, Any]) -> Variant:
    """The variant of a composed configuration, or the one that a plan wrote as JSON.

    Raises:
        RequestError: A key is unknown, or a value is not what it should be.
    """
    called = [name for name, group in VARIANT_GROUPS.items() if group.called_with is not None]
    recipe = recipe_from_mapping(node_of(content, "recipe"))
    refuse_odd_options(recipe.as_node(), "recipe")
    check_targets(recipe.as_node(), allowed_packages(content))
    return Variant(
        recipe=recipe,
        allow=allowed_packages(content),
        **{name: _options(content, name) for name in called},
    )


def allowed_packages(content: Mapping[str, Any]) -> tuple[str, ...]:
    """The packages, in addition to this program and Keras, that a `_target_` may name.

    Raises:
        RequestError: `allow` is no list of package names.
    """
    allow = content.get("allow", [])
    if not isinstance(allow, list | tuple) or not all(
        isinstance(name, str) and re.fullmatch(r"\w+(\.\w+)*", name) for name in allow
    ):
        raise RequestError(f"Expected allow to be a list of package names; received {allow!r}.")
    return tuple(allow)


def node_of(content: Mapping[str, Any], group: str) -> dict[str, Any]:
    """The node of a group.

    Raises:
        RequestError: It is no mapping.
    """
    node = content.get(group)
    if not isinstance(node, dict):
        raise RequestError(f"Expected {group} to be a group of keys; received {node!r}.")
    return node


def _options(content: Mapping[str, Any], group: str) -> dict[str, Any]:
    """A node of options for a function, which a plan's JSON and hashes must be able to hold.

    It is empty for an optional group that names no function.
    """
    if VARIANT_GROUPS[group].optional:
        content = {group: {}, **content}
    node = node_of(content, group)
    if VARIANT_GROUPS[group].optional and node.get("_target_") is None:
        if unused := [key for key in node if key != "_target_"]:
            raise RequestError(
                f"Expected {group}=NAME or {group}._target_ next to {group}.{unused[0]}; received "
                f"neither."
            )
        return {}
    refuse_odd_options(node, group)
    asked = _without_unused(node) if group == "model" else node
    if node and not asked:  # what `~model` leaves
        raise RequestError(f"Expected {group} to be a group of keys; received none.")
    return asked


def _without_unused(node: Mapping[str, Any]) -> dict[str, Any]:
    """The node of a model without the keys of every model, `match` and `frozen`, if unused."""
    frozen = node.get("frozen")
    if isinstance(frozen, dict):
        frozen = {name: value for name, value in frozen.items() if value is not None}
        node = {**node, "frozen": frozen or None}
    return {
        key: value
        for key, value in node.items()
        if value is not None or key not in ("match", "frozen")
    }


def refuse_odd_options(node: object, path: str) -> None:
    """Check that a plan's JSON can hold a node of options.

    Args:
        node: The options.
        path: Their key, for the message.

    Raises:
        RequestError: A number is not finite, or a key is no word.
    """
    if isinstance(node, float) and not math.isfinite(node):
        raise RequestError(f"Expected {path} to be finite; received {node!r}.")
    if isinstance(node, dict):
        for key in node:
            if not isinstance(key, str):
                raise RequestError(f"Expected words as the keys of {path}; received {key!r}.")
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            refuse_odd_options(value, f"{path}.{key}")


def resolve_call(
    node: Mapping[str, Any], group: str, *, allow: tuple[str, ...]
) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return the function that a node names and the keyword arguments for it, checked to fit.

    Raises:
        RequestError: The function is not allowed, cannot be imported, or does not take these keys.
    """
    target = node.get("_target_")
    # Other functions of this program and of Keras write files, or load what somebody else wrote.
    function = locate(target, allow, own=(VARIANT_GROUPS[group].package,))
    options = {key: value for key, value in node.items() if key != "_target_"}
    parameters = _parameters(function, target, group)
    offered = VARIANT_GROUPS[group].offered
    known = [
        item.name
        for item in parameters
        if item.kind is item.KEYWORD_ONLY and item.name not in offered
    ]
    if not any(item.kind is item.VAR_KEYWORD for item in parameters):
        refuse_unknown_keys(options, known, node=group)
    for item in parameters:
        if item.name in known and item.default is item.empty and options.get(item.name) is None:
            raise RequestError(f"Expected {group}.{item.name} to be given; received nothing.")
    return function, options


def _parameters(
    function: Callable[..., Any], target: object, group: str
) -> tuple[inspect.Parameter, ...]:
    """The parameters of a function, which must fit how its group calls it."""
    called_with = VARIANT_GROUPS[group].called_with or ()
    expected = f"{group}._target_ to be a function of ({', '.join((*called_with, '*, options'))})"
    if isinstance(function, type):
        raise RequestError(f"Expected {expected}; received the class {target!r}.")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a function written in C may have none
        raise RequestError(
            f"Expected {expected}; received {target!r}, whose parameters are unknown."
        ) from None
    try:
        signature.bind_partial(*called_with)
    except TypeError:
        raise RequestError(f"Expected {expected}; received {target!r}{signature}.") from None
    parameters = tuple(signature.parameters.values())
    positional = [
        item
        for item in parameters
        if item.kind in (item.POSITIONAL_ONLY, item.POSITIONAL_OR_KEYWORD)
    ]
    if any(item.default is item.empty for item in positional[len(called_with) :]):
        raise RequestError(f"Expected {expected}; received {target!r}{signature}.")
    return parameters
