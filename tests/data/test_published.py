"""Published sets of small images: every form of their files, and no download unless asked for."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from pytest import param

from ablate.data import published
from ablate.data.images import Images
from ablate.errors import RequestError
from ablate.tasks.task import prepare
from tests.conftest import Command

SIZES = {
    "mnist": (28, 28),
    "fashion_mnist": (28, 28),
    "cifar10": (32, 32, 3),
    "cifar100": (32, 32, 3),
}
CLASSES = {"mnist": 10, "fashion_mnist": 10, "cifar10": 10, "cifar100": 100}


def arrays(name: str, classes: int | None = None) -> dict[str, np.ndarray]:
    """Ten training images and two test images of each class, of random pixels."""
    count = classes or CLASSES[name]
    generator = np.random.default_rng(0)
    labels = {"train": np.tile(np.arange(count), 10), "test": np.tile(np.arange(count), 2)}
    return {
        **{
            f"x_{part}": generator.integers(0, 256, (len(each), *SIZES[name]), np.uint8)
            for part, each in labels.items()
        },
        **{f"y_{part}": each.astype(np.uint8) for part, each in labels.items()},
    }


def write_idx(folder: Path, own: dict[str, np.ndarray], *, compressed: bool = False) -> None:
    """Write the four files as http://yann.lecun.com/exdb/mnist describes them."""
    folder.mkdir(exist_ok=True)
    for part, word in (("train", "train"), ("test", "t10k")):
        for key, kind in ((f"x_{part}", "images-idx3"), (f"y_{part}", "labels-idx1")):
            array = own[key]
            content = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            content += array.astype(np.uint8).tobytes()
            name = f"{word}-{kind}-ubyte"
            if compressed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content, 1))
            else:
                (folder / name).write_bytes(content)


def rows_of(images: np.ndarray) -> np.ndarray:
    """Each image as a row of bytes: red, green, blue."""
    return images.transpose(0, 3, 1, 2).reshape(len(images), -1)


def batches(name: str, own: dict[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Pixels and labels of each file of CIFAR, without an extension."""
    x, y = own["x_train"], own["y_train"]
    if name == "cifar100":
        return {"train": (x, y), "test": (own["x_test"], own["y_test"])}
    parts = zip(np.array_split(x, 5), np.array_split(y, 5), strict=True)
    files = {f"data_batch_{number}": part for number, part in enumerate(parts, start=1)}
    return {**files, "test_batch": (own["x_test"], own["y_test"])}


class _Python2Pickler(pickle._Pickler):
    """Writes bytes as the str of Python 2, with which CIFAR is published."""

    dispatch: ClassVar[dict[type, Any]] = dict(pickle._Pickler.dispatch)

    def save_bytes(self, obj: bytes) -> None:
        self.write(b"T" + struct.pack("<i", len(obj)) + obj)
        self.memoize(obj)

    dispatch[bytes] = save_bytes


def python_2_pickle(content: object) -> bytes:
    stream = io.BytesIO()
    _Python2Pickler(stream, 2).dump(content)
    return stream.getvalue()


def write_python(
    folder: Path,
    name: str,
    own: dict[str, np.ndarray],
    dumps: Callable[[object], bytes] = python_2_pickle,
) -> None:
    folder.mkdir(exist_ok=True)
    key = b"fine_labels" if name == "cifar100" else b"labels"
    for file, (x, y) in batches(name, own).items():
        content = {b"batch_label": b"one", key: y.tolist(), b"data": rows_of(x), b"filenames": []}
        (folder / file).write_bytes(dumps(content))


def write_binary(folder: Path, name: str, own: dict[str, np.ndarray]) -> None:
    folder.mkdir(exist_ok=True)
    for file, (x, y) in batches(name, own).items():
        labels = [y // 5, y] if name == "cifar100" else [y]
        rows = np.concatenate([np.stack(labels, axis=1).astype(np.uint8), rows_of(x)], axis=1)
        (folder / f"{file}.bin").write_bytes(rows.tobytes())


def load(name: str, path: Path) -> Images:
    return prepare(published.load(name=name, path=str(path)))


def refusal(name: str, **options: Any) -> str:
    with pytest.raises(RequestError) as caught:
        published.load(name=name, **options)
    message = str(caught.value)
    assert message.isprintable(), "one line without control characters"
    return message


FORMS: list[Any] = [
    param("mnist", lambda folder, name, own: write_idx(folder, own), id="idx"),
    param("fashion_mnist", lambda folder, name, own: write_idx(folder, own, compressed=True),
          id="gzip"),
    param("cifar10", write_python, id="python_10"),
    param("cifar100", write_python, id="python_100"),
    param("cifar10", lambda folder, name, own: write_python(
        folder, name, own, lambda content: pickle.dumps(content, 2)), id="python_3"),
    param("cifar10", write_binary, id="binary_10"),
    param("cifar100", write_binary, id="binary_100"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "write"), FORMS)
def test_every_form_holds_the_same_images(
    tmp_path: Path, name: str, write: Callable[[Path, str, dict[str, np.ndarray]], None]
) -> None:
    own = arrays(name)
    write(tmp_path / "set", name, own)
    np.savez(tmp_path / "set.npz", **own)  # type: ignore[arg-type]
    images = load(name, tmp_path / "set")
    assert images.fingerprint == load(name, tmp_path / "set.npz").fingerprint
    np.testing.assert_array_equal(images.test.x, own["x_test"].reshape(images.test.x.shape))
    count = CLASSES[name]
    assert [len(part.y) for part in images.parts.values()] == [8 * count, 2 * count, 2 * count]


def test_a_python_batch_is_read_as_keras_reads_it(tmp_path: Path) -> None:
    from keras.src.datasets.cifar import load_batch

    own = arrays("cifar10")
    write_python(tmp_path / "set", "cifar10", own)
    x, y = load_batch(str(tmp_path / "set" / "test_batch"))
    images = load("cifar10", tmp_path / "set")
    np.testing.assert_array_equal(images.test.x, np.transpose(x, (0, 2, 3, 1)))
    np.testing.assert_array_equal(images.test.y, y)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [("mnist", "0", "9"), ("fashion_mnist", "T-shirt/top", "Ankle boot"),
     ("cifar10", "airplane", "truck"), ("cifar100", "apple", "worm")],
)  # fmt: skip
def test_classes_have_their_published_names(name: str, first: str, last: str) -> None:
    classes = published.SETS[name].classes
    assert (classes[0], classes[-1], len(set(classes))) == (first, last, CLASSES[name])


@pytest.mark.parametrize(
    ("classes", "message"),
    [(9, "0 to 9 .* no image of class 9"), (11, "within 0 to 9; received 10, .* index 10")],
    ids=["nine_classes", "eleven_classes"],
)
def test_an_archive_with_other_classes_is_refused(
    tmp_path: Path, classes: int, message: str
) -> None:
    np.savez(tmp_path / "set.npz", **arrays("cifar10", classes))  # type: ignore[arg-type]
    with pytest.raises(RequestError, match=message):
        published.load(name="cifar10", path=str(tmp_path / "set.npz"))


def test_nothing_is_downloaded_unless_asked_for(download: Callable[..., None]) -> None:
    download(lambda: pytest.fail("a download that no one asked for"))
    message = refusal("cifar10")
    assert "or data.download=true to download CIFAR-10; received neither" in message


@pytest.fixture
def download(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replaces Keras' download, which needs a network."""
    from keras.datasets import cifar10

    return lambda function: monkeypatch.setattr(cifar10, "load_data", function)


def test_keras_downloads_what_is_asked_for(download: Callable[..., None]) -> None:
    own = arrays("cifar10")
    own |= {key: own[key][:, np.newaxis] for key in ("y_train", "y_test")}
    download(lambda: ((own["x_train"], own["y_train"]), (own["x_test"], own["y_test"])))
    assert prepare(published.load(name="cifar10", download=True)).shape == (32, 32, 3)


def test_a_failed_download_is_refused_with_the_alternative(download: Callable[..., None]) -> None:
    def fail() -> None:
        raise Exception("URL fetch failure:\nno route to host")

    download(fail)
    message = refusal("cifar10", download=True)
    assert "fetch failure: no route to host. Give data.path instead: an .npz file" in message


def cut(file: str, count: int) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = (folder / file).read_bytes()
        (folder / file).write_bytes(content[:count] if count >= 0 else content + b"\0")

    return change


DAMAGE: list[Any] = [
    param("mnist", lambda folder: (folder / "t10k-labels-idx1-ubyte").unlink(),
          "there is no t10k-labels-idx1-ubyte.", id="missing_idx"),
    param("mnist", cut("train-images-idx3-ubyte", 1000),
          "images-idx3-ubyte, 100 x 28 x 28; received 984. The file is damaged", id="cut_idx"),
    param("mnist", cut("train-images-idx3-ubyte", -1), "received more. The file", id="longer_idx"),
    param("mnist", cut("train-labels-idx1-ubyte", 3), "starts with 00 00 08", id="cut_header"),
    param("mnist", lambda folder: shutil.copy(
        folder / "t10k-images-idx3-ubyte", folder / "train-labels-idx1-ubyte"),
        "an IDX file of bytes with 1 axes", id="other_axes"),
    param("cifar10", lambda folder: (folder / "data_batch_3").unlink(),
          "there is no data_batch_3.", id="missing_batch"),
    param("cifar10", cut("data_batch_2", 5000), "pickle data was truncated", id="cut_batch"),
    param("cifar10", lambda folder: (folder / "test_batch").write_bytes(pickle.dumps([1, 2])),
          "test_batch; UnpicklingError: it is a list.", id="no_mapping"),
    param("cifar10", lambda folder: (folder / "test_batch").write_bytes(
        pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": ["cat", "dog"]})),
        "a list of whole numbers as labels", id="labels_as_text"),
    param("cifar10", lambda folder: (folder / "test_batch").write_bytes(
        pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [1, 2**70]})),
        "a list of whole numbers as labels", id="label_out_of_range"),
    param("cifar10", lambda folder: (folder / "test_batch").write_bytes(
        pickle.dumps({"data": np.zeros((2, 30), np.uint8), "labels": [1, 2]})),
        "with 3072 columns as data", id="other_size"),
    param("cifar10", lambda folder: (folder / "test_batch").write_bytes(
        pickle.dumps({"data": np.zeros((3, 3072), np.uint8), "labels": [1, 2]})),
        "received 3 images and 2 labels", id="other_count"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "damage", "message"), DAMAGE)
def test_damaged_files_are_refused_by_name(
    tmp_path: Path, name: str, damage: Callable[[Path], None], message: str
) -> None:
    own = arrays(name)
    if name == "mnist":
        write_idx(tmp_path / "set", own)
    else:
        write_python(tmp_path / "set", name, own)
    damage(tmp_path / "set")
    assert message in refusal(name, path=str(tmp_path / "set"))


def test_a_cut_gzip_file_is_refused(tmp_path: Path) -> None:
    write_idx(tmp_path / "set", arrays("mnist"), compressed=True)
    cut("train-images-idx3-ubyte.gz", 5000)(tmp_path / "set")
    message = refusal("mnist", path=str(tmp_path / "set"))
    assert "train-images-idx3-ubyte.gz to be readable; Compressed file ended before" in message


def test_a_binary_batch_of_another_set_is_refused(tmp_path: Path) -> None:
    write_binary(tmp_path / "set", "cifar10", arrays("cifar10"))
    cut("data_batch_1.bin", 1000)(tmp_path / "set")
    message = refusal("cifar10", path=str(tmp_path / "set"))
    assert "rows of 3073 bytes in" in message


class _CallsSystem:
    """What a hostile pickle holds: a call of the shell when it is read."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self._file}",)


@pytest.mark.parametrize("where", ["data", "labels", "other"])
def test_a_hostile_batch_runs_no_code(tmp_path: Path, where: str) -> None:
    write_python(tmp_path / "set", "cifar10", arrays("cifar10"))
    content = {"data": np.zeros((2, 3072), np.uint8), "labels": [1, 2]}
    content[where] = _CallsSystem(tmp_path / "called")
    (tmp_path / "set" / "data_batch_1").write_bytes(pickle.dumps(content))
    message = refusal("cifar10", path=str(tmp_path / "set"))
    assert "it names posix.system" in message
    assert not (tmp_path / "called").exists()


@pytest.mark.parametrize("kind", [object, np.int64])
def test_a_batch_with_an_array_of_other_values_is_refused(tmp_path: Path, kind: type) -> None:
    write_python(tmp_path / "set", "cifar10", arrays("cifar10"))
    content = {"data": np.zeros((2, 3072), kind), "labels": [1, 2]}
    (tmp_path / "set" / "data_batch_1").write_bytes(pickle.dumps(content, 2))
    assert "it has an array of '" in refusal("cifar10", path=str(tmp_path / "set"))


@pytest.mark.parametrize(
    ("name", "path", "message"),
    [
        param("mnist", "above", "Did you mean data.path={root}/above/raw?", id="level_too_high"),
        param("mnist", "set.tar", "is another file. Extract an archive first.", id="archive"),
        param("mnist", "abovo", "Did you mean {root}/above?", id="misspelled"),
        param("cifar10", "above/raw", "its python or binary batches of CIFAR-10 in",
              id="another_set"),
        param("minst", "above", "Unknown data.name 'minst'. Did you mean 'mnist'?", id="name"),
    ],
)  # fmt: skip
def test_other_paths_are_refused_with_a_hint(
    tmp_path: Path, name: str, path: str, message: str
) -> None:
    (tmp_path / "above").mkdir()
    write_idx(tmp_path / "above" / "raw", arrays("mnist"))
    (tmp_path / "set.tar").write_bytes(b"archive")
    found = refusal(name, path=str(tmp_path / path))
    assert message.format(root=tmp_path) in found


def test_a_study_of_idx_files_completes(ablate: Command, tmp_path: Path) -> None:
    write_idx(tmp_path / "fashion", arrays("fashion_mnist"), compressed=True)
    data = ["data=fashion_mnist", "data.path=fashion"]
    small = ["model.filters=[4,4]", "recipe.epochs=1", "study.replicates=1"]
    done = ablate(tmp_path, "--multirun", *data, "study.design=leave_one_out", *small)
    assert done.returncode == 0, done.stdout + done.stderr
    runs = pd.read_csv(tmp_path / "reports" / "xyz" / "runs.csv")
    assert runs["status"].tolist() == ["complete"] * 4
