from __future__ import annotations

from pathlib import Path

import numpy as np

from ablate.data import digits
from ablate.store.image_cache import discard, freeze, thaw


def test_frozen_images_are_the_same_images(tmp_path: Path) -> None:
    images = digits.load()
    freeze(tmp_path, images)
    again = thaw(tmp_path, images.fingerprint)
    assert again.fingerprint == images.fingerprint
    assert again.classes == images.classes
    np.testing.assert_array_equal(again.test.x, images.test.x)


def test_discarded_images_are_gone(tmp_path: Path) -> None:
    images = digits.load()
    freeze(tmp_path / "images", images)
    discard(tmp_path / "images")
    assert not (tmp_path / "images").exists()
