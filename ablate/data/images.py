"""The images of a study, in the three parts that it keeps apart."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablate.data.split import stratified
from ablate.data.stored import bounds, pieces, take
from ablate.errors import RequestError

BYTES_OF_0_AND_1 = "The images hold 0 and 1 alone, so they are not divided by 255."


def byte_scale(*arrays: NDArray[np.generic]) -> float:
    """Factor from stored values to [0, 1]: 1 for floats and for bytes that hold 0 and 1 alone."""
    bytes_above_one = any(x.dtype == np.uint8 and x.size and bounds(x)[1] > 1 for x in arrays)
    return 1 / 255 if bytes_above_one else 1.0


def byte_notes(x: NDArray[np.generic], scale: float) -> tuple[str, ...]:
    """A note on images that are bytes and that `byte_scale` does not scale."""
    return (BYTES_OF_0_AND_1,) if scale == 1 and x.dtype == np.uint8 else ()


@dataclass(frozen=True, eq=False)
class Split:
    """One part of the images.

    Attributes:
        x: Images as stored, uint8 or float32, shape `(images, height, width, channels)`.
        y: What the task of the images asks for, one row an image; for classification, class
            indices, int64, shape `(images,)`.
    """

    x: NDArray[np.generic]
    y: NDArray[Any]

    def __post_init__(self) -> None:
        if self.x.ndim != 4 or self.x.dtype not in (np.uint8, np.float32):
            raise RequestError(
                f"Expected uint8 or float32 images of shape (images, height, width, channels); "
                f"received {self.x.dtype} of shape {self.x.shape}."
            )
        if self.x.size == 0:
            raise RequestError(f"Expected one image or more; received shape {self.x.shape}.")
        if self.y.shape[:1] != self.x.shape[:1]:
            raise RequestError(
                f"Expected targets for {len(self.x)} images, one row an image; received targets "
                f"of shape {self.y.shape}."
            )


@dataclass(frozen=True, eq=False)
class Images:
    """All images of a study.

    Attributes:
        train: What the model learns from.
        validation: What an epoch or a rate may be chosen on.
        test: What is reported, and nothing else.
        classes: Name of each class, in the order of the class indices.
        scale: Factor from a stored value to what the network sees, which lies in [0, 1].
        excluded: Files of the source that are left out, each with the reason. Not part of the
            fingerprint, because no run depends on them.
        notes: How the source was read where it could be read in another way, a sentence each. Not
            part of the fingerprint.
        task: Name of the task that the targets are for.
    """

    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]
    scale: float
    excluded: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    task: str = "classification"

    def __post_init__(self) -> None:
        if len(self.classes) < 2:
            raise RequestError(f"Expected two classes or more; received {self.classes}.")
        if not 0 < self.scale < math.inf:
            raise RequestError(f"Expected a scale above 0; received {self.scale!r}.")
        for name, part in self.parts.items():
            self._check(name, part)

    def _check(self, name: str, part: Split) -> None:
        if part.x.shape[1:] != self.shape or part.x.dtype != self.train.x.dtype:
            raise RequestError(
                f"Expected {name} images like the train images, {self.train.x.dtype} of shape "
                f"{self.shape}; received {part.x.dtype} of shape {part.x.shape[1:]}."
            )
        low, high = (float(value) * self.scale for value in bounds(part.x))
        if not (low >= 0 and high <= 1 + 1e-6):  # written so that NaN does not pass
            raise RequestError(
                f"Expected {name} images within [0, 1] once scaled; received {low:g} to {high:g}."
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

    @property
    def values(self) -> tuple[float, float]:
        """Smallest and largest value that a network sees, over all parts."""
        found = [bounds(part.x) for part in self.parts.values()]
        low, high = min(low for low, _ in found), max(high for _, high in found)
        return float(low) * self.scale, float(high) * self.scale

    @functools.cached_property
    def fingerprint(self) -> str:
        """Hash of all pixels and targets in their parts: the identity of the images."""
        hasher = hashlib.blake2b(digest_size=16)
        hasher.update(f"{len(self.classes)} classes, scale {self.scale!r}".encode())
        for part in self.parts.values():
            for array in (part.x, part.y):
                hasher.update(f"{array.dtype.str} {array.shape}".encode())
                for piece in pieces(array):
                    hasher.update(np.ascontiguousarray(piece).data)
        return hasher.hexdigest()


@dataclass(frozen=True, eq=False)
class Unsplit:
    """Images that the program splits into parts, stratified as their task asks for.

    Attributes:
        x: Images as stored, as in a `Split`.
        y: Their targets, one row an image.
        classes: Name of each class, in the order of the class indices.
        scale: Factor from a stored value to what the network sees, which lies in [0, 1].
        shares: Share of the images that each part gets, by the name of the part.
        split_seed: Seed of the split.
        fixed: The parts that the source itself keeps apart, by name.
        excluded: Files of the source that are left out, each with the reason.
        notes: How the source was read where it could be read in another way, a sentence each.
        task: Name of the task that the targets are for.
    """

    x: NDArray[np.generic]
    y: NDArray[Any]
    classes: tuple[str, ...]
    scale: float
    shares: Mapping[str, float]
    split_seed: int
    fixed: Mapping[str, Split] = field(default_factory=dict)
    excluded: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    task: str = "classification"

    def __post_init__(self) -> None:
        Split(self.x, self.y)  # the checks of a part

    def split(self, strata: NDArray[np.int64]) -> Images:
        """The images in their three parts.

        Args:
            strata: By which class index the split is stratified, shape `(images,)`.

        Raises:
            RequestError: The images, the parts or the seed are not valid.
        """
        chosen = stratified(strata, self.shares, split_seed=self.split_seed)
        parts = {
            name: Split(take(self.x, rows), take(self.y, rows)) for name, rows in chosen.items()
        }
        return Images(
            **parts,
            **self.fixed,
            classes=self.classes,
            scale=self.scale,
            excluded=self.excluded,
            notes=self.notes,
            task=self.task,
        )
