"""Nodes of the recipe that name a class by `_target_`: which classes each key may name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from ablate.config.locate import TRUSTED
from ablate.errors import RequestError, nearest

Node = Mapping[str, object]
"""A class by its `_target_`, and its keyword arguments."""

SPECIAL = ("_args_", "_partial_", "_recursive_", "_convert_")
"""Keys that Hydra reads itself when it makes an object."""
CALLBACKS = ("EarlyStopping", "ReduceLROnPlateau", "SwapEMAWeights", "TerminateOnNaN")
"""Keras' callbacks that only look at the training; the others write files or use the network."""

FAMILIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "optimizer": (r"keras\.optimizers\.[A-Z]\w*",),
        "schedule": (
            r"keras\.optimizers\.schedules\.[A-Z]\w*",
            r"ablate\.training\.schedules\.[A-Z]\w*",
        ),
        "loss": (r"keras\.losses\.[A-Z]\w*",),
        "metrics": (r"keras\.metrics\.[A-Z]\w*",),
        "callbacks": (rf"keras\.callbacks\.({'|'.join(CALLBACKS)})",),
    }
)
"""What of Keras and of this program each key of the recipe may name.

These two packages are always trusted, but only for what they are for here: a study that someone
else wrote may name an optimizer, and not a function of Keras that loads or writes a file.
"""


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
    example = re.split(r"\.[\[(]", FAMILIES[family][0].replace("\\", ""))[0]
    if not isinstance(node, Mapping) or not isinstance(node.get("_target_"), str):
        raise RequestError(
            f"Expected recipe.{key} as {{_target_: {example}.NAME, ...}}; received {node!r}."
        )
    for inner, target in _targets(node):
        families = FAMILIES[family] if inner is node else _all_families()
        if target.partition(".")[0] in TRUSTED and not any(
            re.fullmatch(pattern, target) for pattern in families
        ):
            raise RequestError(_refusal(target, key, family=family, example=example))
    _check_arguments(node, key)
    return node


def targets_in(node: object) -> Iterator[str]:
    """Every `_target_` below a node, at any depth."""
    for _, target in _targets(node):
        yield target


def _targets(node: object) -> Iterator[tuple[object, str]]:
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield node, str(node["_target_"])
        for value in node.values():
            yield from _targets(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _targets(value)


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


def _all_families() -> tuple[str, ...]:
    inner = r"keras\.(initializers|regularizers)\.[A-Z]\w*"
    return (*(pattern for family in FAMILIES.values() for pattern in family), inner)


def _refusal(target: str, key: str, *, family: str, example: str) -> str:
    expected = f"Expected recipe.{key}._target_ inside {example}; received {target!r}."
    if family == "callbacks":
        return (
            f"{expected}{nearest(target.rpartition('.')[2], CALLBACKS)} Callbacks that write files "
            f"are not needed: this program keeps checkpoints, curves and models itself."
        )
    return f"{expected} Functions of Keras that do something else are not called from a recipe."
