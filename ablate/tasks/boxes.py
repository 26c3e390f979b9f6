"""One object an image: the box around it, judged by its mean IoU, and its class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ablate.data.images import Images, Split
from ablate.data.info import DatasetInfo
from ablate.errors import RequestError
from ablate.study.response import Response
from ablate.tasks.classification import TASK as CLASSIFICATION
from ablate.tasks.task import PLAIN_LOSS, Dataset, LossOptions, Move, Objective, Output, Shape

if TYPE_CHECKING:
    import keras

EDGES = 4
"""Left, top, right and bottom edge, as fractions of the width and the height of an image."""
BOX_WEIGHT = 5.0
"""Weight of the sum of the absolute errors of the edges, next to the cross-entropy."""
SMALLEST = 1e-12
"""An area far below that of a pixel, by which no IoU is divided."""


class Boxes:
    """One object an image: targets are left, top, right, bottom and class index of each.

    They are float32 of shape `(images, 5)`. Edges are fractions of the width and the height of the
    image, so that they do not change when it is resized.

    A model answers with the four edges and a logit for each class, shape `(batch, 4 + classes)`,
    without an activation. Its loss is the cross-entropy of the class plus 5 times the sum of the
    absolute errors of the edges.

    Source: weight and form of the loss of a box, without its second term, are those of Carion et
        al. 2020, https://arxiv.org/abs/2005.12872, equation 9 and appendix A.4.
    """

    name = "boxes"
    has_class_indices = False

    def measures(self, classes: tuple[str, ...]) -> tuple[Response, ...]:
        """The mean IoU of predicted and true boxes, and the share of images of the right class."""
        return tuple(Response(name, "higher", "fraction") for name in ("mean_iou", "accuracy"))

    def check_targets(self, images: Images) -> None:
        """Check that targets are boxes within their images, and that each part has every class.

        Raises:
            RequestError: They are not, or a part has no image of some class.
        """
        for name, part in images.parts.items():
            _check_boxes(name, part.y, classes=len(images.classes))
        for index, label in enumerate(images.classes):
            counts = {
                name: int((_class_indices(part.y) == index).sum())
                for name, part in images.parts.items()
            }
            if 0 in counts.values():
                found = ", ".join(f"{count} in {name}" for name, count in counts.items())
                raise RequestError(
                    f"Expected boxes of every class in each part; {label!r} has {found}."
                )

    def strata(self, targets: NDArray[np.float32]) -> NDArray[np.int64]:
        """The class of each image.

        Raises:
            RequestError: The targets are not boxes.
        """
        _check_form("the", targets)
        return _class_indices(targets)

    def output(self, dataset: Dataset) -> Output:
        """Four edges and a logit for each class."""
        return Output(EDGES + len(dataset.classes), "linear", "position")

    def check_output(self, shape: Shape, dataset: Dataset) -> None:
        """Check that a model has an output for each edge and each class.

        Raises:
            RequestError: It has not.
        """
        answers = f"the 4 edges of a box and {len(dataset.classes)} classes"
        self.output(dataset).check(shape, dataset, answers=answers)

    def encode(self, targets: NDArray[np.float32], shape: Shape) -> NDArray[np.float32]:
        """The targets as they are."""
        return targets

    def augment(self, move: Move, *, images: Any, targets: Any) -> tuple[Any, Any]:
        """Boxes move with their image, and are clipped to it; the class stays."""
        import keras  # seconds to import, and needed only where a model is trained

        height, width = images.shape[1:3]
        sides = np.array([width, height, width, height], np.float32)
        edges, labels = targets[:, None, :EDGES] * sides, targets[:, EDGES:]
        moved = move({"images": images, "bounding_boxes": {"boxes": edges, "labels": labels}})
        edges = moved["bounding_boxes"]["boxes"][:, 0] / sides
        clipped = keras.ops.clip(edges, 0.0, 1.0)
        return moved["images"], keras.ops.concatenate([clipped, labels], axis=1)

    def are_logits(self, outputs: NDArray[np.float32], activation: str | None) -> bool:
        """False: edges and logits are what the loss takes, whatever a recipe asks for.

        Raises:
            RequestError: The model ends in an activation.
        """
        finite = outputs[np.isfinite(outputs)]
        bounded = finite.size and finite.min() >= 0 and finite.max() <= 1
        if activation in ("sigmoid", "softmax") or (activation is None and bounded):
            raise RequestError(
                f"Expected edges of boxes and logits of classes, without an activation; received a "
                f"model whose outputs {activation or 'the last activation'} keeps from 0 to 1. "
                f"Leave out the last activation."
            )
        return False

    def objective(
        self, shape: Shape, dataset: Dataset, *, options: LossOptions = PLAIN_LOSS
    ) -> Objective:
        """Cross-entropy and errors of the edges; IoU and accuracy."""
        import keras  # seconds to import, and needed only where a model is compiled

        def iou(y_true: Any, y_pred: Any) -> Any:
            return box_iou(y_true, y_pred, ops=keras.ops)

        def right(y_true: Any, y_pred: Any) -> Any:
            predicted = keras.ops.argmax(y_pred[:, EDGES:], axis=-1)
            hit = keras.ops.equal(keras.ops.cast(y_true[:, EDGES], "int32"), predicted)
            return keras.ops.cast(hit, "float32")

        wrapper = keras.metrics.MeanMetricWrapper
        metrics = (wrapper(iou, name="mean_iou"), wrapper(right, name="accuracy"))
        return Objective(_loss(len(dataset.classes), options), metrics)

    def image_weights(
        self,
        targets: NDArray[np.float32],
        *,
        classes: tuple[str, ...],
        class_weight: str | Mapping[str, float],
    ) -> NDArray[np.float32]:
        """The weight of the class of each image, as for classification.

        Raises:
            RequestError: A class is unknown.
        """
        return CLASSIFICATION.image_weights(
            _class_indices(targets), classes=classes, class_weight=class_weight
        )

    def guessing(
        self, targets: NDArray[np.float32], classes: tuple[str, ...]
    ) -> Mapping[str, float]:
        """What the median of all boxes scores, and the most frequent class."""
        median = np.broadcast_to(np.median(targets[:, :EDGES], axis=0), (len(targets), EDGES))
        iou = box_iou(targets[:, :EDGES].astype(np.float64), median, ops=np)
        return {
            "mean_iou": float(iou.mean()),
            **CLASSIFICATION.guessing(_class_indices(targets), classes),
        }

    def step(self, measure: str, images: int) -> float | None:
        """One image, for the accuracy."""
        return CLASSIFICATION.step(measure, images)

    def noise(self, info: DatasetInfo, count: int) -> Split:
        """Random images that take the classes in turn, each with a random box."""
        split = CLASSIFICATION.noise(info, count)
        ends = np.random.default_rng(0).random((len(split.y), 2, 2), np.float32) / 2
        boxes = np.concatenate([ends[:, 0], 0.5 + ends[:, 1], split.y[:, np.newaxis]], axis=1)
        return Split(split.x, boxes.astype(np.float32))


def box_iou(one: Any, other: Any, *, ops: Any) -> Any:
    """The intersection over union of pairs of boxes; 0 for a box whose edges are in no order.

    Args:
        one: Left, top, right and bottom edge of each box, shape `(boxes, 4)`.
        other: The boxes that they are compared with, of the same shape.
        ops: NumPy or Keras' operations.
    """

    def area(least: Any, most: Any) -> Any:
        return ops.prod(ops.maximum(most - least, 0.0), axis=-1)

    shared = area(
        ops.maximum(one[:, :2], other[:, :2]), ops.minimum(one[:, 2:EDGES], other[:, 2:EDGES])
    )
    union = area(one[:, :2], one[:, 2:EDGES]) + area(other[:, :2], other[:, 2:EDGES]) - shared
    return shared / ops.maximum(union, SMALLEST)


def _loss(classes: int, options: LossOptions) -> keras.losses.Loss:
    import keras  # seconds to import, and needed only where a model is compiled

    ops = keras.ops

    class BoxLoss(keras.losses.Loss):
        """The loss of each image: that of its class, and that of its box."""

        def call(self, y_true: Any, y_pred: Any) -> Any:
            label = ops.one_hot(ops.cast(y_true[:, EDGES], "int32"), classes)
            class_loss = keras.losses.categorical_crossentropy(
                label, y_pred[:, EDGES:], from_logits=True, label_smoothing=options.label_smoothing
            )
            errors = ops.sum(ops.abs(y_true[:, :EDGES] - y_pred[:, :EDGES]), axis=-1)
            return class_loss + BOX_WEIGHT * errors

    return BoxLoss(name="box_loss")


def _class_indices(targets: NDArray[np.float32]) -> NDArray[np.int64]:
    return targets[:, EDGES].astype(np.int64)


def _check_boxes(part: str, y: NDArray[np.generic], *, classes: int) -> None:
    _check_form(part, y)
    left, top, right, bottom, label = y.astype(np.float64).T
    # Written so that NaN does not pass.
    within = (left >= 0) & (left < right) & (right <= 1) & (top >= 0) & (top < bottom)
    within &= bottom <= 1
    if not within.all():
        row = int(np.flatnonzero(~within)[0])
        edges = ", ".join(f"{edge:.4g}" for edge in y[row, :EDGES])
        raise RequestError(
            f"Expected {part} boxes within their images: left, top, right and bottom as fractions "
            f"from 0 to 1, left < right and top < bottom; received {edges} for image {row}."
        )
    if not (np.isin(label, np.arange(classes))).all():
        odd = label[~np.isin(label, np.arange(classes))][0]
        raise RequestError(
            f"Expected {part} class indices from 0 to {classes - 1}; received {odd:g}."
        )


def _check_form(part: str, y: NDArray[np.generic]) -> None:
    if y.dtype != np.float32 or y.shape != (len(y), EDGES + 1):
        raise RequestError(
            f"Expected {part} boxes as float32 of shape {(len(y), EDGES + 1)}: left, top, right, "
            f"bottom, class index; received {y.dtype} of shape {y.shape}."
        )


TASK = Boxes()
