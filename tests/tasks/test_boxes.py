"""Boxes: which targets and outputs it accepts, and its loss and measures by other means."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
from keras.utils.bounding_boxes import compute_iou
from sklearn.metrics import accuracy_score, log_loss

from ablate.data.images import Images, Split
from ablate.data.info import DatasetInfo
from ablate.errors import RequestError
from ablate.tasks.boxes import TASK
from ablate.tasks.task import LossOptions, describe, prepare
from tests.tasks.test_classification import info_of as classification_info

CLASSES = ("cat", "dog")
BOX = [0.25, 0.0, 1.0, 0.5]


def split(*rows: list[float], dtype: Any = np.float32) -> Split:
    return Split(np.zeros((len(rows), 3, 2, 1), np.uint8), np.array(rows, dtype))


EVERY = split([*BOX, 0], [*BOX, 1])


def images(**changes: Any) -> Images:
    own = {"train": EVERY, "validation": EVERY, "test": EVERY, "classes": CLASSES}
    return Images(**{**own, "scale": 1 / 255, "task": "boxes", **changes})


def info_of(classes: int) -> DatasetInfo:
    return replace(classification_info(classes), task="boxes")


def drawn(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Random boxes of two classes, and predictions near them, some with edges in no order."""
    generator = np.random.default_rng(0)
    ends = np.sort(generator.random((count, 2, 2)), axis=1).reshape(count, 4)
    targets = np.concatenate([ends, generator.integers(0, 2, (count, 1))], axis=1)
    outputs = generator.normal(0, 0.15, (count, 6)) + np.hstack([ends, np.zeros((count, 2))])
    outputs[:3, [0, 2]] = outputs[:3, [2, 0]]
    return targets.astype(np.float32), outputs.astype(np.float32)


def iou_of(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The IoU of pairs of boxes by Keras, and 0 for a box whose edges are in no order."""
    pairs = compute_iou(one[:, :4], other[:, :4], bounding_box_format="xyxy")
    ordered = (other[:, 0] < other[:, 2]) & (other[:, 1] < other[:, 3])
    return np.where(ordered, np.diagonal(np.asarray(pairs)), 0)


def measured(targets: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
    """What the metrics report after batches of different sizes."""
    metrics = TASK.objective((None, 6), images()).metrics
    for start, end in ((0, 7), (7, len(targets))):
        for metric in metrics:
            metric.update_state(targets[start:end], outputs[start:end])
    return {metric.name: float(metric.result()) for metric in metrics}


def test_measures_equal_those_of_keras_and_scikit_learn() -> None:
    targets, outputs = drawn(100)
    expected = {
        "mean_iou": iou_of(targets, outputs).mean(),
        "accuracy": accuracy_score(targets[:, 4], outputs[:, 4:].argmax(axis=1)),
    }
    assert measured(targets, outputs) == pytest.approx(expected, abs=1e-6)
    assert list(expected) == [measure.name for measure in TASK.measures(CLASSES)]


def test_the_loss_is_that_of_the_class_and_five_times_that_of_the_edges() -> None:
    targets, outputs = drawn(20)
    powers = np.exp(outputs[:, 4:].astype(np.float64))
    class_loss = log_loss(targets[:, 4], powers / powers.sum(axis=1, keepdims=True))
    edge_loss = np.abs(targets[:, :4] - outputs[:, :4]).sum(axis=1).mean()
    loss = TASK.objective((None, 6), images()).loss(targets, outputs)
    assert float(loss) == pytest.approx(class_loss + 5 * edge_loss, rel=1e-5)
    smoothed = TASK.objective((None, 6), images(), options=LossOptions(label_smoothing=0.2)).loss
    one_hot = np.eye(2, dtype=np.float32)[targets[:, 4].astype(int)]
    keras_loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2)
    expected = float(keras_loss(one_hot, outputs[:, 4:])) + 5 * edge_loss
    assert float(smoothed(targets, outputs)) == pytest.approx(expected, rel=1e-5)


def test_guessing_is_the_median_box_and_the_most_frequent_class() -> None:
    targets, _ = drawn(101)
    median = np.tile(np.median(targets[:, :4], axis=0), (len(targets), 1))
    share = max((targets[:, 4] == label).mean() for label in (0, 1))
    expected = {"mean_iou": iou_of(targets, median).mean(), "accuracy": share}
    assert TASK.guessing(targets, CLASSES) == pytest.approx(expected, abs=1e-6)
    assert describe(images()).guessing["test_mean_iou"] == 1
    assert describe(images()).steps == {"test_accuracy": 1 / 2, "val_accuracy": 1 / 2}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"test": split([*BOX, 0], [*BOX, 1], dtype=np.float64)}, "test .* float64", id="float64"
        ),
        pytest.param({"test": split(BOX)}, r"shape \(1, 5\).* received .* \(1, 4\)", id="no_class"),
        pytest.param(
            {"train": split([*BOX, 0], [0.25, 0, 1.01, 0.5, 1])},
            r"train boxes within their images.* received 0\.25, 0, 1\.01, 0\.5 for image 1",
            id="beyond_the_image",
        ),
        pytest.param({"test": split([-0.1, 0, 1, 1, 0])}, "within their images", id="negative"),
        pytest.param({"test": split([0.5, 0, 0.5, 1, 0])}, "left < right", id="no_width"),
        pytest.param({"test": split([0, np.nan, 1, 1, 0])}, "within their images", id="nan"),
        pytest.param({"test": split([*BOX, 2])}, "indices from 0 to 1; received 2", id="class"),
        pytest.param({"test": split([*BOX, 0.5])}, r"0 to 1; received 0\.5", id="half_a_class"),
        pytest.param(
            {"validation": split([*BOX, 0])},
            "'dog' has 1 in train, 0 in validation, 1 in test",
            id="class_missing",
        ),
    ],
)
def test_targets_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message) as refused:
        prepare(images(**changes))
    assert "\n" not in str(refused.value)


def test_images_are_split_by_class() -> None:
    assert TASK.strata(EVERY.y).tolist() == [0, 1]


@pytest.mark.parametrize("shape", [(None, 2), (None, 5), (None, 3, 2, 6)], ids=str)
def test_other_outputs_are_refused_with_what_to_give(shape: tuple[int | None, ...]) -> None:
    with pytest.raises(RequestError, match=r"\(None, 6\) .* End it in .*Dense\(6, 'linear'\)"):
        TASK.check_output(shape, info_of(2))


@pytest.mark.parametrize(
    ("activation", "outputs"),
    [("sigmoid", [-3, 3]), ("softmax", [0, 1]), (None, [0, 1])],
    ids=["sigmoid", "softmax", "bounded"],
)
def test_a_last_activation_is_refused(activation: str | None, outputs: list[float]) -> None:
    with pytest.raises(RequestError, match="Leave out the last activation"):
        TASK.are_logits(np.array([outputs], np.float32), activation)
    assert not TASK.are_logits(np.array([[-3, 3]], np.float32), None)
    assert not TASK.are_logits(np.empty((0, 6), np.float32), "linear")


def test_weights_are_those_of_the_class_of_each_image() -> None:
    y = split([*BOX, 0], [*BOX, 0], [*BOX, 1]).y
    weights = TASK.image_weights(y, classes=CLASSES, class_weight={"dog": 3})
    assert weights.tolist() == [1, 1, 3]


def test_noise_has_images_and_boxes_that_the_task_accepts() -> None:
    noise = TASK.noise(info_of(3), 7)
    assert noise.x.shape == (7, 4, 3, 2)
    every = dict.fromkeys(("train", "validation", "test"), noise)
    TASK.check_targets(images(**every, classes=("a", "b", "c")))
