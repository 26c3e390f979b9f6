from __future__ import annotations

from pathlib import Path

import numpy as np

from ablate.data import digits
from ablate.store import image_cache
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
