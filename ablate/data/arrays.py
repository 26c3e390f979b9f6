"""Images with one class each that come as arrays: their forms, and their parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablate.data.images import Images, Split, Unsplit, byte_notes, byte_scale
from ablate.errors import RequestError

PARTS = {"train": "train", "val": "validation", "test": "test"}
"""The part of each array, by the end of its name."""

SHARES = {"train": 0.8, "validation": 0.2}
"""How the training arrays are split if no validation arrays are given."""

CHANNELS = (1, 2, 3, 4)
"""Numbers of channels that pictures usually have."""

LARGEST_LABEL = np.iinfo(np.int64).max


def from_arrays(
    arrays: Mapping[str, NDArray[Any]],
    *,
    classes: Sequence[str] | None = None,
    split_seed: int,
    excluded: Sequence[str] = (),
) -> Images | Unsplit:
    """Images with `x_test` as the test part and `x_val` as the validation part.

    Without `x_val`, a fifth of `x_train` is for validation.

    Args:
        arrays: `x_train`, `x_test` and possibly `x_val`, shape `(images, height, width)` or
            `(images, height, width, channels)`: uint8 from 0 to 255, uint8 or bool that hold 0 and
            1 alone, or floats from 0 to 1; `y_train`, `y_test` and possibly `y_val`: whole numbers
            of 0 or more, also as floats, shape `(images,)` or `(images, 1)`, or one-hot, shape
            `(images, classes)`.
        classes: Names of the classes; None: their numbers.
        split_seed: Seed of the validation part.
        excluded: What the source has and no part holds, each with the reason.

    Raises:
        RequestError: An array is not what it should be.
    """
    ends = [end for end in PARTS if f"x_{end}" in arrays]
    x = {end: _images(f"x_{end}", arrays[f"x_{end}"]) for end in ends}
    y = {end: _labels(f"y_{end}", arrays[f"y_{end}"]) for end in ends}
    names = _class_names(y["train"], classes or _numbered(arrays["y_train"]))
    _check_parts(x, y, classes=len(names))
    parts = {PARTS[end]: Split(x[end], y[end]) for end in ends}
    scale = byte_scale(*x.values())
    known: dict[str, Any] = {
        "classes": names,
        "scale": scale,
        "excluded": tuple(excluded),
        "notes": byte_notes(x["train"], scale),
    }
    if "validation" in parts:
        return Images(parts["train"], parts["validation"], parts["test"], **known)
    rest = parts.pop("train")
    return Unsplit(rest.x, rest.y, shares=SHARES, split_seed=split_seed, fixed=parts, **known)


def _check_parts(
    x: Mapping[str, NDArray[Any]], y: Mapping[str, NDArray[np.int64]], *, classes: int
) -> None:
    """Check that images and labels of all parts fit together."""
    train = x["train"]
    for end, images in x.items():
        if len(images) != len(y[end]):
            raise RequestError(
                f"Expected as many labels as images; received {len(images)} in x_{end} and "
                f"{len(y[end])} in y_{end}."
            )
        if train.shape[1:] != images.shape[1:] or train.dtype != images.dtype:
            raise RequestError(
                f"Expected x_train and x_{end} of one dtype and shape; received {train.dtype} of "
                f"shape {train.shape[1:]} and {images.dtype} of shape {images.shape[1:]} an image."
            )
        if y[end].max() >= classes:
            raise RequestError(
                f"Expected y_{end} within the labels of y_train, 0 to {classes - 1}; received "
                f"{y[end].max()}."
            )


def _images(name: str, x: NDArray[Any]) -> NDArray[Any]:
    """Return the images as uint8 or float32 with an axis for channels."""
    if x.dtype == np.bool_:
        x = x.astype(np.uint8)
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
    if x.ndim == 4:
        _refuse_channels_first(name, x.shape)
    if x.dtype != np.uint8:
        _check_floats(name, x)
        x = x.astype(np.float32, copy=False)
    return x[..., np.newaxis] if x.ndim == 3 else x


def _refuse_channels_first(name: str, shape: tuple[int, ...]) -> None:
    images, first, second, last = shape
    if first in CHANNELS and last not in CHANNELS:
        raise RequestError(
            f"Expected {name} of shape (images, height, width, channels); received {shape}: "
            f"{first} x {second} pixels with {last} channels. If the channels come first, "
            f"transpose to {(images, second, last, first)}: x.transpose(0, 2, 3, 1)."
        )


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
    kinds = (np.integer, np.floating, np.bool_)
    if not any(np.issubdtype(y.dtype, kind) for kind in kinds):
        raise RequestError(f"Expected whole numbers in {name}; received {y.dtype}.")
    if y.ndim == 2 and y.shape[1] > 1:
        return _classes_of_one_hot(name, y)
    if y.ndim != 1 and y.shape[1:] != (1,):
        raise RequestError(
            f"Expected {name} of shape (images,), (images, 1) or, one-hot, (images, classes); "
            f"received {y.shape}."
        )
    y = y.reshape(-1)
    if np.issubdtype(y.dtype, np.bool_):
        return y.astype(np.int64)
    if np.issubdtype(y.dtype, np.floating):
        y = y.astype(np.float64)
        broken = ~np.isfinite(y) | (y != np.floor(y))
        if broken.any():
            raise RequestError(
                f"Expected whole numbers in {name}; received {y[broken][0]:g} at index "
                f"{broken.argmax()}."
            )
    wrong = (y < 0) | (y > LARGEST_LABEL)
    if wrong.any():
        raise RequestError(
            f"Expected labels of 0 or more in {name}; received {y.min()} to {y.max()}, the first "
            f"wrong one at index {wrong.argmax()}."
        )
    return y.astype(np.int64)


def _classes_of_one_hot(name: str, y: NDArray[Any]) -> NDArray[np.int64]:
    """The class of each row of 0 and one 1."""
    wrong = ~((y == 0) | (y == 1)).all(axis=1) | ((y == 1).sum(axis=1) != 1)
    if wrong.any():
        index = int(wrong.argmax())
        row = ", ".join(f"{value:g}" for value in y[index, :6].tolist())
        more = ", ..." if y.shape[1] > 6 else ""
        raise RequestError(
            f"Expected one class for each image in {name}: whole numbers of shape (images,), or "
            f"one-hot rows with a single 1; received shape {y.shape}, and [{row}{more}] at index "
            f"{index}."
        )
    return np.asarray(np.argmax(y, axis=1), np.int64)


def _numbered(y: NDArray[Any]) -> tuple[str, ...] | None:
    """The names of the classes that one-hot labels count; None for other labels."""
    return tuple(map(str, range(y.shape[1]))) if y.ndim == 2 and y.shape[1] > 1 else None


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
