"""Multilabel: which targets and outputs it accepts, and its measures against scikit-learn's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import average_precision_score, f1_score

from ablate.config.recipe import Recipe
from ablate.data.images import Images, Split, Unsplit
from ablate.data.info import DatasetInfo
from ablate.errors import RequestError
from ablate.tasks.multilabel import TASK
from ablate.tasks.task import LossOptions, describe, prepare
from ablate.training.compilation import compile_model, sample_of
from tests.tasks.test_classification import info_of as classification_info

LABELS = ("cat", "dog", "bird")
OUTPUT = (None, 3)


def split(*rows: list[int], dtype: Any = np.uint8) -> Split:
    return Split(np.zeros((len(rows), 3, 2, 1), np.uint8), np.array(rows, dtype))


EVERY = split([1, 0, 0], [0, 1, 1], [0, 0, 0])


def images(**changes: Any) -> Images:
    own = {"train": EVERY, "validation": EVERY, "test": EVERY, "classes": LABELS}
    return Images(**{**own, "scale": 1 / 255, "task": "multilabel", **changes})


def info_of(labels: int) -> DatasetInfo:
    return replace(classification_info(labels), task="multilabel")


def drawn(count: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random labels, the third of them rare, and logits that tell a part of them."""
    generator = np.random.default_rng(seed)
    targets = (generator.random((count, 3)) < [0.5, 0.3, 0.05]).astype(np.uint8)
    logits = generator.normal(2 * targets - 1.5, 2).astype(np.float32)
    return targets, logits


def measured(targets: np.ndarray, outputs: np.ndarray, **options: Any) -> dict[str, float]:
    """What the metrics report after batches of different sizes."""
    metrics = TASK.objective(OUTPUT, images(), options=LossOptions(**options)).metrics
    for start, end in ((0, 7), (7, len(targets))):
        for metric in metrics:
            metric.update_state(targets[start:end], outputs[start:end])
    return {metric.name: float(metric.result()) for metric in metrics}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("from_logits", [False, True], ids=["probabilities", "logits"])
def test_measures_equal_those_of_scikit_learn(from_logits: bool, seed: int) -> None:
    targets, logits = drawn(400, seed=seed)
    outputs = logits if from_logits else expit(logits)
    found = measured(targets, outputs, from_logits=from_logits)
    assert found["macro_f1"] == pytest.approx(
        f1_score(targets, logits > 0, average="macro"), abs=1e-6
    )
    assert found["mean_average_precision"] == pytest.approx(
        average_precision_score(targets, logits, average="macro"), abs=2e-3
    )


def test_scores_that_lie_on_the_steps_give_exactly_the_average_precision_of_scikit_learn() -> None:
    # With ties: 400 images have at most 40 scores.
    targets, logits = drawn(400)
    logits = np.round(logits.clip(-5, 5) * 4) / 4 + np.float32(1 / 256)
    assert measured(targets, logits, from_logits=True)["mean_average_precision"] == pytest.approx(
        average_precision_score(targets, logits, average="macro"), abs=1e-6
    )


@pytest.mark.parametrize("scale", [0.0, 1e-3, 100.0], ids=["constant", "close", "saturated"])
def test_extreme_scores_are_counted(scale: float) -> None:
    targets, logits = drawn(200)
    found = measured(targets, expit(logits.astype(np.float64) * scale).astype(np.float32))
    shares = targets.mean()
    assert shares - 0.01 <= found["mean_average_precision"] <= 1
    if not scale:
        assert found["mean_average_precision"] == pytest.approx(targets.mean(axis=0).mean())


def test_the_loss_is_the_binary_cross_entropy_of_all_labels() -> None:
    targets, logits = drawn(50)
    p = expit(logits.astype(np.float64))
    expected = -np.where(targets, np.log(p), np.log(1 - p)).mean()
    for outputs, from_logits in ((p.astype(np.float32), False), (logits, True)):
        options = LossOptions(from_logits=from_logits)
        loss = TASK.objective(OUTPUT, images(), options=options).loss(targets, outputs)
        assert float(loss) == pytest.approx(expected, rel=1e-4)


def test_the_first_measure_is_mean_average_precision() -> None:
    assert [measure.name for measure in TASK.measures(LABELS)] == [
        "mean_average_precision",
        "macro_f1",
    ]


def test_guessing_is_every_label_on_every_image() -> None:
    targets, _ = drawn(300)
    all_labels = f1_score(targets, np.ones_like(targets), average="macro")
    constant = average_precision_score(targets, np.zeros(targets.shape), average="macro")
    expected = {"macro_f1": all_labels, "mean_average_precision": constant}
    assert TASK.guessing(targets, LABELS) == pytest.approx(expected)
    assert set(describe(images()).guessing) == {
        f"{part}_{name}" for part in ("test", "val") for name in expected
    }
    assert describe(images()).steps == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"test": split([1, 0, 0], [0, 1, 1], dtype=np.int64)}, r"received int64", id="int64"
        ),
        pytest.param({"test": split([1, 0])}, r"shape \(1, 3\), .* shape \(1, 2\)", id="columns"),
        pytest.param({"test": split([2, 0, 0])}, "0 or 1 for each label; received 2", id="two"),
        pytest.param(
            {"validation": split([1, 0, 1], [0, 1, 1])},
            "'bird' is on 2 of 2 validation images",
            id="label_on_all_images",
        ),
        pytest.param(
            {"train": split([1, 0, 1], [0, 0, 0])},
            "'dog' is on 0 of 2 train images",
            id="label_on_no_image",
        ),
    ],
)
def test_targets_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        prepare(images(**changes))


def test_images_are_split_by_their_rarest_label() -> None:
    y = np.zeros((40, 3), np.uint8)
    y[:20, 0] = y[:10, 1] = y[5:15, 2] = 1
    assert TASK.strata(y).tolist() == [1] * 10 + [2] * 5 + [0] * 5 + [3] * 20
    unsplit = Unsplit(
        x=np.zeros((40, 2, 3, 1), np.uint8),
        y=y,
        classes=LABELS,
        scale=1 / 255,
        shares={"train": 0.6, "validation": 0.2, "test": 0.2},
        split_seed=0,
        task="multilabel",
    )
    assert [int(part.y[:, 1].sum()) for part in prepare(unsplit).parts.values()] == [6, 2, 2]


@pytest.mark.parametrize("shape", [(None, 2), (None, 1), (None, 3, 2, 3)], ids=str)
def test_other_outputs_are_refused_with_what_to_give(shape: tuple[int | None, ...]) -> None:
    with pytest.raises(RequestError, match=r"\(None, 3\) .* End it in .*Dense\(3, 'sigmoid'\)"):
        TASK.check_output(shape, info_of(3))


@pytest.mark.parametrize(
    ("activation", "logits"), [("sigmoid", False), (None, True), ("hard_sigmoid", False)]
)
def test_outputs_are_read_for_what_they_are(activation: str | None, logits: bool) -> None:
    model = keras.Sequential(
        [keras.Input((3, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(3, activation)]
    )
    compile_model(
        model, Recipe(), dataset=images(), steps=3, sample=sample_of(images()), optimizers={}
    )
    assert model.loss.get_config()["from_logits"] == logits


def test_labels_that_exclude_each_other_are_refused() -> None:
    with pytest.raises(RequestError, match=r"ends in softmax.* End it in sigmoid"):
        TASK.are_logits(np.zeros((1, 3), np.float32), "softmax")


def test_a_loss_of_keras_takes_the_targets_as_they_are() -> None:
    model = keras.Sequential(
        [keras.Input((3, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(3, "sigmoid")]
    )
    recipe = Recipe(loss={"_target_": "keras.losses.BinaryFocalCrossentropy"})
    compile_model(
        model, recipe, dataset=images(), steps=3, sample=sample_of(images()), optimizers={}
    )
    targets, logits = drawn(9)
    expected = keras.losses.BinaryFocalCrossentropy()(targets, expit(logits))
    assert float(model.loss(targets, expit(logits))) == pytest.approx(float(expected))


def test_weights_of_classes_are_refused() -> None:
    with pytest.raises(RequestError, match=r"no recipe\.class_weight for multilabel"):
        TASK.image_weights(EVERY.y, classes=LABELS, class_weight="balanced")


def test_noise_has_images_and_labels_of_the_data_sets_shape() -> None:
    noise = TASK.noise(info_of(5), 7)
    assert noise.x.shape == (7, 4, 3, 2)
    assert noise.y.shape == (7, 5)
    assert set(np.unique(noise.y)) == {0, 1}
