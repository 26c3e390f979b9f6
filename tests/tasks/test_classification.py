"""Classification: which targets and outputs it accepts, and what it knows of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ablate.data.images import Images, Split
from ablate.data.info import DatasetInfo
from ablate.errors import RequestError
from ablate.tasks.classification import TASK
from ablate.tasks.task import describe, prepare


def split(*labels: int, dtype: Any = np.int64) -> Split:
    return Split(np.zeros((len(labels), 3, 2, 1), np.uint8), np.array(labels, dtype))


def images(**parts: Split) -> Images:
    own = {"train": split(0, 1, 0, 1), "validation": split(0, 1), "test": split(1, 0, 0)}
    return Images(**{**own, **parts}, classes=("cat", "dog"), scale=1 / 255)


def info_of(classes: int) -> DatasetInfo:
    return DatasetInfo(
        task="classification",
        shape=(4, 3, 2),
        classes=tuple("abcdef"[:classes]),
        train=9,
        validation=9,
        test=9,
        fingerprint="pixels",
    )


def test_class_indices_are_accepted() -> None:
    assert prepare(images()).train.y.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        pytest.param(
            {"test": split(0, 1, dtype=np.int32)}, "2 int64 labels; received int32", id="int32"
        ),
        pytest.param(
            {"test": Split(split(0, 1).x, np.zeros((2, 1), np.int64))},
            r"2 int64 labels; received int64 of shape \(2, 1\)",
            id="a_column",
        ),
        pytest.param({"test": split(0, 1, 2, 1)}, "test labels from 0 to 1", id="too_high"),
        pytest.param({"test": split(0, 1, -1, 1)}, "test labels from 0 to 1", id="negative"),
        pytest.param(
            {"validation": split(0, 0, 0, 0)},
            "'dog' has 2 in train, 0 in validation, 1 in test",
            id="class_missing",
        ),
    ],
)
def test_targets_are_refused(parts: dict[str, Split], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        prepare(images(**parts))


@pytest.mark.parametrize(
    ("classes", "units"), [(2, 1), (2, 2), (3, 3)], ids=["one_of_two", "two_of_two", "three"]
)
def test_outputs_that_fit_the_classes_are_accepted(classes: int, units: int) -> None:
    TASK.check_output((None, units), info_of(classes))


@pytest.mark.parametrize(
    ("classes", "shape"),
    [(3, (None, 1)), (3, (None, 4)), (2, (None, 3)), (3, (None, 8, 8, 3))],
    ids=str,
)
def test_other_outputs_are_refused(classes: int, shape: tuple[int | None, ...]) -> None:
    with pytest.raises(RequestError, match=rf"{classes} classes; received \(None, "):
        TASK.check_output(shape, info_of(classes))


def test_one_image_is_the_step_of_the_accuracy_and_of_nothing_else() -> None:
    assert TASK.step("accuracy", 359) == 1 / 359
    assert TASK.step("loss", 359) is None


def test_guessing_is_the_share_of_the_most_frequent_class() -> None:
    info = describe(images())
    assert info.guessing == {"test_accuracy": 2 / 3, "val_accuracy": 1 / 2}
    assert info.steps == {"test_accuracy": 1 / 3, "val_accuracy": 1 / 2}
    assert [response.name for response in info.responses] == [
        "test_accuracy",
        "test_loss",
        "val_accuracy",
        "val_loss",
        "train_seconds",
    ]


@pytest.mark.parametrize(("count", "expected"), [(2, 5), (12, 12)], ids=["few", "many"])
def test_noise_has_images_of_every_class(count: int, expected: int) -> None:
    noise = TASK.noise(info_of(5), count)
    assert noise.x.shape == (expected, 4, 3, 2)
    assert set(noise.y.tolist()) == set(range(5))
