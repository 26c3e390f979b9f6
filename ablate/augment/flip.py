"""Mirrored images."""

from __future__ import annotations

import keras
from keras import layers

from ablate.fields import check_choice

DIRECTIONS = ("horizontal", "vertical", "horizontal_and_vertical")


def build(shape: tuple[int, int, int], *, direction: str = "horizontal") -> tuple[keras.Layer, ...]:
    """Mirror every second image, chosen at random.

    Args:
        shape: Height, width and channels of an image.
        direction: ``horizontal`` exchanges left and right, ``vertical`` top and bottom;
            ``horizontal_and_vertical`` does both at once.

    Raises:
        RequestError: The direction is unknown.
    """
    check_choice(direction, "augment.direction", choices=DIRECTIONS)
    return (layers.RandomFlip(direction, bounding_box_format="xyxy", name="flip"),)
