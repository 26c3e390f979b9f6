"""Any number of labels an image, judged by macro F1 and by mean average precision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ablate.data.images import Images, Split
from ablate.data.info import DatasetInfo
from ablate.errors import RequestError
from ablate.study.response import Response
from ablate.tasks.task import PLAIN_LOSS, Dataset, LossOptions, Move, Objective, Output, Shape

if TYPE_CHECKING:
    import keras

THRESHOLD = 0.5
"""The probability above which a label is predicted."""
BINS = 2**12
"""Bins of the scores of a label."""
BINS_A_UNIT = 2**7
"""Bins a unit of a logit: all logits from -16 to 16 are distinguished in steps of 1/128."""
LEAST = 1e-7
"""Smallest distance of a probability from 0 and from 1, which float32 can still hold."""


class Multilabel:
    """Any number of labels an image: targets are uint8 of 0 and 1, shape `(images, labels)`.

    A model answers with a probability or a logit for each label, shape `(batch, labels)`.

    Macro F1 is the mean over the labels of F1 at a probability of 0.5; a label that is neither
    predicted nor in the targets has an F1 of 0. Average precision is the mean precision over the
    images that have a label, each taken at the score of that image (the area under the curve of
    precision and recall, without interpolation). Scores are compared as logits in steps of 1/128,
    so that no part is ever held as scores: memory does not depend on the number of images.
    """

    name = "multilabel"
    has_class_indices = False

    def measures(self, classes: tuple[str, ...]) -> tuple[Response, ...]:
        """The mean over the labels of their average precision, and macro F1.

        Average precision is first, as guessing gives the share of each label. Macro F1 of naming
        every label is higher than that of many models that have learned.
        """
        names = ("mean_average_precision", "macro_f1")
        return tuple(Response(name, "higher", "fraction") for name in names)

    def check_targets(self, images: Images) -> None:
        """Check that targets are 0 and 1, and that each part has both for every label.

        Raises:
            RequestError: They are not, or a part has a label on no image or on all of them.
        """
        for name, part in images.parts.items():
            _check_labels(part.y, len(images.classes))
            with_label = part.y.sum(axis=0, dtype=np.int64)
            for label, count in zip(images.classes, with_label.tolist(), strict=True):
                if count in (0, len(part.y)):
                    raise RequestError(
                        f"Expected images with and without every label in each part; {label!r} is "
                        f"on {count} of {len(part.y)} {name} images."
                    )

    def strata(self, targets: NDArray[np.uint8]) -> NDArray[np.int64]:
        """The label of each image that the fewest images have; one more for images without any.

        A split by these strata divides the images of a rare label evenly.

        Raises:
            RequestError: The targets are not 0 and 1 for each label.
        """
        _check_labels(targets, targets.shape[-1])
        none = ~targets.any(axis=1, keepdims=True)
        columns = np.concatenate([targets, none], axis=1)
        images = np.where(columns, columns.sum(axis=0, dtype=np.int64), len(targets) + 1)
        rarest: NDArray[np.int64] = images.argmin(axis=1)
        return rarest

    def output(self, dataset: Dataset) -> Output:
        """A probability for each label, independent of the others."""
        return Output(len(dataset.classes), "sigmoid")

    def check_output(self, shape: Shape, dataset: Dataset) -> None:
        """Check that a model has an output for each label.

        Raises:
            RequestError: It has not.
        """
        answers = f"{len(dataset.classes)} labels"
        self.output(dataset).check(shape, dataset, answers=answers)

    def encode(self, targets: NDArray[np.uint8], shape: Shape) -> NDArray[np.uint8]:
        """The targets as they are."""
        return targets

    def augment(self, move: Move, *, images: Any, targets: Any) -> tuple[Any, Any]:
        """The labels of an image stay."""
        return move({"images": images})["images"], targets

    def are_logits(self, outputs: NDArray[np.float32], activation: str | None) -> bool:
        """Whether the outputs are logits and not probabilities.

        Raises:
            RequestError: The model ends in softmax, so that its labels exclude each other.
        """
        if activation == "softmax":
            raise RequestError(
                "Expected a probability of its own for each label; received a model that ends in "
                "softmax, whose outputs add up to 1. End it in sigmoid, or without an activation."
            )
        if activation in ("sigmoid", "linear"):
            return activation == "linear"
        finite = outputs[np.isfinite(outputs)]
        return bool(finite.size and (finite.min() < 0 or finite.max() > 1))

    def objective(
        self, shape: Shape, dataset: Dataset, *, options: LossOptions = PLAIN_LOSS
    ) -> Objective:
        """Binary cross-entropy, Keras' F1 and average precision."""
        import keras  # seconds to import, and needed only where a model is compiled

        loss = keras.losses.BinaryCrossentropy(
            from_logits=options.from_logits, label_smoothing=options.label_smoothing
        )
        logits, labels = options.from_logits, len(dataset.classes)
        return Objective(
            loss, (_macro_f1(from_logits=logits), _average_precision(labels, from_logits=logits))
        )

    def image_weights(
        self,
        targets: NDArray[np.uint8],
        *,
        classes: tuple[str, ...],
        class_weight: str | Mapping[str, float],
    ) -> NDArray[np.float32]:
        """Refuse: an image has several labels.

        Raises:
            RequestError: Always.
        """
        raise RequestError(
            f"Expected no recipe.class_weight for multilabel, where an image has several labels; "
            f"received {class_weight!r}."
        )

    def guessing(self, targets: NDArray[np.uint8], classes: tuple[str, ...]) -> Mapping[str, float]:
        """What an answer with every label on every image scores, in the same order for all."""
        shares = targets.mean(axis=0)
        return {
            "macro_f1": float(np.mean(2 * shares / (1 + shares))),
            "mean_average_precision": float(shares.mean()),
        }

    def step(self, measure: str, images: int) -> float | None:
        """None: neither measure is a share of images."""
        return None

    def noise(self, info: DatasetInfo, count: int) -> Split:
        """Random images with random labels."""
        generator = np.random.default_rng(0)
        pixels = generator.integers(0, 256, (count, *info.shape), np.uint8)
        return Split(pixels, generator.integers(0, 2, (count, len(info.classes)), np.uint8))


def _check_labels(y: NDArray[np.generic], labels: int) -> None:
    if y.dtype != np.uint8 or y.shape != (len(y), labels):
        raise RequestError(
            f"Expected targets as uint8 of shape {(len(y), labels)}, 0 or 1 for each label; "
            f"received {y.dtype} of shape {y.shape}."
        )
    if y.max() > 1:
        raise RequestError(f"Expected 0 or 1 for each label; received {y.max()}.")


def _macro_f1(*, from_logits: bool) -> keras.metrics.Metric:
    import keras  # seconds to import, and needed only where a model is compiled

    class MacroF1(keras.metrics.F1Score):
        def update_state(self, y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> None:
            probabilities = keras.ops.sigmoid(y_pred) if from_logits else y_pred
            super().update_state(y_true, probabilities, sample_weight=sample_weight)

    return MacroF1(average="macro", threshold=THRESHOLD, name="macro_f1")


def _average_precision(labels: int, *, from_logits: bool) -> keras.metrics.Metric:
    import keras  # seconds to import, and needed only where a model is compiled

    ops = keras.ops

    class AveragePrecision(keras.metrics.Metric):
        """Counts the scores of each label in bins, of images without and with the label."""

        def __init__(self) -> None:
            super().__init__(name="mean_average_precision")
            self.counts = self.add_weight(
                shape=(labels, 2, BINS), initializer="zeros", name="counts"
            )

        def update_state(self, y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> None:
            y_pred = ops.cast(y_pred, "float32")
            if not from_logits:
                y_pred = ops.clip(y_pred, LEAST, 1 - LEAST)
                y_pred = ops.log(y_pred) - ops.log1p(-y_pred)
            steps = ops.clip(ops.floor(y_pred * BINS_A_UNIT), -BINS // 2, BINS // 2 - 1)
            bins = ops.cast(steps, "int32") + BINS // 2
            index = (ops.arange(labels) * 2 + ops.cast(y_true, "int32")) * BINS + bins
            # Whole numbers below 2**24 are exact in float32, in whatever order they are added.
            index = ops.reshape(index, [-1])
            ones = ops.ones_like(index, "float32")
            counts = ops.segment_sum(ones, index, num_segments=labels * 2 * BINS)
            self.counts.assign_add(ops.reshape(counts, (labels, 2, BINS)))

        def result(self) -> Any:
            descending = ops.flip(self.counts, axis=-1)
            found = descending[:, 1]
            # Precision among the images with this score or a higher one.
            cumulated = ops.cumsum(found, axis=-1)
            precision = cumulated / ops.maximum(ops.cumsum(ops.sum(descending, axis=1), axis=-1), 1)
            total = cumulated[:, -1]
            each = ops.sum(precision * found, axis=-1) / ops.maximum(total, 1)
            return ops.sum(each) / ops.maximum(ops.sum(ops.cast(total > 0, "float32")), 1)

    return AveragePrecision()


TASK = Multilabel()
