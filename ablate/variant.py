"""From a cell's configuration to its images and its model."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ablate.config import Variant
from ablate.data.images import Images
from ablate.locate import locate
from ablate.study import Refusal, nearest

if TYPE_CHECKING:
    import keras


def load_images(variant: Variant) -> Images:
    """The images of a variant, read and checked.

    Raises:
        Refusal: The `data` node does not fit its loader, or the images are not sound.
    """
    function, options = _call(variant.data, "data", variant.allow)
    images = function(**options)
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
    function = locate(node.get("_target_"), allow)
    options = {key: value for key, value in node.items() if key != "_target_"}
    parameters = inspect.signature(function).parameters.values()
    known = [item.name for item in parameters if item.kind is item.KEYWORD_ONLY]
    if not any(item.kind is item.VAR_KEYWORD for item in parameters):
        for key in options:
            if key not in known:
                raise Refusal(f"Unknown key {group}.{key}.{nearest(str(key), known)}")
    for item in parameters:
        if item.name in known and item.default is item.empty and options.get(item.name) is None:
            raise Refusal(f"Expected {group}.{item.name} to be given; received nothing.")
    return function, options
