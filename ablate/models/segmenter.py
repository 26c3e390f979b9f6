"""A small encoder and decoder that gives each pixel a class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from ablate.fields import check_choice, check_whole_list
from ablate.models.head import answer
from ablate.tasks.task import Output

DOWNSAMPLINGS = ("strides", "max_pool")


def build(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    filters: Sequence[int] = (64, 128, 256),
    downsampling: str = "strides",
    output: Output | None = None,
) -> keras.Model:
    """The segmenter: blocks that halve the image, then as many that double it again.

    Layers are named by their position (`down1_conv2`), equally in all variants, so that the layers
    that two variants share can start from equal weights. Images of any size are accepted: halving
    rounds up, and the rows and columns by which the doubled image is larger than the input are
    cropped at the bottom and at the right.

    Args:
        input_shape: Height, width and channels of an image.
        classes: Number of classes.
        filters: Channels of each block that halves the image; those that double it have the same
            channels in reverse.
        downsampling: ``strides`` in the first convolution of a block, or ``max_pool`` after it.
        output: What the model ends in; None: a softmax over the classes at each pixel.

    Returns:
        A model from images in [0, 1], shape `(batch, height, width, channels)`, to that output.

    Raises:
        RequestError: A switch does not have the given setting.

    Source: Chollet, Deep Learning with Python, 2nd edition, 2021, section 9.2.
    """
    check_whole_list(filters, "model.filters", least=1, example="[64, 128, 256]")
    check_choice(downsampling, "model.downsampling", choices=DOWNSAMPLINGS)
    images = x = layers.Input(input_shape, name="images")
    for number, channels in enumerate(filters, start=1):
        x = _halve(x, f"down{number}", channels=channels, downsampling=downsampling)
    for number, channels in enumerate(reversed(filters), start=1):
        x = _double(x, f"up{number}", channels=channels)
    rows, columns = x.shape[1] - input_shape[0], x.shape[2] - input_shape[1]
    x = layers.Cropping2D(((0, rows), (0, columns)), name="crop")(x)
    x = answer(x, output or Output(classes, "softmax", "pixel"), image_shape=input_shape)
    return keras.Model(images, x, name="segmenter")


def _halve(x: Any, name: str, *, channels: int, downsampling: str) -> Any:
    """Two convolutions, at the first of which the image is halved."""
    strides = 2 if downsampling == "strides" else 1
    options = {"padding": "same", "activation": "relu"}
    x = layers.Conv2D(channels, 3, strides=strides, name=f"{name}_conv1", **options)(x)
    if downsampling == "max_pool":
        x = layers.MaxPooling2D(2, padding="same", name=f"{name}_pool")(x)
    return layers.Conv2D(channels, 3, name=f"{name}_conv2", **options)(x)


def _double(x: Any, name: str, *, channels: int) -> Any:
    """Two transposed convolutions, the second of which doubles the image."""
    options = {"padding": "same", "activation": "relu"}
    x = layers.Conv2DTranspose(channels, 3, name=f"{name}_conv1", **options)(x)
    return layers.Conv2DTranspose(channels, 3, strides=2, name=f"{name}_conv2", **options)(x)
