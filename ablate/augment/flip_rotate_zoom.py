"""Mirrored, rotated and zoomed images."""

from __future__ import annotations

import keras
from keras import layers

from ablate.augment import flip as mirror
from ablate.fields import check_flag, check_number


def build(
    shape: tuple[int, int, int], *, rotation: float = 0.1, zoom: float = 0.2, flip: bool = True
) -> tuple[keras.Layer, ...]:
    """Mirror every second image, then rotate and zoom each; its own mirror image fills the rest.

    Args:
        shape: Height, width and channels of an image.
        rotation: Largest angle in either direction, as a share of a full turn.
        zoom: Largest share by which an image shrinks or grows.
        flip: Whether images are mirrored horizontally as well.

    Raises:
        RequestError: A value is not as described.

    Source: Chollet, Deep Learning with Python, 2nd edition, 2021, section 9.3.5 (and 8.2.5).
    """
    for key, value in {"rotation": rotation, "zoom": zoom}.items():
        check_number(
            value,
            f"augment.{key}",
            accepts=lambda share: 0 < share <= 0.5,
            expected="a number above 0, at most 0.5",
        )
    check_flag(flip, "augment.flip")
    return (
        *(mirror.build(shape) if flip else ()),
        layers.RandomRotation(rotation, bounding_box_format="xyxy", name="rotate"),
        layers.RandomZoom(zoom, bounding_box_format="xyxy", name="zoom"),
    )
