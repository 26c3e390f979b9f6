"""Residual networks of any depth, and the plain networks without their shortcuts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
from keras import layers

from ablate.fields import check_choice, check_flag, check_number, check_whole, check_whole_list
from ablate.models.convnet import CONVOLUTIONS
from ablate.models.head import answer
from ablate.tasks.task import Output, class_output

NORMS = ("before_activation", "none")


def build(  # noqa: PLR0913 - one keyword a switch, as in conf/model/resnet.yaml
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    filters: Sequence[int] = (16, 32, 64),
    blocks: int = 3,
    residual: bool = True,
    norm: str = "before_activation",
    norm_momentum: float = 0.9,
    conv: str = "conv2d",
    output: Output | None = None,
) -> keras.Model:
    """The ResNet for small images: a convolution, then stages of blocks of two convolutions.

    With three stages of n blocks it has 6 n + 2 layers with weights, as those of the paper for
    CIFAR-10. The first block of each stage but the first halves the image. Where a block changes
    the size or the channels, its input passes a strided 1x1 convolution (the paper's option B).

    Args:
        input_shape: Height, width and channels of an image.
        classes: Number of classes.
        filters: Channels of each stage; the first convolution has those of the first stage.
        blocks: Number of blocks of each stage.
        residual: Whether a block's input is added to its output; without, it is a plain network.
        norm: Batch normalization ``before_activation``, after every convolution, or ``none``. Only
            without it the convolutions have a bias.
        norm_momentum: Momentum of the moving statistics of batch normalization, from 0 to below 1.
        conv: ``conv2d`` or ``separable``, for the convolutions of the blocks.
        output: What the task asks of the model; None for one of the classes.

    Returns:
        A model from images in [0, 1], shape `(batch, height, width, channels)`, to what the task
        asks for; for one of the classes to probabilities, shape `(batch, classes)`, or `(batch, 1)`
        for two classes.

    Raises:
        RequestError: A switch does not have the given setting.

    Source: He et al., Deep residual learning, 2016, https://arxiv.org/abs/1512.03385, section 4.2.
    """
    check_whole_list(filters, "model.filters", least=1, example="[16, 32, 64]")
    check_whole(blocks, "model.blocks", least=1, below=2**10)
    check_number(
        norm_momentum,
        "model.norm_momentum",
        accepts=lambda momentum: 0 <= momentum < 1,
        expected="a number from 0 to below 1, such as 0.9",
    )
    has_norm = check_choice(norm, "model.norm", choices=NORMS) != "none"
    maker = _Maker(
        convolution=CONVOLUTIONS[check_choice(conv, "model.conv", choices=CONVOLUTIONS)],
        norm=partial(layers.BatchNormalization, momentum=norm_momentum) if has_norm else None,
        residual=check_flag(residual, "model.residual"),
    )
    images = layers.Input(input_shape, name="images")
    x = maker.convolve(images, "first", channels=filters[0], kind=layers.Conv2D)
    x = layers.ReLU(name="first_relu")(x)
    for stage, channels in enumerate(filters, start=1):
        for block in range(1, blocks + 1):
            strides = 2 if stage > 1 and block == 1 else 1
            x = maker.block(x, f"stage{stage}_block{block}", channels=channels, strides=strides)
    x = answer(x, output or class_output(classes), image_shape=input_shape)
    return keras.Model(images, x, name="resnet")


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes the layers of one network.

    Attributes:
        convolution: Makes the convolutions of the blocks.
        norm: Makes the layer that follows each convolution; None for none.
        residual: Whether blocks have shortcuts.
    """

    convolution: Callable[..., keras.Layer]
    norm: Callable[..., keras.Layer] | None
    residual: bool

    def block(self, x: Any, name: str, *, channels: int, strides: int) -> Any:
        """Two convolutions, with the shortcut around them where there is one."""
        y = self.convolve(x, f"{name}_1", channels=channels, strides=strides)
        y = layers.ReLU(name=f"{name}_1_relu")(y)
        y = self.convolve(y, f"{name}_2", channels=channels)
        if self.residual:
            if strides > 1 or x.shape[-1] != channels:
                options = {"strides": strides, "use_bias": self.norm is None}
                x = layers.Conv2D(channels, 1, name=f"{name}_0_conv", **options)(x)
                x = self.norm(name=f"{name}_0_norm")(x) if self.norm else x
            y = layers.Add(name=f"{name}_add")([y, x])
        return layers.ReLU(name=f"{name}_out")(y)

    def convolve(
        self,
        x: Any,
        name: str,
        *,
        channels: int,
        strides: int = 1,
        kind: Callable[..., keras.Layer] | None = None,
    ) -> Any:
        """A 3x3 convolution and its normalization."""
        options = {"strides": strides, "padding": "same", "use_bias": self.norm is None}
        x = (kind or self.convolution)(channels, 3, name=f"{name}_conv", **options)(x)
        return self.norm(name=f"{name}_norm")(x) if self.norm else x
