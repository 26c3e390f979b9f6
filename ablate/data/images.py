"""The images of a study, in the three parts that it keeps apart."""

from __future__ import annotations

import functools
import hashlib
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ablate.errors import RequestError


@dataclass(frozen=True, eq=False)
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
            raise RequestError(
                f"Expected uint8 or float32 images of shape (images, height, width, channels); "
                f"received {self.x.dtype} of shape {self.x.shape}."
            )
        if self.x.size == 0:
            raise RequestError(f"Expected one image or more; received shape {self.x.shape}.")
        if self.y.shape != self.x.shape[:1] or self.y.dtype != np.int64:
            raise RequestError(
                f"Expected {len(self.x)} int64 labels; received {self.y.dtype} of shape "
                f"{self.y.shape}."
            )


@dataclass(frozen=True, eq=False)
class Images:
    """All images of a study.

    Attributes:
        train: What the model learns from.
        validation: What an epoch or a rate may be chosen on.
        test: What is reported, and nothing else.
        classes: Name of each class, in the order of the labels.
        scale: Factor from a stored value to what the network sees, which lies in [0, 1].
        excluded: What the source holds besides and the study leaves out: a name and the reason
            each. No part of the fingerprint, as no run depends on it.
        task: Name of the task that the targets are for.
    """

    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]
    scale: float
    excluded: tuple[str, ...] = ()
    task: str = "classification"

    def __post_init__(self) -> None:
        if len(self.classes) < 2:
            raise RequestError(f"Expected two classes or more; received {self.classes}.")
        if not 0 < self.scale < math.inf:
            raise RequestError(f"Expected a scale above 0; received {self.scale!r}.")
        for name, part in self.parts.items():
            self._check(name, part)
        for index, label in enumerate(self.classes):
            counts = {name: int((part.y == index).sum()) for name, part in self.parts.items()}
            if 0 in counts.values():
                found = ", ".join(f"{count} in {name}" for name, count in counts.items())
                raise RequestError(
                    f"Expected images of every class in each part; {label!r} has {found}."
                )

    def _check(self, name: str, part: Split) -> None:
        if part.x.shape[1:] != self.shape or part.x.dtype != self.train.x.dtype:
            raise RequestError(
                f"Expected {name} images like the train images, {self.train.x.dtype} of shape "
                f"{self.shape}; received {part.x.dtype} of shape {part.x.shape[1:]}."
            )
        low, high = (float(value) * self.scale for value in (part.x.min(), part.x.max()))
        if not (low >= 0 and high <= 1 + 1e-6):  # written so that NaN does not pass
            raise RequestError(
                f"Expected {name} images within [0, 1] once scaled; received {low:g} to {high:g}."
            )
        if part.y.min() < 0 or part.y.max() >= len(self.classes):
            raise RequestError(
                f"Expected {name} labels from 0 to {len(self.classes) - 1}; received "
                f"{part.y.min()} to {part.y.max()}."
            )

    @property
    def parts(self) -> dict[str, Split]:
        """The three parts by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

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
        for part in self.parts.values():
            for array in (part.x, part.y):
                hasher.update(f"{array.dtype.str} {array.shape}".encode())
                hasher.update(np.ascontiguousarray(array).data)
        return hasher.hexdigest()
