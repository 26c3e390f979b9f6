"""Masks move with their image, streams are equal for equal layers, and unfit layers are refused."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from pytest import param

from ablate.errors import RequestError
from ablate.tasks.segmentation import VOID
from ablate.tasks.task import task_of
from ablate.training.augmentation import Augmentation, check_augmentation
from tests.training.small_models import UnseededNoise

SIZE, CLASSES = 12, 5


def masks_and_images() -> tuple[np.ndarray, np.ndarray]:
    """Masks with all classes but no void, and images whose value is that of the mask, from 0.1."""
    masks = np.random.default_rng(0).integers(0, CLASSES, (8, SIZE, SIZE), np.uint8)
    return masks, (masks[..., None] + 1).astype(np.float32) / 10


def augmented(*made: keras.Layer, task: str = "segmentation") -> tuple[np.ndarray, np.ndarray]:
    masks, pictures = masks_and_images()
    augmentation = Augmentation(made, task=task_of(task))
    augmentation.start(0, 1)
    moved = augmentation(keras.ops.convert_to_tensor(pictures), keras.ops.convert_to_tensor(masks))
    x, y = (keras.ops.convert_to_numpy(each) for each in moved)
    assert y.dtype == np.uint8
    return x[..., 0], y


def nearest(kind: type[keras.Layer], *arguments: Any, **options: Any) -> keras.Layer:
    return kind(*arguments, interpolation="nearest", **options)


@pytest.mark.parametrize(
    ("layer", "fill"),
    [
        param(lambda: layers.RandomFlip(), None, id="flip"),
        param(lambda: nearest(layers.RandomRotation, 0.5), None, id="rotation_mirrored"),
        param(
            lambda: nearest(layers.RandomTranslation, 0.3, 0.3, fill_mode="constant"),
            0.0,
            id="translation_to_black",
        ),
        param(
            lambda: nearest(layers.RandomZoom, (0.3, 0.5), fill_mode="constant", fill_value=1.0),
            1.0,
            id="zoom_to_white",
        ),
    ],
)
def test_masks_move_with_their_images(layer: Any, fill: float | None) -> None:
    before, _ = masks_and_images()
    x, y = augmented(layer())
    known = np.ones_like(y, bool) if fill is None else np.abs(x - fill) > 0.01
    np.testing.assert_array_equal(y[known], np.round(x[known] * 10 - 1))
    np.testing.assert_array_equal(y[~known], VOID)
    assert (y != before).any()
    assert known.all() == (fill is None)


def test_layers_that_only_change_colours_leave_masks_as_they_are() -> None:
    before, pictures = masks_and_images()
    x, y = augmented(layers.RandomBrightness(0.5, value_range=(0, 1)))
    np.testing.assert_array_equal(y, before)
    assert np.abs(x - pictures[..., 0]).max() > 0.05


def test_void_stays_void() -> None:
    augmentation = Augmentation([layers.RandomFlip()], task=task_of("segmentation"))
    void = np.full((2, SIZE, SIZE), VOID, np.uint8)
    black = keras.ops.zeros((2, SIZE, SIZE, 1))
    _, moved = augmentation(black, keras.ops.convert_to_tensor(void))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(moved), void)


def test_equal_layers_draw_equal_numbers_whatever_is_around_them() -> None:
    alone, _ = augmented(layers.RandomFlip(name="flip"), task="classification")
    after, _ = augmented(
        layers.RandomBrightness((0.0, 0.0), name="a"),
        layers.RandomFlip(name="flip"),
        task="classification",
    )
    other, _ = augmented(layers.RandomFlip(name="another"), task="classification")
    np.testing.assert_array_equal(alone, after)
    assert (alone != other).any()


def test_each_seed_and_each_epoch_has_numbers_of_its_own() -> None:
    augmentation = Augmentation([layers.RandomRotation(1)], task=task_of("classification"))
    _, pictures = masks_and_images()
    seen = []
    for seed, epoch in [(0, 1), (0, 2), (1, 1), (0, 1)]:
        augmentation.start(seed, epoch)
        seen.append(keras.ops.convert_to_numpy(augmentation(pictures, None)[0]).tobytes())
    assert len(set(seen)) == 3
    assert seen[0] == seen[3]


class Plain(layers.Layer):
    """A layer of a user's own, which knows images alone."""

    def call(self, x: Any) -> Any:
        return x[:, ::-1]


class LateGenerator(layers.Layer):
    """A layer whose random generator is made when it is first called."""

    def build(self, shape: Any) -> None:
        self.generator = keras.random.SeedGenerator(0)

    def call(self, x: Any) -> Any:
        return x * keras.random.uniform((), seed=self.generator)


class Renamed(layers.Layer):
    """A layer that fails."""

    def call(self, x: Any) -> Any:
        raise KeyError("a\nb")


def check(layer: keras.Layer, *, task: str = "classification", jit: bool = False) -> None:
    masks, pictures = masks_and_images()
    targets = masks if task == "segmentation" else np.arange(8)
    augmentation = Augmentation([layer], task=task_of(task))
    check_augmentation(augmentation, images=pictures, targets=targets, jit=jit)


@pytest.mark.parametrize(
    ("layer", "options", "message"),
    [
        param(layers.MixUp, {}, "MixUp, which mixes the targets", id="mixes_images"),
        param(lambda: layers.RandomCrop(9, 9), {}, r"\(9, 9, 1\) from RandomCrop", id="shape"),
        param(
            lambda: layers.RandomBrightness(0.9),
            {},
            r"values from .* from RandomBrightness.* value_range=\(0, 1\)",
            id="range",
        ),
        param(layers.BatchNormalization, {}, "layers without weights", id="weights"),
        param(
            lambda: layers.AugMix((0, 1)),
            {},
            "other images for the same seed from AugMix",
            id="generator_of_python",
        ),
        param(LateGenerator, {}, "made in __init__; received LateGenerator", id="late_generator"),
        param(Renamed, {}, r"Layer Renamed of augment fails on images of shape \(12", id="fails"),
        param(Plain, {"task": "segmentation"}, "Plain failed", id="masks"),
        param(
            lambda: layers.RandomRotation(0.1),
            {"jit": True},
            "recipe.jit=false with RandomRotation",
            id="jit",
        ),
    ],
)
def test_layers_that_do_not_fit_are_refused(layer: Any, options: dict, message: str) -> None:
    with pytest.raises(RequestError, match=message) as refused:
        check(layer(), **options)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("layer", "options"),
    [
        param(Plain, {}, id="own_layer"),
        param(layers.RandomFlip, {"task": "segmentation", "jit": True}, id="flip"),
        param(lambda: layers.RandAugment((0, 1)), {"task": "segmentation"}, id="many"),
    ],
)
def test_layers_that_fit_are_accepted(layer: Any, options: dict) -> None:
    check(layer(), **options)


def test_a_layer_that_draws_from_a_global_generator_changes_nothing_unnoticed() -> None:
    from ablate.training.trainer import Trainer
    from tests.training.engine_suite import RECIPE
    from tests.training.small_models import images, plain

    noise = Augmentation([UnseededNoise()], task=task_of("classification"))
    with pytest.raises((RequestError, ValueError), match="SeedGenerator"):
        next(Trainer(plain(), images(), RECIPE, augmentation=noise).run(0))
