"""From a variant to its Keras model, and to the layers that augment its images."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any

import keras

from ablate.config.variant import Variant, resolve_call
from ablate.data.info import DatasetInfo
from ablate.errors import RequestError
from ablate.models.frozen import freeze
from ablate.tasks.task import task_of

SETTINGS = {"floatx": "float32", "image_data_format": "channels_last", "epsilon": 1e-7}
"""Keras' global settings, whatever the user's keras.json says."""


def build_model(variant: Variant, info: DatasetInfo) -> keras.Model:
    """Build the model of a variant.

    A builder that has a keyword `output` is given what the task of the data set asks for, and one
    that has `allowed_packages`, which packages the user allows.

    Args:
        variant: The variant.
        info: The data set that the model is for.

    Raises:
        RequestError: The `model` node does not fit its builder or the layers of the model, or the
            builder changes a setting that the rest of the program relies on.
    """
    # Keras numbers the layers without a name in the order in which a process makes them. A model's
    # layers must have the same names whatever this process built before.
    keras.utils.clear_session()
    frozen = variant.model.get("frozen")
    node = {key: value for key, value in variant.model.items() if key != "frozen"}
    function, options = resolve_call(node, "model", allow=variant.allow)
    offered = {"output": task_of(info.task).output(info), "allowed_packages": variant.allow}
    parameters = inspect.signature(function).parameters
    options |= {name: value for name, value in offered.items() if name in parameters}
    with _pinned_settings(variant.recipe.precision):
        model = function(info.shape, len(info.classes), **options)
    if not isinstance(model, keras.Model):
        raise RequestError(
            f"Expected {variant.model['_target_']} to return a keras.Model; received "
            f"{type(model).__name__}."
        )
    if frozen is not None:
        freeze(model, frozen, shape=info.shape)
    return model


def build_augmentation(variant: Variant, info: DatasetInfo) -> tuple[keras.Layer, ...]:
    """Build the layers that augment the training images of a variant, in their order.

    Args:
        variant: The variant.
        info: The data set whose images they are for.

    Returns:
        The layers; those of a `Sequential` or a `Pipeline` one by one. None if there is no
        augmentation.

    Raises:
        RequestError: The `augment` node does not fit its builder, or that returns no layers.
    """
    if not variant.augment:
        return ()
    function, options = resolve_call(variant.augment, "augment", allow=variant.allow)
    with _pinned_settings("float32"):
        built = function(info.shape, **options)
    found = tuple(_single_layers(built))
    if not found or not all(isinstance(layer, keras.Layer) for layer in found):
        raise RequestError(
            f"Expected {variant.augment['_target_']} to return a keras.Layer or a list of layers; "
            f"received {built!r}."
        )
    return found


def _single_layers(built: Any) -> Iterator[Any]:
    """Layers one by one, since only single ones move masks and boxes with their image."""
    if isinstance(built, keras.Sequential | keras.layers.Pipeline):
        built = built.layers
    if isinstance(built, list | tuple):
        for each in built:
            yield from _single_layers(each)
    else:
        yield built


@contextlib.contextmanager
def _pinned_settings(precision: str) -> Iterator[None]:
    """Keras' global settings, the same before every build and after it.

    Layers remember the precision that they were made with, also one that the builder sets itself;
    it does not reach what is made after them.

    Args:
        precision: The dtype policy of layers that have none of their own.

    Raises:
        RequestError: The builder has changed a setting that images and losses depend on.
    """
    _pin()
    keras.config.set_dtype_policy(precision)
    try:
        yield
        found = {
            "floatx": keras.config.floatx(),
            "image_data_format": keras.config.image_data_format(),
            "epsilon": keras.config.epsilon(),
        }
    finally:
        keras.config.set_dtype_policy("float32")
        _pin()
    for name, expected in SETTINGS.items():
        if found[name] != expected:
            raise RequestError(
                f"Expected a builder that leaves Keras' {name} at {expected!r}, since images and "
                f"losses depend on it; received {found[name]!r} after the build."
            )


def _pin() -> None:
    keras.config.set_floatx(SETTINGS["floatx"])
    keras.config.set_image_data_format(SETTINGS["image_data_format"])
    keras.config.set_epsilon(SETTINGS["epsilon"])
