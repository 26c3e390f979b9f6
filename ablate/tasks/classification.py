"""One class an image, judged by accuracy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ablate.data.images import Images, Split
from ablate.data.info import DatasetInfo
from ablate.errors import RequestError
from ablate.study.response import Response
from ablate.tasks.task import Dataset, Objective, Shape


class Classification:
    """One class an image: targets are class indices, int64 of shape `(images,)`.

    A model answers with a probability for each class, shape `(batch, classes)`, or for two classes
    with the probability of the second, shape `(batch, 1)`.
    """

    name = "classification"

    def measures(self, classes: tuple[str, ...]) -> tuple[Response, ...]:
        """The share of images whose class is the most probable one."""
        return (Response("accuracy", "higher", "fraction"),)

    def check_targets(self, images: Images) -> None:
        """Check that targets are class indices, and that each part has images of every class.

        Raises:
            RequestError: They are not, or a part has no image of some class.
        """
        for name, part in images.parts.items():
            _check_labels(part.y)
            low, high = part.y.min(), part.y.max()
            if low < 0 or high >= len(images.classes):
                raise RequestError(
                    f"Expected {name} labels from 0 to {len(images.classes) - 1}; received {low} "
                    f"to {high}."
                )
        for index, label in enumerate(images.classes):
            counts = {name: int((part.y == index).sum()) for name, part in images.parts.items()}
            if 0 in counts.values():
                found = ", ".join(f"{count} in {name}" for name, count in counts.items())
                raise RequestError(
                    f"Expected images of every class in each part; {label!r} has {found}."
                )

    def strata(self, targets: NDArray[np.int64]) -> NDArray[np.int64]:
        """The class of each image.

        Raises:
            RequestError: The targets are not class indices.
        """
        _check_labels(targets)
        return targets

    def check_output(self, shape: Shape, dataset: Dataset) -> None:
        """Check that a model has an output for each class or, of two classes, for the second.

        Raises:
            RequestError: It has not.
        """
        classes = len(dataset.classes)
        expected = [(None, classes), (None, 1)][: 2 if classes == 2 else 1]
        if shape not in expected:
            raise RequestError(
                f"Expected a model with outputs of shape {' or '.join(map(str, expected))} for "
                f"{classes} classes; received {shape}."
            )

    def encode(self, targets: NDArray[np.int64], shape: Shape) -> NDArray[np.generic]:
        """Class indices, or a column of 0 and 1 for a model with one output."""
        if shape[-1] == 1:
            return targets.astype(np.float32)[:, np.newaxis]
        return targets.astype(np.int32)

    def objective(self, shape: Shape, dataset: Dataset) -> Objective:
        """Cross-entropy and accuracy."""
        import keras  # seconds to import, and needed only where a model is compiled

        if shape[-1] == 1:
            accuracy = keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.5)
            return Objective(keras.losses.BinaryCrossentropy(), (accuracy,))
        accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
        return Objective(keras.losses.SparseCategoricalCrossentropy(), (accuracy,))

    def guessing(self, targets: NDArray[np.int64], classes: tuple[str, ...]) -> Mapping[str, float]:
        """The accuracy of always answering with the most frequent class."""
        return {"accuracy": float(np.bincount(targets).max() / len(targets))}

    def step(self, measure: str, images: int) -> float | None:
        """One image, for the accuracy."""
        return 1 / images if measure == "accuracy" else None

    def noise(self, info: DatasetInfo, count: int) -> Split:
        """Random images that take the classes in turn, at least one image a class."""
        classes = len(info.classes)
        shape = (max(count, classes), *info.shape)
        pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        return Split(pixels, np.arange(len(pixels)) % classes)


def _check_labels(y: NDArray[np.generic]) -> None:
    if y.ndim != 1 or y.dtype != np.int64:
        raise RequestError(
            f"Expected {len(y)} int64 labels; received {y.dtype} of shape {y.shape}."
        )


TASK = Classification()
