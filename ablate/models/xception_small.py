"""A small network of residual blocks of separable convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from ablate.fields import check_choice, check_flag, check_number, check_whole_list
from ablate.models.convnet import CONVOLUTIONS
from ablate.models.head import answer
from ablate.tasks.task import Output, class_output

NORMS = ("before_activation", "none")


def build(  # noqa: PLR0913 - one keyword a switch, as in conf/model/xception_small.yaml
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    filters: Sequence[int] = (32, 64, 128, 256, 512),
    residual: bool = True,
    norm: str = "before_activation",
    norm_momentum: float = 0.9,
    conv: str = "separable",
    first_conv: str = "conv2d",
    output: Output | None = None,
) -> keras.Model:
    """The book's small Xception: a regular convolution, then residual separable blocks.

    The first convolution is a regular one, since a separable one would filter each colour channel
    by itself, and the colours of a pixel are not independent of each other. Unlike in the book, it
    pads the image, so that images of any size are accepted, and there is no dropout.

    Args:
        input_shape: Height, width and channels of an image.
        classes: Number of classes.
        filters: Channels of each block, all of which halve the image; the first convolution has
            those of the first block.
        residual: Whether a block's input is added to its output, through a strided 1x1 convolution.
        norm: Batch normalization ``before_activation``, before each of a block's two convolutions,
            or ``none``. Only without it the convolutions have a bias.
        norm_momentum: Momentum of the moving statistics of batch normalization, from 0 to below 1.
        conv: ``separable`` or ``conv2d``, for the convolutions of the blocks.
        first_conv: ``conv2d`` or ``separable``, for the first convolution.
        output: What the task asks of the model; None for one of the classes.

    Returns:
        A model from images in [0, 1], shape `(batch, height, width, channels)`, to what the task
        asks for; for one of the classes to probabilities, shape `(batch, classes)`, or `(batch, 1)`
        for two classes.

    Raises:
        RequestError: A switch does not have the given setting.

    Source: Chollet, Deep Learning with Python, 2nd edition, 2021, section 9.3.5.
    """
    check_whole_list(filters, "model.filters", least=1, example="[32, 64, 128]")
    check_flag(residual, "model.residual")
    check_choice(norm, "model.norm", choices=NORMS)
    check_number(
        norm_momentum,
        "model.norm_momentum",
        accepts=lambda momentum: 0 <= momentum < 1,
        expected="a number from 0 to below 1, such as 0.9",
    )
    has_norm = norm != "none"
    options = {"padding": "same", "use_bias": not has_norm}
    first = CONVOLUTIONS[check_choice(first_conv, "model.first_conv", choices=CONVOLUTIONS)]
    convolution = CONVOLUTIONS[check_choice(conv, "model.conv", choices=CONVOLUTIONS)]
    images = layers.Input(input_shape, name="images")
    x = first(filters[0], 5, name="first_conv", **options)(images)
    for number, channels in enumerate(filters, start=1):
        y = x
        for index in (1, 2):
            if has_norm:
                name = f"block{number}_norm{index}"
                y = layers.BatchNormalization(momentum=norm_momentum, name=name)(y)
            y = layers.ReLU(name=f"block{number}_relu{index}")(y)
            y = convolution(channels, 3, name=f"block{number}_conv{index}", **options)(y)
        y = layers.MaxPooling2D(3, strides=2, padding="same", name=f"block{number}_pool")(y)
        x = _add(x, y, f"block{number}", **options) if residual else y
    outputs = answer(x, output or class_output(classes), image_shape=input_shape)
    return keras.Model(images, outputs, name="xception_small")


def _add(x: Any, y: Any, name: str, **options: Any) -> Any:
    """Add the input of a block to its output, of half the size and other channels."""
    x = layers.Conv2D(y.shape[-1], 1, strides=2, name=f"{name}_projection", **options)(x)
    return layers.Add(name=f"{name}_add")([y, x])
