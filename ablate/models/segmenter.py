"""A small encoder and decoder that gives each pixel a class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
from keras import layers

from ablate.fields import check_choice, check_flag, check_number, check_whole_list
from ablate.models.convnet import CONVOLUTIONS, NORMS
from ablate.models.head import answer
from ablate.tasks.task import Output

DOWNSAMPLINGS = ("strides", "max_pool")


def build(  # noqa: PLR0913 - one keyword a switch, as in conf/model/segmenter.yaml
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    filters: Sequence[int] = (64, 128, 256),
    residual: bool = False,
    norm: str = "none",
    norm_momentum: float = 0.9,
    conv: str = "conv2d",
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
        residual: Whether a block's input is added to its output, through a 1x1 convolution without
            activation; in a block that doubles the image, its pixels are then repeated.
        norm: Where batch normalization is: ``none``, ``before_activation`` or
            ``after_activation``. A convolution that is followed directly by normalization has no
            bias, because the normalization adds a shift itself.
        norm_momentum: Momentum of the moving statistics of batch normalization, from 0 to below 1.
        conv: ``conv2d`` or ``separable``, for the 3x3 convolutions of the blocks that halve the
            image; the others have transposed convolutions, which have no separable form.
        downsampling: ``strides`` in the first convolution of a block, or ``max_pool`` after it.
        output: What the task asks of the model; None for a class of each pixel.

    Returns:
        A model from images in [0, 1], shape `(batch, height, width, channels)`, to what the task
        asks for; for a class of each pixel to probabilities, shape
        `(batch, height, width, classes)`.

    Raises:
        RequestError: A switch does not have the given setting.

    Source: Chollet, Deep Learning with Python, 2nd edition, 2021, section 9.2. The shortcuts are
        those of his example https://keras.io/examples/vision/oxford_pets_image_segmentation.
    """
    check_whole_list(filters, "model.filters", least=1, example="[64, 128, 256]")
    check_choice(downsampling, "model.downsampling", choices=DOWNSAMPLINGS)
    check_number(
        norm_momentum,
        "model.norm_momentum",
        accepts=lambda momentum: 0 <= momentum < 1,
        expected="a number from 0 to below 1, such as 0.9",
    )
    maker = _Maker(
        convolution=CONVOLUTIONS[check_choice(conv, "model.conv", choices=CONVOLUTIONS)],
        order=NORMS[check_choice(norm, "model.norm", choices=NORMS)],
        normalization=partial(layers.BatchNormalization, momentum=norm_momentum),
        pools=downsampling == "max_pool",
        residual=check_flag(residual, "model.residual"),
    )
    images = x = layers.Input(input_shape, name="images")
    for number, channels in enumerate(filters, start=1):
        x = maker.halve(x, f"down{number}", channels=channels)
    for number, channels in enumerate(reversed(filters), start=1):
        x = maker.double(x, f"up{number}", channels=channels)
    rows, columns = x.shape[1] - input_shape[0], x.shape[2] - input_shape[1]
    x = layers.Cropping2D(((0, rows), (0, columns)), name="crop")(x)
    x = answer(x, output or Output(classes, "softmax", "pixel"), image_shape=input_shape)
    return keras.Model(images, x, name="segmenter")


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes the layers of one network.

    Attributes:
        convolution: Makes the convolutions of the blocks that halve the image.
        order: The order of convolution, normalization and activation.
        normalization: Makes a layer of normalization.
        pools: Whether the image is halved by pooling instead of strides.
        residual: Whether blocks have shortcuts.
    """

    convolution: Callable[..., keras.Layer]
    order: tuple[str, ...]
    normalization: Callable[..., keras.Layer]
    pools: bool
    residual: bool

    def halve(self, x: Any, name: str, *, channels: int) -> Any:
        """Two convolutions, at the first of which the image is halved."""
        make = partial(self.convolution, channels, 3)
        y = self._convolve(x, name, number=1, make=partial(make, strides=1 if self.pools else 2))
        if self.pools:
            y = layers.MaxPooling2D(2, padding="same", name=f"{name}_pool")(y)
        y = self._convolve(y, name, number=2, make=make)
        if not self.residual:
            return y
        x = layers.Conv2D(channels, 1, strides=2, name=f"{name}_projection")(x)
        return layers.Add(name=f"{name}_add")([y, x])

    def double(self, x: Any, name: str, *, channels: int) -> Any:
        """Two transposed convolutions, the second of which doubles the image."""
        make = partial(layers.Conv2DTranspose, channels, 3)
        y = self._convolve(x, name, number=1, make=make)
        y = self._convolve(y, name, number=2, make=partial(make, strides=2))
        if not self.residual:
            return y
        x = layers.Conv2D(channels, 1, name=f"{name}_projection")(x)
        x = layers.UpSampling2D(2, name=f"{name}_repeat")(x)
        return layers.Add(name=f"{name}_add")([y, x])

    def _convolve(self, x: Any, name: str, *, number: int, make: Callable[..., keras.Layer]) -> Any:
        """A convolution with its normalization and activation."""
        use_bias = self.order[1] != "norm"
        makers = {
            "conv": partial(make, padding="same", use_bias=use_bias),
            "norm": self.normalization,
            "relu": layers.ReLU,
        }
        for step in self.order:
            x = makers[step](name=f"{name}_{step}{number}")(x)
        return x
