"""Parts of a model that stay random: weights that keep the values with which they were drawn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import keras

from ablate.errors import RequestError
from ablate.models.layer_names import MOST_NAMED, matching_names
from ablate.wording import first_few, quantity

RANDOM = "random"
"""What the weights of a frozen layer are."""


def freeze(model: keras.Model, frozen: object, *, shape: tuple[int, int, int]) -> None:
    """Exclude the weights of some layers from training; they keep their random initial values.

    The statistics of batch normalization are no weights: they adapt to the images as in training,
    and only its scale and shift stay as they start.

    Args:
        model: The model.
        frozen: By the name of a layer, the beginning of names up to a ``_``, such as ``block2``, or
            a pattern such as ``block*_conv1``: ``random``, or None to train the weights.
        shape: Height, width and channels of an image.

    Raises:
        RequestError: A name matches no layer with weights, a value is another one, or no weight is
            left to train.
    """
    if not model.built:
        model(keras.Input(shape))
    for layer in frozen_layers(model, frozen):
        for weight in layer.trainable_variables:
            weight.trainable = False
    if not model.trainable_variables:
        raise RequestError(
            f"Expected model.frozen to leave some weights to train; {frozen!r} leaves none."
        )


def frozen_layers(model: keras.Model, frozen: object) -> list[keras.Layer]:
    """The layers at any depth that a mapping such as ``{block2: random}`` names.

    Raises:
        RequestError: A name matches no layer with weights, or a value is not ``random``.
    """
    layers = [each for each in model._flatten_layers(include_self=False) if each.weights]
    known = [layer.name for layer in layers]
    found = {
        own for name in _names(frozen) for own in matching_names(known, name, key="model.frozen")
    }
    return [layer for layer in layers if layer.name in found]


def frozen_note(model: keras.Model, frozen: object) -> str:
    """What a user must know of a model with frozen layers, as a sentence."""
    names = [layer.name for layer in frozen_layers(model, frozen)]
    trained = sum(math.prod(weight.shape) for weight in model.trainable_variables)
    return (
        f"The weights of {quantity(len(names), 'layer')} stay random "
        f"({first_few(names, most=MOST_NAMED)}): {trained:,} of {model.count_params():,} "
        f"parameters are trained."
    )


def _names(frozen: object) -> Iterator[str]:
    """The names that a mapping freezes."""
    if not isinstance(frozen, Mapping):
        raise RequestError(f"Expected model.frozen as {{NAME: {RANDOM}}}; received {frozen!r}.")
    for name, value in frozen.items():
        if value not in (None, RANDOM):
            raise RequestError(
                f"Expected model.frozen.{name} to be {RANDOM} or null; received {value!r}."
            )
        if value is not None:
            yield str(name)
