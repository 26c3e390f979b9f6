from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ablate.data import digits
from ablate.data.images import Images, Split
from ablate.errors import RequestError
from ablate.store import image_cache
from ablate.store.reader import DamagedFileError
from ablate.tasks.task import prepare


def test_saved_images_are_the_same_images(tmp_path: Path) -> None:
    images = prepare(digits.load())
    image_cache.save(tmp_path, images)
    loaded = image_cache.load(tmp_path, images.fingerprint)
    assert loaded.fingerprint == images.fingerprint
    assert loaded.classes == images.classes
    assert loaded.task == images.task
    np.testing.assert_array_equal(loaded.test.x, images.test.x)


def test_images_that_are_saved_in_part_are_saved_again(tmp_path: Path) -> None:
    images = prepare(digits.load())
    image_cache.save(tmp_path, images)
    damaged = tmp_path / images.fingerprint / "test_x.npy"
    damaged.write_bytes(damaged.read_bytes()[:1000])
    image_cache.save(tmp_path, images)
    loaded = image_cache.load(tmp_path, images.fingerprint)
    assert loaded.fingerprint == images.fingerprint


def test_discarded_images_are_gone(tmp_path: Path) -> None:
    image_cache.save(tmp_path / "images", prepare(digits.load()))
    image_cache.discard(tmp_path / "images")
    assert not (tmp_path / "images").exists()


def _folder(path: Path) -> None:
    path.unlink()
    (path / "in").mkdir(parents=True)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _zeros(path: Path) -> None:
    path.write_bytes(b"\0" * 500)


def _archive(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, np.zeros(3))


def _pickled(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.array([{}], object))


def _claims_too_much(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content.replace(b"(", b"(9999999999, ", 1).replace(b"[", b"[0, ", 1))


def _lie(path: Path) -> None:
    path.write_text('{"classes": 7, "scale": [], "task": null}')


@pytest.mark.parametrize("name", ["test_y.npy", "train_x.npy", "about.json"])
@pytest.mark.parametrize(
    "damage", [_folder, _pipe, _zeros, _archive, _pickled, _claims_too_much, _lie]
)
def test_damaged_images_are_reported_and_saved_again(
    tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    numbers = np.random.default_rng(0)
    parts = [Split(numbers.integers(0, 9, (4, 2, 2, 1), np.uint8), np.arange(4)) for _ in range(3)]
    images = Images(*parts, classes=tuple("abcd"), scale=0.1)
    image_cache.save(tmp_path, images)
    damage(tmp_path / images.fingerprint / name)
    with pytest.raises((DamagedFileError, RequestError)):
        image_cache.load(tmp_path, images.fingerprint)
    image_cache.save(tmp_path, images)
    assert image_cache.load(tmp_path, images.fingerprint).fingerprint == images.fingerprint
