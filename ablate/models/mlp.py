"""A network of dense layers, which does not know which pixels are neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from ablate.fields import check_whole_list
from ablate.models.head import answer
from ablate.tasks.task import Output, class_output


def build(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    units: Sequence[int] = (512,),
    output: Output | None = None,
) -> keras.Model:
    """The multilayer perceptron: the pixels as one list of numbers, then dense layers.

    Args:
        input_shape: Height, width and channels of an image.
        classes: Number of classes.
        units: Units of each hidden layer.
        output: What the task asks of the model; None for one of the classes.

    Returns:
        A model from images in [0, 1], shape `(batch, height, width, channels)`, to what the task
        asks for; for one of the classes to probabilities, shape `(batch, classes)`, or `(batch, 1)`
        for two classes.

    Raises:
        RequestError: The units are not a list of whole numbers.

    Source: Chollet, Deep Learning with Python, 2nd edition, 2021, section 2.1.
    """
    check_whole_list(units, "model.units", least=1, example="[512]")
    images = layers.Input(input_shape, name="images")
    x = layers.Flatten(name="flatten")(images)
    for number, width in enumerate(units, start=1):
        x = layers.Dense(width, activation="relu", name=f"dense{number}")(x)
    x = answer(x, output or class_output(classes), image_shape=input_shape)
    return keras.Model(images, x, name="mlp")
