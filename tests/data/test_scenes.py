"""Synthetic scenes: the same pictures everywhere, with targets that fit what is drawn."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ablate.data import scenes, stored
from ablate.data.scenes import KINDS, TRIMAP, load
from ablate.errors import RequestError
from ablate.tasks.task import describe, prepare, task_of

DIGESTS = {
    "classification": "95d586960a469ea1",
    "multilabel": "aba132118ecd2824",
    "segmentation": "f3d7a58b6f4ef9bb",
    "boxes": "cf2a3d0c51ba3bac",
}
"""A hash of the first pictures and their targets."""

AREAS = {
    "disk": np.pi,
    "ring": np.pi * (1 - (9 / 16) ** 2),
    "square": (2 * 11 / 16) ** 2,
    "triangle": 3 * np.sqrt(3) / 4,
    "cross": 4 * (2 * 15 / 16 * 1 / 4) - 4 * (1 / 4) ** 2,
    "bar": 4 * 15 / 16 * 3 / 8,
}
"""The area of each kind for a circle of radius 1 around it."""


@pytest.mark.parametrize("task", scenes.TASKS)
@pytest.mark.parametrize("size", [(32, 32), (40, 64)], ids=["square", "wide"])
def test_a_task_accepts_its_targets(task: str, size: tuple[int, int]) -> None:
    images = prepare(load(task=task, image_size=size, count=150))
    assert images.shape == (*size, 3)
    # Each stratum is cut at the shares, rounded.
    sizes = [len(part.y) for part in images.parts.values()]
    assert sum(sizes) == 150
    assert sizes == pytest.approx([90, 30, 30], abs=3)
    assert images.classes == (TRIMAP if task == "segmentation" else tuple(KINDS))
    first = task_of(task).measures(images.classes)[0].name
    assert 0 < describe(images).guessing[f"test_{first}"] < 0.5


@pytest.mark.parametrize(("task", "digest"), DIGESTS.items())
def test_every_machine_draws_the_same_pictures(task: str, digest: str) -> None:
    drawn = load(task=task, count=100)
    found = hashlib.blake2s(drawn.x.tobytes() + drawn.y.tobytes(), digest_size=8).hexdigest()
    assert found == digest


def test_a_seed_gives_other_pictures_and_a_split_seed_only_other_parts() -> None:
    first, other, split = load(count=100), load(count=100, seed=1), load(count=100, split_seed=1)
    assert (first.x != other.x).any()
    assert (first.x == split.x).all()
    assert prepare(first).fingerprint != prepare(split).fingerprint


@pytest.mark.parametrize("size", [(32, 32), (64, 48)], ids=str)
def test_a_box_is_as_tight_as_the_shape_that_is_drawn(size: tuple[int, int]) -> None:
    layout = scenes._layout(120, size, several=False, seed=0)
    masks = scenes._masks(layout, size)
    boxes = scenes._boxes(layout, masks)[:, :4] * np.array([size[1], size[0]] * 2)
    for mask, (left, top, right, bottom) in zip(masks[:, 0], boxes, strict=True):
        rows, columns = np.nonzero(mask)
        expected = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert (left, top, right, bottom) == pytest.approx(expected, abs=1e-4)
        assert min(right - left, bottom - top) >= 4


def test_shapes_lie_within_the_picture_and_do_not_touch() -> None:
    layout = scenes._layout(200, (32, 32), several=True, seed=0)
    masks = scenes._masks(layout, (32, 32))
    assert masks.sum(axis=1).max() == 1
    present = masks.any(axis=(2, 3))
    assert (present == layout["present"]).all()
    assert set(present.sum(axis=1)) == {1, 2, 3}


def test_the_areas_of_the_kinds_follow_their_geometry() -> None:
    """With a circle of radius r around each shape, in whole pixels and fractions of 16."""
    r = 150
    turns = np.arange(len(scenes.TURNS))
    for kind, (name, expected) in enumerate(AREAS.items()):
        assert list(KINDS)[kind] == name
        ones = np.ones((len(turns), 1), np.int32)
        layout = {"kind": kind * ones, "present": ones, "radius": r * ones, "x": 200 * ones,
                  "y": 200 * ones, "turn": turns[:, np.newaxis].astype(np.int32)}  # fmt: skip
        areas = scenes._masks(layout, (200, 200)).sum(axis=(1, 2, 3)) * 4
        assert areas == pytest.approx(expected * r * r, rel=0.02)


def test_the_contour_is_a_band_between_shape_and_background() -> None:
    drawn = load(task="segmentation", count=100).y
    shape, background, contour = (drawn == index for index in range(3))
    for inner, outer in ((shape, background), (background, shape)):
        grown = scenes._grow(inner)
        assert not (grown & outer).any()
    assert (scenes._grow(contour) & shape).any()
    assert (shape.mean(), contour.mean()) == pytest.approx((0.05, 0.1), abs=0.05)


def test_a_label_is_set_where_a_shape_of_its_kind_is_drawn() -> None:
    layout = scenes._layout(100, (32, 32), several=True, seed=0)
    labels = scenes._labels(layout, scenes._masks(layout, (32, 32)))
    for row in range(100):
        drawn = {
            int(kind)
            for kind, present in zip(layout["kind"][row], layout["present"][row], strict=True)
            if present
        }
        assert set(np.flatnonzero(labels[row])) == drawn


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "box"}, "Unknown data.task 'box'. Did you mean 'boxes'"),
        ({"image_size": [16, 32]}, r"from 32 to 200 pixels.* received \[16, 32\]"),
        ({"image_size": [32, 201]}, "from 32 to 200 pixels"),
        ({"image_size": 64}, r"height and width in whole pixels, such as \[64,64\]; received 64"),
        ({"count": 99}, "data.count to be a whole number of 100 or more; received 99"),
        ({"seed": -1}, "data.seed to be a whole number of 0 or more"),
    ],
    ids=["task", "small", "large", "one_number", "few", "seed"],
)
def test_a_bad_argument_is_refused_in_one_line(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        load(**arguments)


def test_more_pictures_than_memory_and_disk_hold_are_refused_before_they_are_drawn() -> None:
    with pytest.raises(RequestError, match="Expected room in the memory or in"):
        load(count=10**12)


def test_pictures_that_do_not_fit_into_the_memory_are_drawn_onto_the_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    expected = load(count=130)
    monkeypatch.setattr(stored, "fits", lambda size: False)
    drawn = load(count=130)
    assert stored.is_on_disk(drawn.x)
    assert (drawn.x == expected.x).all()
