"""A user's own images as NumPy arrays in one `.npz` file."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ablate.data.images import Images, Split
from ablate.data.split import take_part
from ablate.study import Refusal, nearest

ARRAYS = ("x_train", "y_train", "x_test", "y_test")


def load(*, path: str, split_seed: int = 0) -> Images:
    """Images from an `.npz` file with the arrays x_train, y_train, x_test and y_test.

    Images are of shape `(images, height, width[, channels])`, uint8 or floats in [0, 1]; labels are
    whole numbers from 0 without gaps. A fifth of the training images is split off to validate.

    Args:
        path: The file, relative to the working directory or absolute.
        split_seed: Seed of the division into training and validation images.

    Raises:
        Refusal: The file or an array in it is not what it should be.
    """
    return from_arrays(read_arrays(path), split_seed=split_seed)


def read_arrays(path: str) -> dict[str, NDArray[np.generic]]:
    """The four arrays of an `.npz` file.

    Raises:
        Refusal: There is no such file, it is not an `.npz` file, or an array is missing.
    """
    file = Path(path)
    if not file.is_file():
        beside = [item.name for item in file.parent.glob("*.npz")] if file.parent.is_dir() else []
        hint = nearest(file.name, beside) if beside else ""
        raise Refusal(f"Expected data.path to be an .npz file; found none at {path!r}.{hint}")
    try:
        with np.load(file, allow_pickle=False) as content:
            missing = [name for name in ARRAYS if name not in content]
            if missing:
                raise Refusal(
                    f"Expected the arrays {', '.join(ARRAYS)} in {path!r}; received "
                    f"{', '.join(content.files) or 'none'}."
                )
            return {name: content[name] for name in ARRAYS}
    except Refusal:
        raise
    except (ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        # AttributeError: np.load gives a bare array for an .npy file.
        raise Refusal(
            f"Expected {path!r} to be an .npz file of plain arrays; it cannot be read as one "
            f"({str(error).splitlines()[0]})."
        ) from error


def from_arrays(arrays: dict[str, NDArray[np.generic]], *, split_seed: int) -> Images:
    """Images from checked arrays, a fifth of the training images split off to validate.

    Raises:
        Refusal: An array is not what it should be.
    """
    parts = {
        part: Split(
            _images(arrays[f"x_{part}"], f"x_{part}"), _labels(arrays[f"y_{part}"], f"y_{part}")
        )
        for part in ("train", "test")
        if _same_length(arrays, part)
    }
    train, test = parts["train"], parts["test"]
    if (train.x.shape[1:], train.x.dtype) != (test.x.shape[1:], test.x.dtype):
        raise Refusal(
            f"Expected test images like the training images, {train.x.dtype} of shape "
            f"{train.x.shape[1:]}; received {test.x.dtype} of shape {test.x.shape[1:]}."
        )
    classes = _classes(train.y, test.y)
    train, validation = take_part(train, 0.2, split_seed=split_seed, part="validation")
    scale = 1 / 255 if train.x.dtype == np.uint8 else 1.0
    return Images(
        train, validation, test, classes=tuple(str(label) for label in range(classes)), scale=scale
    )


def _same_length(arrays: dict[str, NDArray[np.generic]], part: str) -> bool:
    x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y) or len(x) == 0:
        raise Refusal(
            f"Expected as many labels as images, one or more, in x_{part} and y_{part}; received "
            f"shapes {x.shape} and {y.shape}."
        )
    return True


def _images(x: NDArray[np.generic], name: str) -> NDArray[np.generic]:
    if x.ndim == 3:
        x = x[..., np.newaxis]
    if x.ndim != 4 or 0 in x.shape:
        raise Refusal(
            f"Expected {name} of shape (images, height, width[, channels]); received shape "
            f"{x.shape}."
        )
    if x.dtype == np.uint8:
        return x
    if not np.issubdtype(x.dtype, np.floating):
        raise Refusal(f"Expected {name} of dtype uint8 or float; received {x.dtype}.")
    bad = ~np.isfinite(x).all(axis=(1, 2, 3))
    if bad.any():
        raise Refusal(
            f"Expected finite pixels in {name}; {int(bad.sum())} of {len(x)} images hold NaN or "
            f"infinity, the first at index {int(bad.argmax())}."
        )
    low, high = float(x.min()), float(x.max())
    if low < 0 or high > 1:
        raise Refusal(
            f"Expected float pixels of {name} from 0 to 1; received {low:g} to {high:g}. Store "
            f"them as uint8, or divide them first."
        )
    return x.astype(np.float32)


def _labels(y: NDArray[np.generic], name: str) -> NDArray[np.int64]:
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or not np.issubdtype(y.dtype, np.integer):
        raise Refusal(
            f"Expected {name} as whole numbers of shape (images,); received {y.dtype} of shape "
            f"{y.shape}."
        )
    labels = y.astype(np.int64)
    if labels.min() < 0:
        index = int((labels < 0).argmax())
        raise Refusal(
            f"Expected labels of 0 or more in {name}; received {labels[index]} at index {index}."
        )
    return labels


def _classes(train: NDArray[np.int64], test: NDArray[np.int64]) -> int:
    """Number of classes: labels must be 0, 1, ... without gaps, and no test label be new."""
    known = np.unique(train)
    if len(known) < 2 or known[-1] != len(known) - 1:
        raise Refusal(
            f"Expected labels 0 to k - 1 of two or more classes, each with training images; "
            f"received {len(known)} different labels from {known[0]} to {known[-1]} in y_train."
        )
    if test.max() >= len(known):
        index = int(test.argmax())
        raise Refusal(
            f"Expected labels 0 to {len(known) - 1} in y_test; received {test[index]} at index "
            f"{index}."
        )
    return len(known)
