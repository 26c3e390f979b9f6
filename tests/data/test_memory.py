"""What would not fit into the memory is refused before it is read."""

from __future__ import annotations

import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ablate.data import image_folder, mask_folder, memory, npz
from ablate.data.memory import DecodingMemory
from ablate.errors import RequestError


@pytest.fixture(autouse=True)
def free(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with 2 MB of free memory."""
    monkeypatch.setattr(memory, "free_bytes", lambda: 2_000_000)


def test_an_archive_of_zeros_is_refused_by_its_declared_size(tmp_path: Path) -> None:
    file = tmp_path / "bomb.npz"
    labels = np.tile([0, 1], 10_000)
    images = np.zeros((20_000, 8, 8), np.uint8)
    np.savez_compressed(file, x_train=images, y_train=labels, x_test=images, y_test=labels)
    assert file.stat().st_size < 100_000
    with pytest.raises(RequestError, match=r"bomb\.npz with arrays of 0\.0 GB"):
        npz.read(str(file))


def test_arrays_that_are_not_read_do_not_count(tmp_path: Path) -> None:
    file = tmp_path / "more.npz"
    few = {"x_train": np.zeros((4, 2, 2), np.uint8), "y_train": np.array([0, 1, 0, 1])}
    few |= {"x_test": few["x_train"], "y_test": few["y_train"]}
    np.savez_compressed(file, **few, more=np.zeros(5_000_000, np.uint8))
    with zipfile.ZipFile(file) as archive:
        assert archive.getinfo("more.npy").file_size > 2_000_000
    assert npz.read(str(file)).keys() == few.keys()


def save_images(folder: Path, *names: str, side: int) -> None:
    for name in names:
        (folder / name).mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (side, side)).save(folder / name / f"{number}.png")


@pytest.mark.parametrize("on_bad", ["fail", "skip"])
def test_a_photograph_that_cannot_be_decoded_is_never_left_out(tmp_path: Path, on_bad: str) -> None:
    save_images(tmp_path, "a", "b", side=300)  # 1.4 MB each while it is decoded
    with pytest.raises(RequestError, match="of 300 x 300 pixels needs"):
        image_folder.load(path=str(tmp_path), image_size=[4, 4], on_bad=on_bad)


def test_photographs_are_decoded_one_at_a_time_where_two_do_not_fit(tmp_path: Path) -> None:
    save_images(tmp_path, "a", "b", side=240)
    loaded = image_folder.load(path=str(tmp_path), image_size=[4, 4])
    assert len(loaded.x) == 8


def test_a_mask_that_cannot_be_decoded_is_refused(tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    Image.new("RGB", (20, 20)).save(tmp_path / "images" / "a.png")
    Image.new("L", (300, 300)).save(tmp_path / "masks" / "a.png")
    with pytest.raises(RequestError, match=r"masks/a\.png of 300 x 300 pixels"):
        mask_folder.load(path=str(tmp_path), image_size=[4, 4])


def test_threads_share_the_memory() -> None:
    shared, second_started = DecodingMemory(), threading.Event()
    order = []

    def second() -> None:
        second_started.set()
        with shared.reserve("b", width=200, height=200):
            order.append("second")

    with shared.reserve("a", width=200, height=200):  # 0.64 of 1 MB
        thread = threading.Thread(target=second)
        thread.start()
        second_started.wait()
        with shared.reserve("c", width=100, height=100):
            order.append("first")
    thread.join()
    assert order == ["first", "second"]
