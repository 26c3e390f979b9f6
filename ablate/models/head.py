"""The end of a model: from its last features to the answer that a task asks for."""

from __future__ import annotations

from typing import Any

from keras import layers

from ablate.tasks.task import Output

FLOAT = {"dtype": "float32"}
"""Answers are in float32, whatever the precision of the other layers."""


def answer(features: Any, output: Output, *, image_shape: tuple[int, int, int]) -> Any:
    """The output of a model.

    What is in an image is read from the average of a feature map over all positions. Where
    something is in it is read from the whole map. An answer for each pixel comes from a 3x3
    convolution if the map has the size of the image. Otherwise a 1x1 convolution gives the map's
    answers, which are enlarged bilinearly to the size of the image before the activation.

    Args:
        features: A feature map, shape `(batch, height, width, channels)`, or a vector, shape
            `(batch, features)`.
        output: What the task asks for.
        image_shape: Height, width and channels of an image.

    Source: the enlargement is that of Long et al. 2015, https://arxiv.org/abs/1411.4038, FCN-32s.
    """
    if output.kind == "pixel":
        return _answer_pixels(features, output, size=image_shape[:2])
    if len(features.shape) > 2 and output.kind == "image":
        features = layers.GlobalAveragePooling2D(name="global_pool")(features)
    elif len(features.shape) > 2:
        features = layers.Flatten(name="flatten")(features)
    head = layers.Dense(output.units, activation=output.activation, name="head", **FLOAT)
    return head(features)


def _answer_pixels(features: Any, output: Output, *, size: tuple[int, int]) -> Any:
    if tuple(features.shape[1:3]) == size:
        options = {"activation": output.activation, "padding": "same"}
        return layers.Conv2D(output.units, 3, name="head", **options, **FLOAT)(features)
    if len(features.shape) > 2:
        x = layers.Conv2D(output.units, 1, name="head", **FLOAT)(features)
        x = layers.Resizing(*size, interpolation="bilinear", name="enlarge", **FLOAT)(x)
    else:
        x = layers.Dense(size[0] * size[1] * output.units, name="head", **FLOAT)(features)
        x = layers.Reshape((*size, output.units), name="pixels", **FLOAT)(x)
    return layers.Activation(output.activation, name="activation", **FLOAT)(x)
