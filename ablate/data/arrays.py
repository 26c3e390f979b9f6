"""Images with one class each that come as four arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablate.data.images import Split, Unsplit
from ablate.errors import RequestError

KEYS = ("x_train", "y_train", "x_test", "y_test")

SHARES = {"train": 0.8, "validation": 0.2}
"""How the training arrays are split; the test arrays stay the test part."""


def from_arrays(
    arrays: Mapping[str, NDArray[Any]],
    *,
    classes: Sequence[str] | None = None,
    split_seed: int,
) -> Unsplit:
    """Images with `x_test` as the test part and a validation part that is taken from `x_train`.

    Args:
        arrays: `x_train` and `x_test`, uint8 from 0 to 255 or floats from 0 to 1, shape
            `(images, height, width)` or `(images, height, width, channels)`; `y_train` and
            `y_test`, integers of 0 or more, shape `(images,)` or `(images, 1)`.
        classes: Names of the classes; None: their numbers.
        split_seed: Seed of the validation part.

    Raises:
        RequestError: An array is not what it should be.
    """
    x_train, x_test = (_images(name, arrays[name]) for name in ("x_train", "x_test"))
    y_train, y_test = (_labels(name, arrays[name]) for name in ("y_train", "y_test"))
    for x, y, part in ((x_train, y_train, "train"), (x_test, y_test, "test")):
        if len(x) != len(y):
            raise RequestError(
                f"Expected as many labels as images; received {len(x)} in x_{part} and {len(y)} "
                f"in y_{part}."
            )
    if x_train.shape[1:] != x_test.shape[1:] or x_train.dtype != x_test.dtype:
        raise RequestError(
            f"Expected x_train and x_test of one dtype and shape; received {x_train.dtype} of "
            f"shape {x_train.shape[1:]} and {x_test.dtype} of shape {x_test.shape[1:]} an image."
        )
    names = _class_names(y_train, classes)
    if y_test.max() >= len(names):
        raise RequestError(
            f"Expected y_test within the labels of y_train, 0 to {len(names) - 1}; received "
            f"{y_test.max()}."
        )
    return Unsplit(
        x=x_train,
        y=y_train,
        classes=names,
        scale=1 / 255 if x_train.dtype == np.uint8 else 1.0,
        shares=SHARES,
        split_seed=split_seed,
        fixed={"test": Split(x_test, y_test)},
    )


def _images(name: str, x: NDArray[Any]) -> NDArray[Any]:
    """Return the images as uint8 or float32 with an axis for channels."""
    if x.dtype != np.uint8 and not np.issubdtype(x.dtype, np.floating):
        raise RequestError(
            f"Expected {name} as uint8 from 0 to 255 or floats from 0 to 1; received {x.dtype}."
        )
    if x.ndim not in (3, 4):
        raise RequestError(
            f"Expected {name} of shape (images, height, width) or (images, height, width, "
            f"channels); received {x.shape}."
        )
    if x.size == 0:
        raise RequestError(f"Expected images in {name}; received shape {x.shape}.")
    if x.dtype != np.uint8:
        _check_floats(name, x)
        x = x.astype(np.float32, copy=False)
    return x[..., np.newaxis] if x.ndim == 3 else x


def _check_floats(name: str, x: NDArray[np.floating[Any]]) -> None:
    bad = ~np.isfinite(x).all(axis=tuple(range(1, x.ndim)))
    if bad.any():
        raise RequestError(
            f"Expected finite values in {name}; {bad.sum()} of {len(x)} images hold NaN or "
            f"infinity, the first at index {bad.argmax()}."
        )
    low, high = x.min(), x.max()
    if low < 0 or high > 1:
        raise RequestError(
            f"Expected floats from 0 to 1 in {name}; received {low:g} to {high:g}. Rescale them, "
            f"or store uint8 from 0 to 255."
        )


def _labels(name: str, y: NDArray[Any]) -> NDArray[np.int64]:
    """Return the labels as int64 with one axis."""
    if not np.issubdtype(y.dtype, np.integer):
        raise RequestError(f"Expected whole numbers in {name}; received {y.dtype}.")
    if y.ndim != 1 and y.shape[1:] != (1,):
        raise RequestError(
            f"Expected {name} of shape (images,) or (images, 1); received {y.shape}."
        )
    if y.size and (y.min() < 0 or y.max() > np.iinfo(np.int64).max):
        raise RequestError(
            f"Expected labels of 0 or more in {name}; received {y.min()} to {y.max()}, the first "
            f"wrong one at index {((y < 0) | (y > np.iinfo(np.int64).max)).argmax()}."
        )
    return y.reshape(-1).astype(np.int64)


def _class_names(y: NDArray[np.int64], classes: Sequence[str] | None) -> tuple[str, ...]:
    """Return a name for each class, if the labels count the classes without a gap."""
    present = np.unique(y)
    expected = len(present) if classes is None else len(classes)
    if len(present) == expected and present[-1] == expected - 1:
        return tuple(str(label) for label in present) if classes is None else tuple(classes)
    if classes is not None and present[-1] >= expected:
        raise RequestError(
            f"Expected y_train within 0 to {expected - 1}; received {present[-1]}, the first at "
            f"index {(y >= expected).argmax()}."
        )
    missing = np.setdiff1d(np.arange(expected), present)[0]
    raise RequestError(
        f"Expected every label from 0 to {max(expected - 1, int(present[-1]))} in y_train; "
        f"received no image of class {missing}. Labels count the classes from 0 without a gap."
    )
