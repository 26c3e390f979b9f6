"""The augmentations against NumPy and SciPy, and what they refuse."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import yaml
from pytest import param
from scipy import ndimage

from ablate.augment import flip, flip_crop, flip_rotate_zoom
from ablate.config.locate import locate
from ablate.errors import RequestError
from ablate.tasks.task import task_of
from ablate.training.augmentation import Augmentation, check_augmentation

CHOICES = sorted((Path(__file__).parents[2] / "conf" / "augment").glob("flip*.yaml"))
SHAPE = (16, 8, 3)
IMAGES = np.random.default_rng(0).random((32, *SHAPE), np.float32)


def augmented(module: Any, *, seed: int = 0, **options: Any) -> np.ndarray:
    layers = module.build(SHAPE, **options)
    augmentation = Augmentation(layers, task=task_of("classification"))
    augmentation.start(seed, 1)
    return keras.ops.convert_to_numpy(augmentation(IMAGES, np.zeros(32))[0])


def mirrored(module: Any) -> np.ndarray:
    """Which images are mirrored: those in which more of the brightness is on the other side."""
    ramp = np.broadcast_to(np.linspace(0, 1, SHAPE[1], dtype=np.float32)[:, None], IMAGES.shape)
    augmentation = Augmentation(module.build(SHAPE), task=task_of("classification"))
    augmentation.start(3, 1)
    moved = keras.ops.convert_to_numpy(augmentation(ramp, np.zeros(32))[0])
    return moved[:, :, : SHAPE[1] // 2].sum((1, 2, 3)) > moved[:, :, SHAPE[1] // 2 :].sum((1, 2, 3))


@pytest.mark.parametrize("file", CHOICES, ids=lambda file: file.stem)
def test_the_keys_are_the_keywords_of_the_builder_with_their_defaults(file: Path) -> None:
    node = yaml.safe_load(file.read_text())
    builder = locate(node.pop("_target_"), ())
    shape, *keywords = inspect.signature(builder).parameters.values()
    assert shape.name == "shape"
    assert node == {item.name: item.default for item in keywords}


@pytest.mark.parametrize(
    ("direction", "axes"),
    [("horizontal", 2), ("vertical", 1), ("horizontal_and_vertical", (1, 2))],
)
def test_a_flip_mirrors_about_half_of_the_images(direction: str, axes: Any) -> None:
    moved, other = augmented(flip, direction=direction), np.flip(IMAGES, axes)
    as_it_was = (moved == IMAGES).all((1, 2, 3))
    np.testing.assert_array_equal(moved[~as_it_was], other[~as_it_was])
    assert 8 <= as_it_was.sum() <= 24  # all but 1 in 200 seeds; this one is fixed


def test_a_crop_shifts_by_whole_pixels_and_fills_with_black() -> None:
    moved = augmented(flip_crop, flip=False, padding=0.25)
    shifts = [
        [
            (rows, columns)
            for rows in range(-4, 5)
            for columns in range(-2, 3)
            if np.array_equal(new, ndimage.shift(old, (rows, columns, 0), order=0))
        ]
        for old, new in zip(IMAGES, moved, strict=True)
    ]
    assert [len(found) for found in shifts] == [1] * 32
    assert len({found[0] for found in shifts}) > 10


def test_rotation_and_zoom_keep_the_range_and_change_every_image() -> None:
    moved = augmented(flip_rotate_zoom, flip=False)
    assert moved.shape == IMAGES.shape
    assert moved.min() >= 0
    assert moved.max() <= 1
    assert not (moved == IMAGES).all((1, 2, 3)).any()


def test_the_same_images_are_mirrored_whatever_follows() -> None:
    expected = mirrored(flip)
    assert 8 <= expected.sum() <= 24
    np.testing.assert_array_equal(mirrored(flip_crop), expected)
    np.testing.assert_array_equal(mirrored(flip_rotate_zoom), expected)


@pytest.mark.parametrize("module", [flip, flip_crop, flip_rotate_zoom])
@pytest.mark.parametrize("task", ["boxes", "classification", "multilabel", "segmentation"])
def test_every_task_of_images_is_served(module: Any, task: str) -> None:
    targets = {
        "boxes": np.tile(np.array([0.2, 0.2, 0.7, 0.6, 1], np.float32), (32, 1)),
        "classification": np.zeros(32, np.int32),
        "multilabel": np.zeros((32, 3), np.uint8),
        "segmentation": np.zeros(IMAGES.shape[:3], np.uint8),
    }[task]
    augmentation = Augmentation(module.build(SHAPE), task=task_of(task))
    check_augmentation(augmentation, images=IMAGES, targets=targets, jit=False)


@pytest.mark.parametrize(
    ("module", "options", "pixels"),
    [
        param(flip, {}, 0, id="flip"),
        param(flip, {"direction": "vertical"}, 0, id="flip_up_down"),
        param(flip_crop, {"padding": 0.25}, 0.6, id="flip_crop"),  # it shifts by whole pixels
        param(flip_rotate_zoom, {"rotation": 1e-9}, 1, id="zoom"),
        param(flip_rotate_zoom, {"rotation": 0.05, "zoom": 1e-9, "flip": False}, 1.5, id="rotate"),
    ],
)
def test_boxes_move_with_their_image(module: Any, options: dict, pixels: float) -> None:
    height, width = 40, 60
    pictures, targets = np.zeros((32, height, width, 1), np.float32), np.zeros((32, 5), np.float32)
    for index in range(32):
        left, top, right, bottom = 15 + index % 4, 12, 33 + index % 7, 25 + index % 3
        pictures[index, top:bottom, left:right] = 1
        targets[index] = left / width, top / height, right / width, bottom / height, index % 3
    augmentation = Augmentation(module.build((height, width, 1), **options), task=task_of("boxes"))
    augmentation.start(1, 1)
    moved = augmentation(*map(keras.ops.convert_to_tensor, (pictures, targets)))
    seen, boxes = (keras.ops.convert_to_numpy(each) for each in moved)
    np.testing.assert_array_equal(boxes[:, 4], targets[:, 4])
    assert np.abs(boxes - targets).max() > 0.05
    for picture, box in zip(
        seen[..., 0] > 0.5, boxes * [width, height, width, height, 1], strict=True
    ):
        rows, columns = np.flatnonzero(picture.any(1)), np.flatnonzero(picture.any(0))
        found = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
        np.testing.assert_allclose(box[:4], found, atol=pixels + 1e-4)


@pytest.mark.parametrize(
    ("module", "options", "message"),
    [
        param(flip, {"direction": "left"}, "Unknown augment.direction 'left'", id="direction"),
        param(flip_crop, {"padding": 0.6}, "augment.padding to be a number", id="padding"),
        param(flip_crop, {"padding": True}, "augment.padding to be a number", id="no_number"),
        param(flip_crop, {"flip": "no"}, "augment.flip to be true or false", id="flag"),
        param(
            flip_crop,
            {"padding": 0.1},
            "images of 10 pixels or more a side.* received 16 x 8. .*augment.padding=0.13",
            id="small_images",
        ),
        param(flip_rotate_zoom, {"rotation": 0}, "augment.rotation to be", id="rotation"),
        param(flip_rotate_zoom, {"zoom": 2}, "augment.zoom to be", id="zoom"),
    ],
)
def test_a_value_out_of_range_is_refused(module: Any, options: dict, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        module.build(SHAPE, **options)


def test_images_of_one_pixel_can_only_be_mirrored() -> None:
    with pytest.raises(RequestError, match="Nearest choice: augment=flip"):
        flip_crop.build((1, 1, 1))
