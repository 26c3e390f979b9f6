"""A small convolutional network whose architecture patterns are independent switches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
from keras import layers

from ablate.fields import check_choice, check_flag, check_number, check_whole_list
from ablate.models.head import answer
from ablate.tasks.task import Output, class_output

Tensor = Any


@dataclass(frozen=True, slots=True)
class Downsampling:
    """How a block makes its image smaller; by default, not at all.

    Attributes:
        factor: What the sides of the image are divided by, rounded up.
        strides: Strides of the block's second convolution.
        pooling: Makes the layer that follows the second convolution.
    """

    factor: int = 1
    strides: int = 1
    pooling: Callable[..., keras.Layer] = layers.Identity


CONVOLUTIONS = {"conv2d": layers.Conv2D, "separable": layers.SeparableConv2D}
NORMS = {
    "none": ("conv", "relu"),
    "before_activation": ("conv", "norm", "relu"),
    "after_activation": ("conv", "relu", "norm"),
}
DOWNSAMPLINGS = {
    "max_pool": Downsampling(2, pooling=partial(layers.MaxPooling2D, 2, padding="same")),
    "average_pool": Downsampling(2, pooling=partial(layers.AveragePooling2D, 2, padding="same")),
    # The second convolution, so that the first sees the whole image in every variant.
    "strides": Downsampling(2, strides=2),
}


def build(  # noqa: PLR0913 - one keyword a switch, as in conf/model/convnet.yaml
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    filters: Sequence[int] = (24, 48, 96),
    residual: bool = True,
    norm: str = "none",
    norm_momentum: float = 0.9,
    conv: str = "conv2d",
    downsampling: str = "max_pool",
    output: Output | None = None,
) -> keras.Model:
    """The convnet: a pyramid of blocks of two 3x3 convolutions, and an answer from the last one.

    Layers are named by their position (`block1_conv2`), equally in all variants, so that the layers
    that two variants share can start from equal weights. Images of any size are accepted: halving
    rounds up, and a side of one pixel stays one pixel.

    Args:
        input_shape: Height, width and channels of an image.
        classes: Number of classes.
        filters: Channels of each block; every block but the last halves the image.
        residual: Whether a block's input is added to its output, through a 1x1 convolution without
            activation where the block halves the image (then strided) or changes the channels.
        norm: Where batch normalization is: ``none``, ``before_activation`` or
            ``after_activation``. A convolution that is followed directly by normalization has no
            bias, because the normalization adds a shift itself.
        norm_momentum: Momentum of the moving statistics of batch normalization, from 0 to below 1.
        conv: ``conv2d`` or ``separable``, for all 3x3 convolutions.
        downsampling: ``max_pool`` or ``average_pool`` after a block's two convolutions, or
            ``strides`` in the second convolution.
        output: What the model ends in; None: the class of an image, of two classes as one sigmoid
            unit, of more as a softmax.

    Returns:
        A model from images in [0, 1], shape `(batch, height, width, channels)`, to that output.

    Raises:
        RequestError: A switch does not have the given setting.

    Source: Chollet, Deep Learning with Python, 2nd edition, 2021, section 9.3, the network of
        9.3.2 and listings 9.4 and 9.5.
    """
    check_whole_list(filters, "model.filters", least=1, example="[24, 48, 96]")
    check_number(
        norm_momentum,
        "model.norm_momentum",
        accepts=lambda momentum: 0 <= momentum < 1,
        expected="a number from 0 to below 1, such as 0.9",
    )
    check_flag(residual, "model.residual")
    pyramid = [_choose("downsampling", downsampling, DOWNSAMPLINGS)] * (len(filters) - 1)
    images = x = layers.Input(input_shape, name="images")
    for number, (channels, smaller) in enumerate(
        zip(filters, [*pyramid, Downsampling()], strict=True), start=1
    ):
        block = _Block(
            name=f"block{number}",
            channels=channels,
            convolution=_choose("conv", conv, CONVOLUTIONS),
            order=_choose("norm", norm, NORMS),
            normalization=partial(layers.BatchNormalization, momentum=norm_momentum),
            downsampling=smaller,
            join=_add_input if residual else _leave_input,
        )
        x = block.apply(x)
    x = answer(x, output or class_output(classes), image_shape=input_shape)
    return keras.Model(images, x, name="convnet")


@dataclass(frozen=True, slots=True)
class _Block:
    """Two convolutions, each with its normalization and activation, and the join after them."""

    name: str
    channels: int
    convolution: Callable[..., keras.Layer]
    order: tuple[str, ...]
    normalization: Callable[..., keras.Layer]
    downsampling: Downsampling
    join: Callable[[_Block, Tensor, Tensor], Tensor]

    def apply(self, x: Tensor) -> Tensor:
        y = self._convolve(x, number=1)
        y = self._convolve(y, number=2, strides=self.downsampling.strides)
        y = self.downsampling.pooling(name=f"{self.name}_pool")(y)
        return self.join(self, x, y)

    def _convolve(self, x: Tensor, *, number: int, strides: int = 1) -> Tensor:
        convolution = partial(
            self.convolution,
            self.channels,
            3,
            strides=strides,
            padding="same",
            use_bias=self.order[1] != "norm",
        )
        makers = {"conv": convolution, "norm": self.normalization, "relu": layers.ReLU}
        for step in self.order:
            x = makers[step](name=f"{self.name}_{step}{number}")(x)
        return x


def _add_input(block: _Block, x: Tensor, y: Tensor) -> Tensor:
    """Add the block's input to its output, projected where the shapes differ."""
    factor = block.downsampling.factor
    if factor > 1 or x.shape[-1] != block.channels:
        name = f"{block.name}_projection"
        x = layers.Conv2D(block.channels, 1, strides=factor, name=name)(x)
    return layers.Add(name=f"{block.name}_add")([y, x])


def _leave_input(block: _Block, x: Tensor, y: Tensor) -> Tensor:
    """Return the block's output without its input."""
    return y


def _choose(key: str, name: object, choices: dict[str, Any]) -> Any:
    return choices[check_choice(name, f"model.{key}", choices=choices)]
