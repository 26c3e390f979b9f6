"""One class a pixel, judged by the mean intersection over union of the classes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ablate.data.images import Images, Split
from ablate.data.info import DatasetInfo
from ablate.errors import RequestError
from ablate.study.response import Response
from ablate.tasks.task import (
    PLAIN_LOSS,
    Dataset,
    LossOptions,
    Move,
    Objective,
    Output,
    Shape,
    exclusive_logits,
)

if TYPE_CHECKING:
    import keras

VOID = 255
"""The target of pixels that have no class: they count neither in the loss nor in a measure."""


class Segmentation:
    """One class a pixel: targets are class indices or `VOID`, uint8, `(images, height, width)`.

    A model answers with a probability or a logit for each class at each pixel, shape
    `(batch, height, width, classes)`.

    The intersection over union (IoU) of a class is taken over all labelled pixels of a part. The
    mean IoU is the mean over the classes that occur in the targets of the part. A class that does
    not occur there has an IoU of 1 where the model does not predict it either, and otherwise of 0.
    """

    name = "segmentation"
    has_class_indices = True

    def measures(self, classes: tuple[str, ...]) -> tuple[Response, ...]:
        """Mean IoU, the IoU of each class, and the share of pixels with the right class."""
        names = ("mean_iou", *iou_names(classes), "pixel_accuracy")
        return tuple(Response(name, "higher", "fraction") for name in names)

    def check_targets(self, images: Images) -> None:
        """Check that targets are masks of class indices, with every class in the train part.

        Raises:
            RequestError: They are not, or the train part has no pixel of some class, or another
                part has no pixel of any class.
        """
        names = iou_names(images.classes)
        if len(set(names)) < len(names):
            raise RequestError(
                f"Expected classes whose names differ as words; received {images.classes}."
            )
        for name, part in images.parts.items():
            _check_masks(name, part, classes=len(images.classes))
        counts = _value_counts(images.train.y)
        for label, count in zip(images.classes, counts, strict=False):
            if not count:
                raise RequestError(
                    f"Expected pixels of every class in the train part; {label!r} has none."
                )

    def strata(self, targets: NDArray[np.uint8]) -> NDArray[np.int64]:
        """The class of each image that the fewest images have.

        A split by these strata divides the images of a rare class evenly.

        Raises:
            RequestError: The targets are not masks.
        """
        if targets.ndim != 3:
            raise RequestError(
                f"Expected masks of shape (images, height, width); received {targets.shape}."
            )
        counts = np.stack([_value_counts(mask) for mask in targets])[:, :VOID]
        images = np.where(counts, np.count_nonzero(counts, axis=0), len(targets) + 1)
        rarest: NDArray[np.int64] = images.argmin(axis=1)
        return rarest

    def output(self, dataset: Dataset) -> Output:
        """A probability for each class at each pixel."""
        return Output(len(dataset.classes), "softmax", "pixel")

    def check_output(self, shape: Shape, dataset: Dataset) -> None:
        """Check that a model has an output for each class at each pixel.

        Raises:
            RequestError: It has not.
        """
        answers = f"masks of {len(dataset.classes)} classes"
        self.output(dataset).check(shape, dataset, answers=answers)

    def encode(self, targets: NDArray[np.uint8], shape: Shape) -> NDArray[np.uint8]:
        """The masks as they are."""
        return targets

    def augment(self, move: Move, *, images: Any, targets: Any) -> tuple[Any, Any]:
        """Masks move with their image; pixels from outside of the image become void."""
        import keras  # seconds to import, and needed only where a model is trained

        # What comes from outside is filled with a value of an image, from 0 to 1. As four times the
        # distance from void, that is void, and every class is 4 or more.
        distances = 4.0 * (VOID - keras.ops.cast(targets, "float32"))
        moved = move({"images": images, "segmentation_masks": distances[..., None]})
        masks = VOID - keras.ops.round(moved["segmentation_masks"][..., 0] / 4.0)
        return moved["images"], keras.ops.cast(masks, targets.dtype)

    def are_logits(self, outputs: NDArray[np.float32], activation: str | None) -> bool:
        """Whether the outputs are logits; see `exclusive_logits`."""
        return exclusive_logits(outputs, activation)

    def objective(
        self, shape: Shape, dataset: Dataset, *, options: LossOptions = PLAIN_LOSS
    ) -> Objective:
        """Cross-entropy of the labelled pixels, and one metric for all measures."""
        return Objective(_loss(options), (_metric(dataset.classes),))

    def image_weights(
        self,
        targets: NDArray[np.uint8],
        *,
        classes: tuple[str, ...],
        class_weight: str | Mapping[str, float],
    ) -> NDArray[np.float32]:
        """Refuse: an image has pixels of several classes.

        Raises:
            RequestError: Always.
        """
        raise RequestError(
            f"Expected no recipe.class_weight for segmentation, where an image has pixels of "
            f"several classes; received {class_weight!r}."
        )

    def guessing(self, targets: NDArray[np.uint8], classes: tuple[str, ...]) -> Mapping[str, float]:
        """What a measure is if every pixel gets the class that is best for it."""
        counts = _value_counts(targets)[: len(classes)]
        shares = counts / counts.sum()
        return {
            "mean_iou": float(shares.max() / np.count_nonzero(counts)),
            **dict(zip(iou_names(classes), shares.tolist(), strict=True)),
            "pixel_accuracy": float(shares.max()),
        }

    def step(self, measure: str, images: int) -> float | None:
        """None: shares of pixels and ratios of counts of pixels have no step of one image."""
        return None

    def noise(self, info: DatasetInfo, count: int) -> Split:
        """Random images with random masks of all classes."""
        generator = np.random.default_rng(0)
        pixels = generator.integers(0, 256, (count, *info.shape), np.uint8)
        masks = generator.integers(0, len(info.classes), (count, *info.shape[:2]), np.uint8)
        return Split(pixels, masks)


def iou_names(classes: tuple[str, ...]) -> tuple[str, ...]:
    """What the IoU of each class is called: the name of the class as one word."""
    return tuple("iou_" + re.sub(r"\W+", "_", name) for name in classes)


def _value_counts(masks: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How many pixels have each value, shape `(256,)`."""
    # One row at a time, because bincount copies its argument to eight times the size.
    counts = np.zeros(VOID + 1, np.int64)
    for row in masks:
        counts += np.bincount(row.ravel(), minlength=VOID + 1)
    return counts


def _check_masks(part: str, split: Split, *, classes: int) -> None:
    if split.y.dtype != np.uint8 or split.y.shape != split.x.shape[:3]:
        raise RequestError(
            f"Expected {part} masks as uint8 of shape {split.x.shape[:3]}; received "
            f"{split.y.dtype} of shape {split.y.shape}."
        )
    counts = _value_counts(split.y)
    beyond = np.flatnonzero(counts[classes:VOID]) + classes
    if len(beyond):
        raise RequestError(
            f"Expected {part} masks with class indices from 0 to {classes - 1}, or {VOID} for void "
            f"pixels; received {beyond[0]}."
        )
    if not counts[:classes].any():
        raise RequestError(f"Expected pixels of some class in the {part} part; received none.")


def _loss(options: LossOptions) -> keras.losses.Loss:
    import keras  # seconds to import, and needed only where a model is compiled

    class LabelledCrossentropy(keras.losses.Loss):
        """The mean cross-entropy of the labelled pixels of each image, 0 for an image of none.

        A mean for each image, unlike one for the whole batch, makes the loss of a part independent
        of how it is cut into batches.
        """

        def call(self, y_true: Any, y_pred: Any) -> Any:
            has_class = keras.ops.not_equal(y_true, VOID)
            labelled = keras.ops.cast(has_class, y_pred.dtype)
            losses = _crossentropy(keras.ops.where(has_class, y_true, 0), y_pred, options)
            total = keras.ops.sum(losses * labelled, axis=(1, 2))
            return total / keras.ops.maximum(keras.ops.sum(labelled, axis=(1, 2)), 1)

    return LabelledCrossentropy()


def _crossentropy(y_true: Any, y_pred: Any, options: LossOptions) -> Any:
    """The cross-entropy of each pixel; Keras smooths one-hot targets alone."""
    import keras  # seconds to import, and needed only where a model is compiled

    if not options.label_smoothing:
        return keras.losses.sparse_categorical_crossentropy(
            y_true, y_pred, from_logits=options.from_logits
        )
    return keras.losses.categorical_crossentropy(
        keras.ops.one_hot(keras.ops.cast(y_true, "int32"), y_pred.shape[-1]),
        y_pred,
        from_logits=options.from_logits,
        label_smoothing=options.label_smoothing,
    )


def _metric(classes: tuple[str, ...]) -> keras.metrics.Metric:
    import keras  # seconds to import, and needed only where a model is compiled

    size, names = len(classes), iou_names(classes)

    class Confusion(keras.metrics.Metric):
        """Counts the labelled pixels by class and predicted class, and reports every measure."""

        def __init__(self) -> None:
            super().__init__(name="confusion")
            self.counts = self.add_weight(shape=(size, size), initializer="zeros", name="counts")

        def update_state(self, y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> None:
            labels = keras.ops.cast(y_true, "int32")
            labelled = keras.ops.not_equal(labels, VOID)
            predicted = keras.ops.cast(keras.ops.argmax(y_pred, axis=-1), "int32")
            index = keras.ops.where(labelled, labels, 0) * size + predicted
            # Whole numbers below 2**24 are exact in float32, in whatever order they are added.
            counts = keras.ops.segment_sum(
                keras.ops.reshape(keras.ops.cast(labelled, "float32"), [-1]),
                keras.ops.reshape(index, [-1]),
                num_segments=size * size,
            )
            self.counts.assign_add(keras.ops.reshape(counts, (size, size)))

        def result(self) -> dict[str, Any]:
            right = keras.ops.diagonal(self.counts)
            targets = keras.ops.sum(self.counts, axis=1)
            union = targets + keras.ops.sum(self.counts, axis=0) - right
            # Without a target and without a prediction, nothing is wrong.
            iou = keras.ops.where(union > 0, right / keras.ops.maximum(union, 1), 1.0)
            occurs = keras.ops.cast(targets > 0, "float32")
            mean = keras.ops.sum(iou * occurs) / keras.ops.maximum(keras.ops.sum(occurs), 1)
            pixels = keras.ops.maximum(keras.ops.sum(targets), 1)
            each = {name: iou[index] for index, name in enumerate(names)}
            return {"mean_iou": mean, **each, "pixel_accuracy": keras.ops.sum(right) / pixels}

    return Confusion()


TASK = Segmentation()
