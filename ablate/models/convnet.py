"""A small convolutional network whose architecture patterns are independent switches."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from ablate.study import Refusal, nearest

Tensor = Any

CONVOLUTIONS = {"conv2d": layers.Conv2D, "separable": layers.SeparableConv2D}
POOLINGS = {
    "max_pool": layers.MaxPooling2D,
    "average_pool": layers.AveragePooling2D,
    "strides": None,  # the second convolution of the block takes the larger step instead
}
ORDERS = {
    "none": ("conv", "relu"),
    "before_activation": ("conv", "norm", "relu"),
    "after_activation": ("conv", "relu", "norm"),
}


def build(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    filters: Sequence[int] = (32, 64, 128),
    residual: bool = True,
    norm: str = "none",
    norm_momentum: float = 0.9,
    conv: str = "conv2d",
    downsampling: str = "max_pool",
) -> keras.Model:
    """The convnet: a pyramid of blocks of two 3x3 convolutions, pooled into one dense layer.

    Layers are named for their place (`block1_conv2`), alike in all variants, so that the layers
    that two variants share start from equal weights.

    Args:
        input_shape: Height, width and channels of an image.
        classes: Number of classes; two get one sigmoid unit, more a softmax.
        filters: Channels of each block; every block but the last halves the image.
        residual: Whether a block's input is added to its output, through a 1x1 convolution without
            activation where the block downsamples (then strided) or changes the channels.
        norm: Where batch normalization stands: ``none``, ``before_activation`` or
            ``after_activation``. A convolution that is normalized directly has no bias, since the
            normalization has a shift of its own.
        norm_momentum: Momentum of the moving statistics of batch normalization, in [0, 1).
        conv: ``conv2d`` or ``separable``, for the 3x3 convolutions.
        downsampling: ``max_pool`` or ``average_pool`` behind a block's two convolutions, or
            ``strides`` in the second of them.

    Returns:
        A model from images in [0, 1], shape `(batch, height, width, channels)`, to probabilities,
        shape `(batch, classes)`, or `(batch, 1)` for two classes.

    Raises:
        Refusal: A switch has no such position.

    Source: F. Chollet, Deep Learning with Python, 2nd edition (2021), section 9.3, with the code of
    9.3.2 and listings 9.4 and 9.5.
    """
    if not filters or not all(type(channels) is int and channels > 0 for channels in filters):
        raise Refusal(f"Expected model.filters as whole numbers above 0; received {filters!r}.")
    if not isinstance(residual, bool):
        raise Refusal(f"Expected model.residual to be true or false; received {residual!r}.")
    if not isinstance(norm_momentum, int | float) or not 0 <= norm_momentum < 1:
        raise Refusal(
            f"Expected model.norm_momentum from 0 to below 1; received {norm_momentum!r}."
        )
    _check("conv", conv, CONVOLUTIONS)
    _check("norm", norm, ORDERS)
    _check("downsampling", downsampling, POOLINGS)
    images = x = layers.Input(input_shape, name="images")
    for number, channels in enumerate(filters, start=1):
        block = _Block(f"block{number}", channels, conv, norm, norm_momentum)
        halve = number < len(filters)
        x = block.apply(x, residual=residual, downsampling=downsampling if halve else None)
    x = layers.GlobalAveragePooling2D(name="global_pool")(x)
    units, activation = (1, "sigmoid") if classes == 2 else (classes, "softmax")
    return keras.Model(images, layers.Dense(units, activation=activation, name="head")(x))


@dataclass(frozen=True, slots=True)
class _Block:
    """Two convolutions with their normalization and activation, and the way around them."""

    name: str
    channels: int
    conv: str
    norm: str
    momentum: float

    def apply(self, x: Tensor, *, residual: bool, downsampling: str | None) -> Tensor:
        pooling = POOLINGS[downsampling] if downsampling else None
        strides = 2 if downsampling else 1
        y = self._convolve(x, place=1)
        y = self._convolve(y, place=2, strides=1 if pooling else strides)
        if pooling:
            y = pooling(2, padding="same", name=f"{self.name}_pool")(y)
        if residual:
            y = layers.Add(name=f"{self.name}_add")([y, self._shortcut(x, strides)])
        return y

    def _convolve(self, x: Tensor, *, place: int, strides: int = 1) -> Tensor:
        order = ORDERS[self.norm]
        convolution = CONVOLUTIONS[self.conv](
            self.channels,
            3,
            strides=strides,
            padding="same",
            use_bias=order[1] != "norm",
            name=f"{self.name}_conv{place}",
        )
        steps = {
            "conv": convolution,
            "norm": layers.BatchNormalization(
                momentum=self.momentum, name=f"{self.name}_norm{place}"
            ),
            "relu": layers.ReLU(name=f"{self.name}_relu{place}"),
        }
        for step in order:
            x = steps[step](x)
        return x

    def _shortcut(self, x: Tensor, strides: int) -> Tensor:
        if strides == 1 and x.shape[-1] == self.channels:
            return x
        return layers.Conv2D(
            self.channels, 1, strides=strides, name=f"{self.name}_projection"
        )(x)


def _check(key: str, value: object, choices: Collection[str]) -> None:
    if value not in choices:
        raise Refusal(f"Unknown model.{key} {value!r}.{nearest(str(value), choices)}")
