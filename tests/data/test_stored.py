"""Arrays larger than the memory: the same values as others, in bounded memory."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from ablate.data import image_csv, image_folder, mask_folder, memory, stored
from ablate.data.images import Images, Split, Unsplit
from ablate.data.stored import allocate, bounds, change, is_on_disk, pieces, read_rows, take
from ablate.errors import RequestError
from ablate.store import image_cache
from ablate.tasks.task import prepare
from tests.data.test_image_csv import labelled, write
from tests.data.test_mask_folder import write_pairs


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine whose memory holds no image, and pieces of a few rows."""
    monkeypatch.setattr(stored, "fits", lambda size: False)
    monkeypatch.setattr(stored, "PIECE_BYTES", 300)
    monkeypatch.chdir(tmp_path)


def on_disk(values: NDArray[Any]) -> NDArray[Any]:
    array = allocate(values.shape, values.dtype)
    assert is_on_disk(array)
    array[...] = values
    return array


@pytest.fixture
def values() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (23, 5, 4, 3), np.uint8)


def test_what_fits_is_an_array_in_memory() -> None:
    assert not is_on_disk(allocate((2, 3), np.uint8))


@pytest.mark.usefixtures("little_memory")
def test_pieces_hold_all_rows_once(values: NDArray[np.uint8]) -> None:
    array = on_disk(values)
    found = [piece.copy() for piece in pieces(array)]
    assert len(found) == 5, "five rows of 60 bytes at once"
    np.testing.assert_array_equal(np.concatenate(found), values)
    assert [piece is values for piece in pieces(values)] == [True]


@pytest.mark.usefixtures("little_memory")
def test_chosen_rows_are_those_of_numpy(values: NDArray[np.uint8]) -> None:
    rows = np.array([3, 3, 0, 22, 7, 8, 9, 21])
    chosen = take(on_disk(values), rows)
    assert is_on_disk(chosen)
    np.testing.assert_array_equal(chosen, values[rows])


@pytest.mark.parametrize("name", ["of_numpy.npy", "plain"])
def test_rows_are_read_from_the_file(values: NDArray[np.uint8], tmp_path: Path, name: str) -> None:
    wide = values.astype(np.float32)
    if name == "plain":
        array = np.memmap(tmp_path / name, np.float32, "w+", shape=wide.shape)
    else:
        array = open_memmap(tmp_path / name, "w+", np.float32, wide.shape)
    array[...] = wide
    rows = np.array([3, 3, 0, 22, 7], np.int32)
    np.testing.assert_array_equal(read_rows(array, rows), wide[rows])
    np.testing.assert_array_equal(read_rows(wide, rows), wide[rows])
    array.flush()
    os.truncate(tmp_path / name, 2000)
    with pytest.raises(OSError, match="shorter than it was"):
        read_rows(array, rows)


@pytest.mark.usefixtures("little_memory")
def test_rows_of_a_file_without_a_name_are_read(values: NDArray[np.uint8]) -> None:
    rows = np.array([3, 3, 0, 22, 7])
    np.testing.assert_array_equal(read_rows(on_disk(values), rows), values[rows])


@pytest.mark.usefixtures("little_memory")
def test_bounds_and_changes_are_those_of_numpy(values: NDArray[np.uint8]) -> None:
    array = on_disk(values)
    assert bounds(array) == bounds(values) == (values.min(), values.max())
    table = np.random.default_rng(1).permutation(256).astype(np.uint8)
    np.testing.assert_array_equal(change(array, lambda piece: table[piece]), table[values])
    floats = values / np.float32(255)
    floats[20, 0, 0, 0] = np.nan
    assert np.isnan(bounds(on_disk(floats))).all()


@pytest.mark.usefixtures("little_memory")
def test_nothing_is_left_in_the_folder(values: NDArray[np.uint8], tmp_path: Path) -> None:
    array = on_disk(values)
    assert list(tmp_path.iterdir()) == []
    np.testing.assert_array_equal(array, values)


@pytest.mark.usefixtures("little_memory")
def test_a_disk_without_room_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage(NamedTuple):
        free: int = 10**6

    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage())
    with pytest.raises(RequestError, match=r"for images of 3 MB; No space left on device\. Give a"):
        allocate((1000, 1000, 3), np.uint8)


def write_folder(folder: Path) -> None:
    for number, row in enumerate(labelled()):
        name = row.split(",")[1]
        (folder / "classes" / name).mkdir(parents=True, exist_ok=True)
        image = folder / "scenes" / "images" / f"{number:02}.jpg"
        shutil.copy(image, folder / "classes" / name / f"{number}.jpg")


LOADERS: list[Any] = [
    pytest.param(lambda: image_folder.load(path="classes", image_size=[5, 4]), id="image_folder"),
    pytest.param(lambda: mask_folder.load(path="scenes", image_size=[5, 4]), id="mask_folder"),
    pytest.param(
        lambda: image_csv.load(path="list.csv", image_size=[5, 4], part="part"), id="image_csv"
    ),
]


@pytest.mark.parametrize("load", LOADERS)
def test_images_on_the_disk_are_those_in_memory(
    load: Callable[[], Images | Unsplit], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_pairs(tmp_path / "scenes" / "images", tmp_path / "scenes" / "masks", seeds=range(12))
    write_folder(tmp_path)
    rows = [
        f"scenes/images/{number:02}.jpg,{['cat', 'dog'][number % 2]},{part}"
        for number, part in enumerate(["train", "train", "val", "val", "test", "test"] * 2)
    ]
    write(tmp_path, rows, heading="file,label,part")
    expected = prepare(load())
    monkeypatch.setattr(stored, "fits", lambda size: False)
    monkeypatch.setattr(stored, "PIECE_BYTES", 100)
    images = prepare(load())
    assert all(is_on_disk(part.x) for part in images.parts.values())
    assert (images.fingerprint, images.values) == (expected.fingerprint, expected.values)
    for one, other in zip(images.parts.values(), expected.parts.values(), strict=True):
        np.testing.assert_array_equal(one.x, other.x)
        np.testing.assert_array_equal(one.y, other.y)
    image_cache.save(tmp_path / "own", images)
    image_cache.save(tmp_path / "expected", expected)
    for file in (tmp_path / "expected" / expected.fingerprint).iterdir():
        assert (tmp_path / "own" / images.fingerprint / file.name).read_bytes() == file.read_bytes()


def test_a_machine_with_little_memory_is_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda: 1000)
    assert memory.fits(500)
    assert not memory.fits(501)


@pytest.mark.usefixtures("little_memory")
def test_a_part_may_be_on_the_disk_next_to_others(values: NDArray[np.uint8]) -> None:
    own = Split(on_disk(values), np.arange(23) % 2)
    plain = Split(values, np.arange(23) % 2)
    mixed = Images(own, plain, plain, classes=("a", "b"), scale=1 / 255)
    assert mixed.fingerprint == Images(plain, plain, plain, ("a", "b"), 1 / 255).fingerprint
