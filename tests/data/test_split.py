"""The split: complete, disjoint, in proportion, and determined by its seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablate.data.split import stratified
from ablate.errors import RequestError

SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}

labels = st.lists(st.integers(0, 4), min_size=1, max_size=200).map(np.array)
shares = st.sampled_from([SHARES, {"train": 0.8, "validation": 0.2}])
seeds = st.integers(0, 2**31)


@given(labels, shares, seeds)
def test_parts_are_disjoint_and_cover_every_image(y, shares, seed):
    parts = stratified(y, shares, split_seed=seed)

    assert sorted(np.concatenate(list(parts.values()))) == list(range(len(y)))
    assert list(parts) == list(shares)


@given(labels, shares, seeds)
def test_every_part_has_its_share_of_every_class(y, shares, seed):
    parts = stratified(y, shares, split_seed=seed)

    for label in np.unique(y):
        for name, share in shares.items():
            assert abs((y[parts[name]] == label).sum() - share * (y == label).sum()) <= 1


@given(labels, seeds)
def test_the_same_seed_gives_the_same_parts(y, seed):
    first, second = (stratified(y, SHARES, split_seed=seed) for _ in range(2))

    assert all(np.array_equal(first[name], second[name]) for name in SHARES)


def test_another_seed_gives_other_parts():
    y = np.repeat([0, 1], 50)
    first, second = (stratified(y, SHARES, split_seed=seed) for seed in (0, 1))

    assert not np.array_equal(first["test"], second["test"])


def test_the_split_of_one_class_does_not_depend_on_the_others():
    alone, with_others = np.zeros(50, int), np.repeat([0, 1], [50, 30])
    parts = (stratified(y, SHARES, split_seed=0)["train"] for y in (alone, with_others))
    first, second = parts

    assert np.array_equal(first, second[second < 50])


def test_two_classes_of_equal_size_are_shuffled_differently():
    train = stratified(np.repeat([0, 1], 50), SHARES, split_seed=0)["train"]

    assert not np.array_equal(train[train < 50], train[train >= 50] - 50)


@pytest.mark.parametrize("seed", [-1, 0.5, "0", None, True], ids=repr)
def test_a_seed_that_is_not_a_whole_number_is_refused(seed):
    with pytest.raises(RequestError, match=r"data\.split_seed"):
        stratified(np.array([0, 1]), SHARES, split_seed=seed)
