"""One class an image, judged by accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ablate.data.images import Images, Split
from ablate.data.info import DatasetInfo
from ablate.errors import RequestError
from ablate.fields import check_choice
from ablate.study.response import Response
from ablate.tasks.task import (
    PLAIN_LOSS,
    Dataset,
    LossOptions,
    Move,
    Objective,
    Output,
    Shape,
    class_output,
    exclusive_logits,
)

if TYPE_CHECKING:
    import keras


class Classification:
    """One class an image: targets are class indices, int64 of shape `(images,)`.

    A model answers with a probability or a logit for each class, shape `(batch, classes)`, or for
    two classes with that of the second, shape `(batch, 1)`.
    """

    name = "classification"
    has_class_indices = True

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

    def output(self, dataset: Dataset) -> Output:
        """See `class_output`."""
        return class_output(len(dataset.classes))

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
                f"{classes} classes; {self.output(dataset).refusal(shape, dataset)}"
            )

    def encode(self, targets: NDArray[np.int64], shape: Shape) -> NDArray[np.generic]:
        """Class indices, or a column of 0 and 1 for a model with one output."""
        if shape[-1] == 1:
            return targets.astype(np.float32)[:, np.newaxis]
        return targets.astype(np.int32)

    def augment(self, move: Move, *, images: Any, targets: Any) -> tuple[Any, Any]:
        """The class of an image stays."""
        return move({"images": images})["images"], targets

    def are_logits(self, outputs: NDArray[np.float32], activation: str | None) -> bool:
        """Whether the outputs are logits; see `exclusive_logits`."""
        return exclusive_logits(outputs, activation)

    def objective(
        self, shape: Shape, dataset: Dataset, *, options: LossOptions = PLAIN_LOSS
    ) -> Objective:
        """Cross-entropy and accuracy."""
        import keras  # seconds to import, and needed only where a model is compiled

        logits, smoothing = options.from_logits, options.label_smoothing
        if shape[-1] == 1:
            loss = keras.losses.BinaryCrossentropy(from_logits=logits, label_smoothing=smoothing)
            return Objective(loss, (_binary_accuracy(from_logits=logits),))
        accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
        if smoothing:
            return Objective(_smoothed_loss(len(dataset.classes), options), (accuracy,))
        return Objective(
            keras.losses.SparseCategoricalCrossentropy(from_logits=logits), (accuracy,)
        )

    def image_weights(
        self,
        targets: NDArray[np.int64],
        *,
        classes: tuple[str, ...],
        class_weight: str | Mapping[str, float],
    ) -> NDArray[np.float32]:
        """The weight of the class of each image.

        Balanced weights give every class the same sum of weights, and images a mean weight of 1.

        Raises:
            RequestError: A class is unknown.
        """
        if isinstance(class_weight, str):
            counts = np.bincount(targets, minlength=len(classes))
            weights = len(targets) / (len(classes) * np.maximum(counts, 1))
        else:
            weights = np.ones(len(classes))
            by_index = {str(index): index for index in range(len(classes))}
            indices = by_index | {name: index for index, name in enumerate(classes)}
            for name, weight in class_weight.items():
                check_choice(name, "class of recipe.class_weight", choices=indices)
                weights[indices[name]] = weight
        chosen: NDArray[np.float32] = weights[targets].astype(np.float32)
        return chosen

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


def _binary_accuracy(*, from_logits: bool) -> keras.metrics.Metric:
    """The share of images whose one output is on the side of their class."""
    import keras  # seconds to import, and needed only where a model is compiled

    if not from_logits:
        return keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.5)

    def right(y_true: Any, y_pred: Any) -> Any:
        hit = keras.ops.equal(y_true > 0.5, y_pred > 0)
        return keras.ops.mean(keras.ops.cast(hit, "float32"), axis=-1)

    return keras.metrics.MeanMetricWrapper(right, name="accuracy")


def _smoothed_loss(classes: int, options: LossOptions) -> keras.losses.Loss:
    """Cross-entropy with smoothed targets, which Keras has for one-hot targets alone."""
    import keras  # seconds to import, and needed only where a model is compiled

    class SmoothedCrossentropy(keras.losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return keras.losses.categorical_crossentropy(
                keras.ops.one_hot(keras.ops.cast(y_true, "int32"), classes),
                y_pred,
                from_logits=options.from_logits,
                label_smoothing=options.label_smoothing,
            )

    return SmoothedCrossentropy(name="smoothed_crossentropy")


def _check_labels(y: NDArray[np.generic]) -> None:
    if y.ndim != 1 or y.dtype != np.int64:
        raise RequestError(
            f"Expected {len(y)} int64 labels; received {y.dtype} of shape {y.shape}."
        )


TASK = Classification()
