"""The files in which CIFAR-10 and CIFAR-100 are published: python batches or binary batches."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablate.data.arrays import LARGEST_LABEL
from ablate.data.memory import check_fits
from ablate.errors import RequestError
from ablate.wording import enumeration, error_summary, escaped_name

CHANNELS, SIDE = 3, 32
PIXELS = CHANNELS * SIDE * SIDE
"""Bytes of an image: all of its red values, then green, then blue, row by row."""


@dataclass(frozen=True, slots=True)
class _Files:
    """The files of one form of one data set.

    Attributes:
        train: Those of the training images.
        test: That of the test images.
        labels: What the labels are called in a python batch.
        label_bytes: Bytes before each image of a binary batch; the last one is its label.
    """

    train: tuple[str, ...]
    test: str
    labels: str = ""
    label_bytes: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.train, self.test)


_TEN = tuple(f"data_batch_{number}" for number in range(1, 6))
FORMS: Mapping[str, tuple[_Files, ...]] = {
    "cifar10": (
        _Files(_TEN, "test_batch", labels="labels"),
        _Files(tuple(f"{name}.bin" for name in _TEN), "test_batch.bin", label_bytes=1),
    ),
    "cifar100": (
        _Files(("train",), "test", labels="fine_labels"),
        _Files(("train.bin",), "test.bin", label_bytes=2),
    ),
}
"""The forms of each data set.

Source: https://www.cs.toronto.edu/~kriz/cifar.html.
"""


def find(folder: Path, name: str) -> _Files | None:
    """The form of which a folder has files, the one with more of them; None if it has none."""
    counts = {
        form: sum(os.path.isfile(folder / file) for file in form.names) for form in FORMS[name]
    }
    form = max(counts, key=lambda form: counts[form])
    return form if counts[form] else None


def read_folder(folder: Path, name: str) -> dict[str, NDArray[Any]]:
    """The arrays of a folder in which `find` has found a form.

    Raises:
        RequestError: A file is missing, damaged or of another kind.
    """
    form = find(folder, name)
    assert form is not None, "Expected a folder with batches."
    if missing := [file for file in form.names if not os.path.isfile(folder / file)]:
        raise RequestError(
            f"Expected {enumeration(form.names, most=6)} in {escaped_name(folder)}; there is no "
            f"{enumeration(missing)}."
        )
    read = _read_python if form.labels else _read_binary
    batches = [read(folder / file, form) for file in form.train]
    x_test, y_test = read(folder / form.test, form)
    return {
        "x_train": np.concatenate([x for x, _ in batches]),
        "y_train": np.concatenate([y for _, y in batches]),
        "x_test": x_test,
        "y_test": y_test,
    }


def _content(file: Path) -> bytes:
    """The bytes of a file.

    Raises:
        RequestError: It cannot be read, or does not fit into the memory.
    """
    try:
        size = file.stat().st_size
        check_fits(2 * size, f"{escaped_name(file)} of {size / 1e9:.1f} GB.")
        return file.read_bytes()
    except OSError as error:
        raise RequestError(f"Expected to read {escaped_name(file)}; {error.strerror}.") from error


def _read_binary(file: Path, form: _Files) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    content = _content(file)
    row = form.label_bytes + PIXELS
    if not content or len(content) % row:
        raise RequestError(
            f"Expected rows of {row} bytes in {escaped_name(file)}; received {len(content)} bytes. "
            f"The file is damaged or of another data set."
        )
    rows = np.frombuffer(content, np.uint8).reshape(-1, row)
    labels = rows[:, form.label_bytes - 1].astype(np.int64)
    return _images(rows[:, form.label_bytes :]), labels


def _read_python(file: Path, form: _Files) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    batch = _unpickle(file)
    pixels, labels = batch.get("data"), batch.get(form.labels)
    if (
        not isinstance(pixels, np.ndarray)
        or pixels.dtype != np.uint8
        or pixels.ndim != 2
        or pixels.shape[1] != PIXELS
    ):
        raise RequestError(
            f"Expected an array of bytes with {PIXELS} columns as data in {escaped_name(file)}; "
            f"received {_kind(pixels)}."
        )
    if not isinstance(labels, list) or not all(
        type(label) is int and abs(label) <= LARGEST_LABEL for label in labels
    ):
        raise RequestError(
            f"Expected a list of whole numbers as {form.labels} in {escaped_name(file)}; received "
            f"{_kind(labels)}."
        )
    if len(labels) != len(pixels):
        raise RequestError(
            f"Expected as many labels as images; received {len(pixels)} images and {len(labels)} "
            f"labels in {escaped_name(file)}."
        )
    return _images(pixels), np.array(labels, np.int64)


def _kind(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} of shape {value.shape}"
    return "nothing" if value is None else f"a {type(value).__name__}"


def _images(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Images with their channels last, from rows of pixels."""
    first = rows.reshape(-1, CHANNELS, SIDE, SIDE)
    return np.ascontiguousarray(first.transpose(0, 2, 3, 1))


def _unpickle(file: Path) -> dict[str, Any]:
    """The mapping that a python batch holds, with an array of bytes for each stored array.

    A pickle may call any function, so nothing is called but the stand-ins of this module.

    Raises:
        RequestError: The file holds anything else, or is damaged.
    """
    try:
        content = _PlainUnpickler(io.BytesIO(_content(file)), encoding="bytes").load()
        if not isinstance(content, dict):
            raise pickle.UnpicklingError(f"it is {_kind(content)}")
        return {_text(key): _plain(value) for key, value in content.items()}
    except RequestError:
        raise
    except Exception as error:  # a damaged pickle may raise anything
        raise RequestError(
            f"Expected a mapping with arrays of bytes, lists and numbers alone in the python batch "
            f"{escaped_name(file)}; {error_summary(error, limit=200)}."
        ) from error


def _text(key: object) -> str:
    return key.decode("latin1") if isinstance(key, bytes) else str(key)


def _plain(value: object) -> object:
    return value.array() if isinstance(value, _StoredArray) else value


class _StoredType:
    """Stands for the type of bytes, and ignores what a file says of it."""

    def __setstate__(self, state: object) -> None:
        pass


class _StoredArray:
    """Stands for an array: NumPy itself would let a file declare bytes to be Python objects."""

    def __setstate__(self, state: tuple[int, tuple[int, ...], _StoredType, bool, bytes]) -> None:
        _, self._shape, kind, fortran, self._content = state
        if not isinstance(kind, _StoredType) or fortran or not isinstance(self._content, bytes):
            raise pickle.UnpicklingError("it has an array of something else than bytes in rows")

    def array(self) -> NDArray[np.uint8]:
        return np.frombuffer(self._content, np.uint8).reshape(self._shape)


def _stored_type(code: object, *flags: object) -> _StoredType:
    if code not in ("u1", b"u1"):
        raise pickle.UnpicklingError(f"it has an array of {code!r}")
    return _StoredType()


def _plain_bytes(text: object, encoding: object) -> bytes:
    """Bytes as Python 3 writes them in the protocols of Python 2."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("it has odd bytes")
    return text.encode("latin1")


_STAND_INS = {
    ("numpy.core.multiarray", "_reconstruct"): lambda *of: _StoredArray(),
    ("numpy._core.multiarray", "_reconstruct"): lambda *of: _StoredArray(),
    ("numpy", "ndarray"): _StoredArray,
    ("numpy", "dtype"): _stored_type,
    ("_codecs", "encode"): _plain_bytes,
}
"""What an array of bytes is made of, by module and name."""


class _PlainUnpickler(pickle.Unpickler):
    """Reads bytes, text, numbers, lists, mappings and arrays of bytes, and refuses all else."""

    def find_class(self, module: str, name: str) -> Any:
        found = _STAND_INS.get((module, name))
        if found is None:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return found
