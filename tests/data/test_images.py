"""Images check themselves, and their fingerprint is their identity."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from ablate.data.images import Images, Split
from ablate.errors import RequestError


def split(count=4, *, shape=(3, 2, 1), dtype=np.uint8, value=1):
    x = np.full((count, *shape), value, dtype)
    return Split(x, np.arange(count, dtype=np.int64) % 2)


def images(**parts):
    own = {"train": split(6), "validation": split(), "test": split(value=2)}
    return Images(**{**own, "classes": ("cat", "dog"), "scale": 1 / 255, **parts})


def with_pixel(part, value):
    x = part.x.copy()
    x[0, 0, 0, 0] = value
    return replace(part, x=x)


def with_labels(part, *labels):
    return replace(part, y=np.array(labels, np.int64))


def test_the_shape_is_that_of_one_image():
    assert images().shape == (3, 2, 1)


def test_images_are_frozen():
    with pytest.raises(FrozenInstanceError):
        images().scale = 1.0


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        pytest.param(
            np.zeros((2, 3, 3), "u1"), np.zeros(2, "i8"), "height, width, channels", id="no_axis"
        ),
        pytest.param(np.zeros((2, 3, 3, 1)), np.zeros(2, "i8"), "uint8 or float32", id="float64"),
        pytest.param(
            np.zeros((0, 3, 3, 1), "u1"), np.zeros(0, "i8"), "one image or more", id="empty"
        ),
        pytest.param(
            np.zeros((2, 0, 3, 1), "u1"), np.zeros(2, "i8"), "one image or more", id="no_height"
        ),
        pytest.param(
            np.zeros((2, 3, 3, 1), "u1"), np.zeros(3, "i8"), "targets for 2 images", id="lengths"
        ),
        pytest.param(
            np.zeros((2, 3, 3, 1), "u1"), np.int64(3), "targets for 2 images", id="no_rows"
        ),
    ],
)
def test_a_part_refuses(x, y, message):
    with pytest.raises(RequestError, match=message):
        Split(x, y)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        pytest.param({"classes": ("cat",)}, "two classes or more", id="one_class"),
        pytest.param({"scale": 0.0}, "scale above 0", id="scale_of_zero"),
        pytest.param({"scale": float("nan")}, "scale above 0", id="scale_not_finite"),
        pytest.param(
            {"scale": 1.0},
            r"test images within \[0, 1\] once scaled; received 2 to 2",
            id="too_bright",
        ),
        pytest.param({"test": split(shape=(2, 2, 1))}, r"test images like the train", id="shape"),
        pytest.param({"test": split(dtype=np.float32)}, r"received float32", id="dtype"),
    ],
)
def test_images_refuse(parts, message):
    with pytest.raises(RequestError, match=message):
        images(**parts)


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.5, 1.5], ids=str)
def test_images_refuse_floats_outside_0_to_1(value):
    parts = {name: split(dtype=np.float32) for name in ("train", "validation", "test")}
    parts_with_value = {**parts, "test": with_pixel(parts["test"], value)}

    with pytest.raises(RequestError, match="test images within"):
        images(**parts_with_value, scale=1.0)


def test_equal_images_have_an_equal_fingerprint():
    assert images().fingerprint == images().fingerprint


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"test": with_pixel(split(value=2), 3)}, id="a_pixel"),
        pytest.param({"test": with_labels(split(value=2), 1, 0, 0, 1)}, id="a_label"),
        pytest.param({"scale": 1 / 128}, id="the_scale"),
        pytest.param({"train": split(8)}, id="one_more_image"),
        pytest.param({"train": split(4), "validation": split(6)}, id="the_cut_between_parts"),
    ],
)
def test_the_fingerprint_changes_with(parts):
    assert images(**parts).fingerprint != images().fingerprint


def test_the_fingerprint_does_not_depend_on_the_layout_in_memory():
    plain = images()
    x = np.asfortranarray(plain.train.x)

    assert images(train=Split(x, plain.train.y)).fingerprint == plain.fingerprint
