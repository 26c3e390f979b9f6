"""Nodes of the recipe that name a class by `_target_`: which classes each key may name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from ablate.config.locate import TRUSTED, targets_in
from ablate.errors import RequestError, nearest

Node = Mapping[str, object]
"""A class by its `_target_`, and its keyword arguments."""

SPECIAL = ("_args_", "_partial_", "_recursive_", "_convert_")
"""Keys that Hydra reads itself when it makes an object."""
CALLBACKS = ("EarlyStopping", "ReduceLROnPlateau", "SwapEMAWeights", "TerminateOnNaN")
"""Keras' callbacks that only look at the training; the others write files or use the network."""

FAMILIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "optimizer": ("keras.optimizers",),
        "schedule": ("keras.optimizers.schedules", "ablate.training.schedules"),
        "loss": ("keras.losses",),
        "metrics": ("keras.metrics",),
        "callbacks": ("keras.callbacks",),
    }
)
"""The modules of Keras and of this program whose classes each key of the recipe may name.

These two packages are always trusted, but only for what they are for here: a study that someone
else wrote may name an optimizer, and not a function of Keras that loads or writes a file.
"""
NESTED = (
    *(module for modules in FAMILIES.values() for module in modules),
    "keras.initializers",
    "keras.regularizers",
)
"""The modules whose classes an argument may name."""


def check_node(node: object, key: str) -> Node:
    """Return a node whose `_target_` fits its key; import nothing.

    A target outside Keras and this program passes: whether the user allows its package is checked
    for the whole configuration, see `ablate.config.locate.check_targets`.

    Args:
        node: What was received.
        key: The key of the recipe that holds it, such as ``optimizer`` or ``metrics.f1``.

    Raises:
        RequestError: It is no node, or its target is not what the key is for.
    """
    family = key.partition(".")[0]
    example = FAMILIES[family][0]
    if not isinstance(node, Mapping) or not isinstance(node.get("_target_"), str):
        raise RequestError(
            f"Expected recipe.{key} as {{_target_: {example}.NAME, ...}}; received {node!r}."
        )
    for number, target in enumerate(map(str, targets_in(node))):
        modules = NESTED if number else FAMILIES[family]
        if target.partition(".")[0] in TRUSTED and not _is_class_of(target, modules):
            raise RequestError(_refusal(target, key, family=family, example=example))
    _check_arguments(node, key)
    return node


def _is_class_of(target: str, modules: Sequence[str]) -> bool:
    module, _, name = target.rpartition(".")
    known = name in CALLBACKS or module != "keras.callbacks"
    return known and module in modules and re.fullmatch(r"[A-Z]\w*", name) is not None


def _check_arguments(node: object, key: str, *, trusted: bool = False) -> None:
    """Check that arguments are values and nodes, and nothing that is read in another way.

    Args:
        node: What is checked, with everything below it.
        key: The key of the recipe that holds it.
        trusted: Whether it is an argument of a class of Keras or of this program.
    """
    if isinstance(node, str) and "${" in node:
        # Hydra resolves the arguments once more, also ${oc.env:...}.
        raise RequestError(f"Expected recipe.{key} without '${{'; received {node!r}.")
    if isinstance(node, Mapping):
        target = node.get("_target_")
        if trusted and target is None:
            # Keras makes an object of such a mapping, of any of its classes.
            raise RequestError(
                f"Expected numbers, words, lists and nodes as the arguments of recipe.{key}; "
                f"received {dict(node)!r}, without _target_."
            )
        if special := [name for name in node if str(name) in SPECIAL]:
            raise RequestError(
                f"Expected the arguments of recipe.{key} by their names; received {special[0]}."
            )
        trusted = trusted if target is None else str(target).partition(".")[0] in TRUSTED
        for value in node.values():
            _check_arguments(value, key, trusted=trusted)
    elif isinstance(node, list | tuple):
        for value in node:
            _check_arguments(value, key, trusted=trusted)


def _refusal(target: str, key: str, *, family: str, example: str) -> str:
    expected = f"Expected recipe.{key}._target_ inside {example}; received {target!r}."
    if family == "callbacks":
        return (
            f"{expected}{nearest(target.rpartition('.')[2], CALLBACKS)} Callbacks that write files "
            f"are not needed: this program keeps checkpoints, curves and models itself."
        )
    return f"{expected} Functions of Keras that do something else are not called from a recipe."
