"""Mirrored images, and a crop of the image with a black margin around it."""

from __future__ import annotations

import math

import keras
from keras import layers

from ablate.augment import flip as mirror
from ablate.errors import RequestError
from ablate.fields import check_flag, check_number


def build(
    shape: tuple[int, int, int], *, padding: float = 0.125, flip: bool = True
) -> tuple[keras.Layer, ...]:
    """Mirror every second image, and shift each by whole pixels.

    A crop of the image's own size at a random place of the image with a margin of zeros is the
    image shifted, zeros where nothing is known.

    Args:
        shape: Height, width and channels of an image.
        padding: Width of the margin on each side, as a share of the image's side.
        flip: Whether images are mirrored horizontally as well.

    Raises:
        RequestError: A value is not as described, or the margin is narrower than a pixel.

    Source: He et al., Deep residual learning, 2016, https://arxiv.org/abs/1512.03385, section 4.2:
        a margin of 4 pixels around the 32 x 32 images of CIFAR-10, and horizontal flips.
    """
    check_number(
        padding,
        "augment.padding",
        accepts=lambda share: 0 < share <= 0.5,
        expected="a number above 0, at most 0.5",
    )
    check_flag(flip, "augment.flip")
    side = min(shape[:2])
    if padding * side < 1:
        enough = math.ceil(100 / side) / 100
        nearest = f"augment.padding={enough:g}" if enough <= 0.5 else "augment=flip"
        raise RequestError(
            f"Expected images of {math.ceil(1 / padding)} pixels or more a side, so that "
            f"augment.padding={padding:g} of it is a pixel; received {shape[0]} x {shape[1]}. "
            f"Nearest choice: {nearest}."
        )
    crop = layers.RandomTranslation(
        padding,
        padding,
        fill_mode="constant",
        interpolation="nearest",
        bounding_box_format="xyxy",
        name="crop",
    )
    return (*(mirror.build(shape) if flip else ()), crop)
