"""The images of a study, in the three parts that it keeps apart."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Split:
    """One part of the images.

    Attributes:
        x: Images as stored, uint8 or float32, shape `(images, height, width, channels)`.
        y: Class indices, int64, shape `(images,)`.
    """

    x: NDArray[np.generic]
    y: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.x.ndim != 4 or self.x.dtype not in (np.uint8, np.float32):
            raise ValueError(
                f"Expected uint8 or float32 images of shape (images, height, width, channels); "
                f"received {self.x.dtype} of shape {self.x.shape}."
            )
        if self.y.shape != self.x.shape[:1] or self.y.dtype != np.int64:
            raise ValueError(
                f"Expected {len(self.x)} int64 labels; received {self.y.dtype} of shape "
                f"{self.y.shape}."
            )


@dataclass(frozen=True)
class Images:
    """All images of a study.

    Attributes:
        train: What the model learns from.
        validation: What an epoch or a rate may be chosen on.
        test: What is reported, and nothing else.
        classes: Name of each class, in the order of the labels.
        scale: Factor from a stored value to what the network sees, which lies in [0, 1].
    """

    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]
    scale: float

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        height, width, channels = self.train.x.shape[1:]
        return height, width, channels

    @functools.cached_property
    def fingerprint(self) -> str:
        """Hash of all pixels and labels in their parts: the identity of the images."""
        hasher = hashlib.blake2b(digest_size=16)
        hasher.update(f"{len(self.classes)} classes, scale {self.scale!r}".encode())
        for part in (self.train, self.validation, self.test):
            for array in (part.x, part.y):
                hasher.update(f"{array.dtype.str} {array.shape}".encode())
                hasher.update(np.ascontiguousarray(array).data)
        return hasher.hexdigest()
