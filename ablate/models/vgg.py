"""A plain stack of blocks of convolutions, each followed by max pooling."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import keras
from keras import layers

from ablate.errors import RequestError
from ablate.fields import check_whole, check_whole_list
from ablate.models.head import answer
from ablate.tasks.task import Output, class_output


def build(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    filters: Sequence[int] = (32, 64, 128),
    convolutions: int | Sequence[int] = 2,
    output: Output | None = None,
) -> keras.Model:
    """The VGG network: blocks of 3x3 convolutions, each of which halves the image by max pooling.

    With filters [64, 128, 256, 512, 512] and convolutions [2, 2, 3, 3, 3] it is VGG16 up to the
    last pooling. Instead of VGG's three dense layers it has the head that the task asks for.
    Images of any size are accepted: halving rounds up, and a side of one pixel stays one pixel.

    Args:
        input_shape: Height, width and channels of an image.
        classes: Number of classes.
        filters: Channels of each block.
        convolutions: Number of convolutions of every block, or of each.
        output: What the task asks of the model; None for one of the classes.

    Returns:
        A model from images in [0, 1], shape `(batch, height, width, channels)`, to what the task
        asks for; for one of the classes to probabilities, shape `(batch, classes)`, or `(batch, 1)`
        for two classes.

    Raises:
        RequestError: A switch does not have the given setting.

    Source: Simonyan and Zisserman, Very deep convolutional networks, 2015,
        https://arxiv.org/abs/1409.1556, table 1.
    """
    check_whole_list(filters, "model.filters", least=1, example="[32, 64, 128]")
    numbers = _numbers(convolutions, blocks=len(filters))
    convolution = partial(layers.Conv2D, kernel_size=3, padding="same", activation="relu")
    images = x = layers.Input(input_shape, name="images")
    for block, (channels, number) in enumerate(zip(filters, numbers, strict=True), start=1):
        for index in range(1, number + 1):
            x = convolution(channels, name=f"block{block}_conv{index}")(x)
        x = layers.MaxPooling2D(2, padding="same", name=f"block{block}_pool")(x)
    x = answer(x, output or class_output(classes), image_shape=input_shape)
    return keras.Model(images, x, name="vgg")


def _numbers(convolutions: int | Sequence[int], *, blocks: int) -> Sequence[int]:
    """The number of convolutions of each block."""
    if not isinstance(convolutions, list | tuple):
        word = "a list, one number a block,"
        return [check_whole(convolutions, "model.convolutions", least=1, otherwise=word)] * blocks
    numbers = check_whole_list(convolutions, "model.convolutions", least=1, example="[2, 2, 3]")
    if len(numbers) != blocks:
        raise RequestError(
            f"Expected as many numbers in model.convolutions as in model.filters, {blocks}; "
            f"received {list(numbers)}."
        )
    return numbers
