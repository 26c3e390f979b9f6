"""From a cell's configuration to its images and its model."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablate.config import Variant
from ablate.data.images import Images
from ablate.locate import locate
from ablate.study import Refusal, nearest

if TYPE_CHECKING:
    import keras

POSITIONAL = {"data": (), "model": ("shape", "classes")}
"""What the function of a group is called with, besides its options."""


def load_images(variant: Variant) -> Images:
    """The images of a variant, read and checked.

    Raises:
        Refusal: The `data` node does not fit its loader, or the images are not sound.
    """
    function, options = _call(variant.data, "data", variant.allow)
    try:
        images = function(**options)
    except Refusal:
        raise
    except (Exception, SystemExit) as error:  # the code of a user may raise anything
        raise Refusal(_in_words(variant.data["_target_"], error)) from error
    if not isinstance(images, Images):
        raise Refusal(
            f"Expected {variant.data['_target_']} to return ablate.data.images.Images; received "
            f"{type(images).__name__}."
        )
    return images


def build_model(variant: Variant, shape: tuple[int, int, int], *, classes: int) -> keras.Model:
    """The model of a variant; imports Keras.

    Args:
        variant: The variant.
        shape: Height, width and channels of an image.
        classes: Number of classes.

    Raises:
        Refusal: The `model` node does not fit its builder.
    """
    function, options = _call(variant.model, "model", variant.allow)
    import keras  # here, so that the parent process can use this module without it

    model = function(shape, classes, **options)
    if not isinstance(model, keras.Model):
        raise Refusal(
            f"Expected {variant.model['_target_']} to return a keras.Model; received "
            f"{type(model).__name__}."
        )
    return model


def _call(
    node: Mapping[str, Any], group: str, allow: tuple[str, ...]
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
                raise Refusal(f"Unknown key {group}.{key}.{nearest(str(key), known)}")
    for item in parameters:
        if item.name in known and item.default is item.empty and options.get(item.name) is None:
            raise Refusal(f"Expected {group}.{item.name} to be given; received nothing.")
    return function, options


def _parameters(
    function: Callable[..., Any], target: object, group: str
) -> tuple[inspect.Parameter, ...]:
    """The parameters of a function that can be called as its group calls it."""
    called_with = POSITIONAL[group]
    expected = f"{group}._target_ to be a function of ({', '.join((*called_with, '*, options'))})"
    if isinstance(function, type):
        raise Refusal(f"Expected {expected}; received the class {target!r}.")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # functions written in C need not have one
        raise Refusal(f"Expected {expected}; received {target!r}, which tells nothing.") from None
    try:
        signature.bind_partial(*called_with)
    except TypeError:
        raise Refusal(f"Expected {expected}; received {target!r}{signature}.") from None
    parameters = tuple(signature.parameters.values())
    places = [
        item
        for item in parameters
        if item.kind in (item.POSITIONAL_ONLY, item.POSITIONAL_OR_KEYWORD)
    ]
    if any(item.default is item.empty for item in places[len(called_with) :]):
        raise Refusal(f"Expected {expected}; received {target!r}{signature}.")
    return parameters


def _in_words(target: str, error: BaseException) -> str:
    """An error that the code of a user raised, and where."""
    said = f"{type(error).__name__}: {error}".strip().splitlines()[0].removesuffix(":")
    *_, last = traceback.extract_tb(error.__traceback__)
    return f"{target} failed with {said} ({Path(last.filename).name}, line {last.lineno})."
