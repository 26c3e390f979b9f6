"""Images that are read from the disk are those in memory, in the same order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ablate.training.feed import Feed, read_ahead


def on_disk(path: Path, values: NDArray[np.generic]) -> NDArray[np.generic]:
    array = np.memmap(path, values.dtype, "w+", shape=values.shape)
    array[...] = values
    return array


def parts(count: int) -> tuple[NDArray[np.generic], ...]:
    """Images, masks and weights."""
    generator = np.random.default_rng(count)
    x = generator.integers(0, 256, (count, 4, 4, 3), np.uint8)
    return x, generator.integers(0, 3, (count, 4, 4), np.uint8), generator.random(count)


@pytest.fixture
def feeds(tmp_path: Path) -> tuple[Feed, Feed]:
    """The same images in memory, and with masks on the disk."""
    held = {name: parts(count) for name, count in (("train", 23), ("validation", 7), ("test", 5))}
    streamed = {
        name: (on_disk(tmp_path / f"{name}_x", x), on_disk(tmp_path / f"{name}_y", y), weights)
        for name, (x, y, weights) in held.items()
    }
    return Feed(held, 1 / 255, 4), Feed(streamed, 1 / 255, 4)


def test_only_arrays_on_the_disk_are_streamed(feeds: tuple[Feed, Feed]) -> None:
    assert [feed.streamed for feed in feeds] == [False, True]


def test_chosen_images_come_with_what_belongs_to_them(feeds: tuple[Feed, Feed]) -> None:
    rows = feeds[0].order(0, 1).ravel()
    for one, other in zip(*(feed.read(rows) for feed in feeds), strict=True):
        assert type(other) is np.ndarray
        np.testing.assert_array_equal(one, other)


def test_batches_hold_every_image_once(feeds: tuple[Feed, Feed]) -> None:
    for part in ("train", "validation", "test"):
        for one, other in zip(*(feed.batches(part, 3) for feed in feeds), strict=True):
            np.testing.assert_array_equal(one[0], other[0])
            np.testing.assert_array_equal(one[1], other[1])


def test_one_item_is_made_ahead() -> None:
    made = []
    second = threading.Event()

    def items() -> Iterator[int]:
        for number in (1, 2, 3):
            made.append(number)
            if number == 2:
                second.set()
            yield number

    ahead = read_ahead(items())
    assert next(ahead) == 1
    assert second.wait(10), "made while the first item is used"
    assert [1, *ahead] == made == [1, 2, 3]


def test_an_error_of_the_disk_is_raised() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    ahead = read_ahead(items())
    next(ahead)
    with pytest.raises(OSError, match="the disk is gone"):
        next(ahead)
