"""The digits: complete, and in fixed parts."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from ablate.data import digits
from ablate.tasks.task import prepare


@pytest.fixture(scope="module")
def images():
    return prepare(digits.load())


def test_the_digits_are_1797_images_of_8_by_8_in_ten_classes(images):
    assert images.shape == (8, 8, 1)
    assert images.classes == tuple("0123456789")
    assert {name: len(part.y) for name, part in images.parts.items()} == {
        "train": 1078,
        "validation": 360,
        "test": 359,
    }


def test_the_digits_are_stored_small_and_scaled_to_one(images):
    assert images.train.x.dtype == np.uint8
    assert images.train.x.max() * images.scale == 1.0


def test_the_parts_contain_every_digit_of_the_source_once(images):
    source = load_digits()
    found = np.concatenate([part.x.reshape(-1, 64) for part in images.parts.values()])
    labels = np.concatenate([part.y for part in images.parts.values()])

    def rows(x, y):
        return sorted(map(tuple, np.column_stack([y, x]).astype(int)))

    assert rows(found, labels) == rows(source.data, source.target)


def test_the_parts_stay_the_same_for_the_same_split_seed(images):
    assert prepare(digits.load()).fingerprint == images.fingerprint
    assert prepare(digits.load(split_seed=1)).fingerprint != images.fingerprint
