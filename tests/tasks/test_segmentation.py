"""Segmentation: which masks and outputs it accepts, and its loss and measures by other means."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, jaccard_score

from ablate.config.recipe import Recipe
from ablate.data.images import Images, Split, Unsplit
from ablate.data.info import DatasetInfo
from ablate.errors import RequestError
from ablate.tasks.segmentation import TASK, VOID
from ablate.tasks.task import describe, prepare
from tests.tasks.test_classification import info_of as classification_info

CLASSES = ("sky", "road sign", "car")


def split(masks: Any, *, dtype: Any = np.uint8) -> Split:
    y = np.array(masks, dtype)
    return Split(np.zeros((len(y), 2, 3, 1), np.uint8), y)


def images(**changes: Any) -> Images:
    every = split([[[0, 1, 2], [0, 0, VOID]]])
    own = {"train": every, "validation": every, "test": every, "classes": CLASSES}
    return Images(**{**own, "scale": 1 / 255, "task": "segmentation", **changes})


def info_of(classes: int) -> DatasetInfo:
    return replace(classification_info(classes), task="segmentation", shape=(5, 4, 3))


def drawn(*shape: int, classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random masks of three classes, of which the last is rare, and random probabilities."""
    generator = np.random.default_rng(seed)
    masks = generator.choice([0, 1, 2, VOID], shape, p=[0.5, 0.3, 0.01, 0.19]).astype(np.uint8)
    outputs = generator.random((*shape, classes)).astype(np.float32)
    return masks, outputs / outputs.sum(axis=-1, keepdims=True)


def measured(masks: np.ndarray, outputs: np.ndarray, *, classes: int = 3) -> dict[str, float]:
    """What the metric reports after two batches."""
    names = tuple(str(index) for index in range(classes))
    (metric,) = TASK.objective((None, 1, 1, classes), images(classes=names)).metrics
    half = len(masks) // 2
    metric.update_state(masks[:half], outputs[:half])
    metric.update_state(masks[half:], outputs[half:])
    return {name: float(number) for name, number in metric.result().items()}


def test_masks_of_class_indices_and_void_are_accepted() -> None:
    assert prepare(images()).train.y[0, 1, 2] == VOID


def test_the_first_measure_is_the_mean_iou() -> None:
    names = [measure.name for measure in TASK.measures(CLASSES)]
    assert names == ["mean_iou", "iou_sky", "iou_road_sign", "iou_car", "pixel_accuracy"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"test": split([[[0, 1, 2]] * 2], dtype=np.int64)}, "test masks as uint8", id="int64"
        ),
        pytest.param(
            {"test": split([[[0, 1], [0, 2]]])}, r"shape \(1, 2, 3\); received .* \(1, 2, 2\)",
            id="size",
        ),
        pytest.param({"test": split([0])}, r"received uint8 of shape \(1,\)", id="one_label"),
        pytest.param(
            {"validation": split([[[0, 1, 2], [3, 3, 4]]])},
            "validation masks with class indices from 0 to 2, or 255 for void pixels; received 3",
            id="beyond_the_classes",
        ),
        pytest.param(
            {"train": split([[[0, 0, 0], [1, 1, 1]]])},
            "every class in the train part; 'car' has none",
            id="class_missing_in_train",
        ),
        pytest.param(
            {"test": split([[[VOID] * 3] * 2])}, "some class in the test part", id="only_void"
        ),
        pytest.param(
            {"classes": ("sky", "road sign", "road-sign")}, "names differ as words", id="names"
        ),
    ],
)  # fmt: skip
def test_targets_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        prepare(images(**changes))


def test_a_class_may_be_absent_from_the_test_part() -> None:
    prepare(images(test=split([[[0, 0, 0], [1, 1, 1]]])))


def test_images_are_split_by_their_rarest_class() -> None:
    masks = np.zeros((40, 2, 3), np.uint8)
    masks[:20, 0, 0] = 1
    masks[:10, 1, 1] = 2
    masks[:, 1, 2] = VOID
    assert TASK.strata(masks).tolist() == [2] * 10 + [1] * 10 + [0] * 20
    unsplit = Unsplit(
        x=np.zeros((40, 2, 3, 1), np.uint8),
        y=masks,
        classes=CLASSES,
        scale=1 / 255,
        shares={"train": 0.6, "validation": 0.2, "test": 0.2},
        split_seed=0,
        task="segmentation",
    )
    parts = prepare(unsplit).parts
    assert [int((part.y == 2).sum()) for part in parts.values()] == [6, 2, 2]


def test_targets_that_are_not_masks_cannot_be_split() -> None:
    with pytest.raises(RequestError, match=r"\(images, height, width\); received \(4,\)"):
        TASK.strata(np.zeros(4, np.uint8))


def test_an_output_for_each_class_at_each_pixel_is_accepted() -> None:
    TASK.check_output((None, 5, 4, 3), info_of(3))


@pytest.mark.parametrize("shape", [(None, 3), (None, 5, 4, 2), (None, 4, 5, 3)], ids=str)
def test_other_outputs_are_refused(shape: tuple[int | None, ...]) -> None:
    expected = re.escape(f"(None, 5, 4, 3) for masks of 3 classes; received {shape}")
    with pytest.raises(RequestError, match=expected):
        TASK.check_output(shape, info_of(3))


@pytest.mark.parametrize("measure", ["mean_iou", "pixel_accuracy", "loss"])
def test_no_measure_has_a_step_of_one_image(measure: str) -> None:
    assert TASK.step(measure, 100) is None


def test_guessing_is_the_best_constant_answer() -> None:
    masks = np.array([[[0, 0, 1], [0, 1, VOID]]], np.uint8)
    assert TASK.guessing(masks, CLASSES) == {
        "mean_iou": 0.6 / 2,  # class 0 everywhere: 3 of 5 pixels, and none of class 1
        "iou_sky": 0.6,
        "iou_road_sign": 0.4,
        "iou_car": 0.0,
        "pixel_accuracy": 0.6,
    }
    assert describe(images()).guessing["test_pixel_accuracy"] == 0.6
    assert describe(images()).steps == {}


def test_noise_has_images_and_masks_of_the_data_sets_shape() -> None:
    noise = TASK.noise(info_of(3), 7)
    assert noise.x.shape == (7, 5, 4, 3)
    assert noise.y.shape == (7, 5, 4)
    assert set(np.unique(noise.y)) == {0, 1, 2}


def test_measures_equal_those_of_scikit_learn() -> None:
    masks, outputs = drawn(6, 9, 8)
    labelled = masks != VOID
    truth, guess = masks[labelled], outputs.argmax(axis=-1)[labelled]
    iou = jaccard_score(truth, guess, average=None, labels=[0, 1, 2])
    right = confusion_matrix(truth, guess).trace() / labelled.sum()
    expected = {"mean_iou": iou.mean(), **{f"iou_{index}": iou[index] for index in range(3)}}
    assert measured(masks, outputs) == pytest.approx({**expected, "pixel_accuracy": right})


def test_a_class_absent_from_the_targets_does_not_change_the_mean() -> None:
    masks, outputs = drawn(6, 9, 8, classes=4)
    found = measured(masks, outputs, classes=4)
    labelled = masks != VOID
    iou = jaccard_score(
        masks[labelled], outputs.argmax(axis=-1)[labelled], average=None, labels=[0, 1, 2]
    )
    assert found["iou_3"] == 0  # predicted somewhere
    assert found["mean_iou"] == pytest.approx(iou.mean())


def test_a_class_neither_in_targets_nor_predicted_has_an_iou_of_1() -> None:
    masks, outputs = drawn(6, 9, 8, classes=4)
    outputs[..., 3] = 0
    found = measured(masks, outputs, classes=4)
    assert found["iou_3"] == 1
    assert found["mean_iou"] == pytest.approx(np.mean([found[f"iou_{i}"] for i in range(3)]))


def test_the_loss_is_the_mean_over_images_of_their_labelled_pixels() -> None:
    masks, outputs = drawn(6, 9, 8)
    masks[4] = VOID
    loss = TASK.objective((None, 9, 8, 3), info_of(3)).loss(masks, outputs)
    each = []
    for mask, output in zip(masks, outputs, strict=True):
        losses = [
            -np.log(output[row, column, label])
            for (row, column), label in np.ndenumerate(mask)
            if label != VOID
        ]
        each.append(np.mean(losses) if losses else 0.0)
    assert float(loss) == pytest.approx(np.mean(each), rel=1e-5)


def test_void_pixels_change_neither_loss_nor_measures() -> None:
    masks, outputs = drawn(6, 9, 8)
    others = np.where((masks == VOID)[..., np.newaxis], outputs[..., ::-1], outputs)
    objective = TASK.objective((None, 9, 8, 3), info_of(3))
    assert float(objective.loss(masks, outputs)) == float(objective.loss(masks, others))
    assert measured(masks, outputs) == measured(masks, others)


def test_responses_are_exact_over_every_image_of_a_part() -> None:
    from ablate.models.segmenter import build
    from ablate.training.trainer import Trainer

    generator = np.random.default_rng(0)

    def part(count: int) -> Split:
        pixels = generator.integers(0, 256, (count, 5, 6, 1), np.uint8)
        masks = (pixels[..., 0] // 86).astype(np.uint8)
        masks[generator.random(masks.shape) < 0.1] = VOID
        return Split(pixels, masks)

    shared = images(train=part(12), validation=part(3), test=part(300))
    model = build((5, 6, 1), 3, filters=[4, 4])
    trainer = Trainer(model, shared, Recipe(epochs=2, batch_size=5, learning_rate=0.01))
    epochs = list(trainer.run(0))
    final = trainer.final()
    outputs = np.asarray(model(shared.test.x * np.float32(shared.scale), training=False))
    labelled = shared.test.y != VOID
    truth, guess = shared.test.y[labelled], outputs.argmax(axis=-1)[labelled]
    iou = jaccard_score(truth, guess, average=None, labels=[0, 1, 2], zero_division=1)
    assert list(epochs[0].numbers)[:3] == ["loss", "mean_iou", "iou_sky"]
    assert final["test_mean_iou"] == pytest.approx(iou.mean(), rel=1e-5)
    assert final["test_iou_road_sign"] == pytest.approx(iou[1], rel=1e-5)
    assert final["test_pixel_accuracy"] == pytest.approx((truth == guess).mean(), rel=1e-5)
    assert next(iter(final)) == "test_mean_iou"
