"""Images from a NumPy archive with arrays such as x_train, y_train, x_test and y_test."""

from __future__ import annotations

import difflib
import os
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablate.data.arrays import from_arrays
from ablate.data.images import Images, Unsplit
from ablate.data.memory import check_fits
from ablate.errors import RequestError, nearest
from ablate.wording import enumeration, escaped_name

NAMES = {
    "x_train": ("x_train", "train_images"),
    "y_train": ("y_train", "train_labels"),
    "x_test": ("x_test", "test_images"),
    "y_test": ("y_test", "test_labels"),
    "x_val": ("x_val", "x_valid", "x_validation", "val_images"),
    "y_val": ("y_val", "y_valid", "y_validation", "val_labels"),
}
"""Names that an array may have, in any case; those with _images and _labels are MedMNIST's."""
NEEDED = ("x_train", "y_train", "x_test", "y_test")


def load(*, path: str, split_seed: int = 0) -> Images | Unsplit:
    """The images of an archive, in its own parts.

    Without a validation part, a fifth of the training images, by class, is for validation.

    Args:
        path: The archive; relative to the working directory.
        split_seed: Seed of the validation part.

    Raises:
        RequestError: The file cannot be read, or an array is not as described.
    """
    arrays, others = _read(path)
    excluded = [f"{escaped_name(name)}: an array that no part needs" for name in others]
    return from_arrays(arrays, split_seed=split_seed, excluded=excluded)


def read(path: str) -> dict[str, NDArray[Any]]:
    """The arrays of an archive by the names in `NAMES`.

    Raises:
        RequestError: The file does not exist or is not an archive, or an array is missing or
            unreadable.
    """
    return _read(path)[0]


def _read(path: str) -> tuple[dict[str, NDArray[Any]], tuple[str, ...]]:
    """The arrays that parts need, and the names of the others."""
    file = _existing(path)
    if not zipfile.is_zipfile(file):
        raise RequestError(
            f"Expected an archive that numpy.savez wrote; {path} is not one, or is truncated."
        )
    with np.load(file, allow_pickle=False) as archive:
        chosen = _choose(archive.files, path)
        _check_size(archive, chosen.values(), path)
        arrays = {key: _member(archive, name, path) for key, name in chosen.items()}
        others = tuple(name for name in archive.files if name not in chosen.values())
    return arrays, others


def _choose(names: Iterable[str], path: str) -> dict[str, str]:
    """The name in the archive of each array that is needed."""
    found: dict[str, list[str]] = {key: [] for key in NAMES}
    others: list[str] = []
    for name in names:
        keys = [key for key, known in NAMES.items() if name.lower() in known]
        (found[keys[0]] if keys else others).append(name)
    for key, given in found.items():
        if len(given) > 1:
            raise RequestError(
                f"Expected one array as {key} in {path}; received {enumeration(given)}."
            )
    for key in NEEDED:
        if not found[key]:
            raise RequestError(
                f"Expected the arrays {', '.join(NEEDED)}; {path} has no {key}."
                f"{nearest(key, others)}"
            )
    for key, other in (("x_val", "y_val"), ("y_val", "x_val")):
        if found[key] and not found[other]:
            raise RequestError(
                f"Expected {other} with {found[key][0]} in {path}; received one of them alone."
                f"{nearest(other, others) if others else ''}"
            )
    return {key: given[0] for key, given in found.items() if given}


def _check_size(archive: Any, names: Iterable[str], path: str) -> None:
    """Check that the arrays fit into the memory, by the sizes that the archive declares.

    A few bytes can declare any size, and nothing reads more than that.
    """
    named = {info.filename.removesuffix(".npy"): info.file_size for info in archive.zip.infolist()}
    size = sum(named.get(name, 0) for name in names)
    check_fits(size, f"{path} with arrays of {size / 1e9:.1f} GB.")


def _member(archive: Any, key: str, path: str) -> NDArray[Any]:
    try:
        array = archive[key]
    except (ValueError, OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        if "allow_pickle" in str(error):
            # Unpickling runs any code that the file contains, so such arrays are never read.
            raise RequestError(
                f"Expected numbers in {key} of {path}; received Python objects. Save it again "
                f"with one dtype, such as uint8."
            ) from error
        raise RequestError(f"Expected {key} of {path} to be readable; {error}.") from error
    if not isinstance(array, np.ndarray):
        raise RequestError(f"Expected {key} of {path} to be an array; received something else.")
    return array


def _existing(path: str) -> Path:
    if not isinstance(path, str) or not path:
        raise RequestError(f"Expected data.path to be the path of a file; received {path!r}.")
    # os.path.isfile returns False for unreadable paths; Path.is_file raises.
    file = Path(os.path.expanduser(path))
    if os.path.isfile(file):
        return file
    if os.path.isdir(file):
        raise RequestError(
            f"Expected data.path to be a file; {path} is a folder.{_nearest_archive(file, '')}"
        )
    if os.path.exists(file):
        raise RequestError(
            f"Expected data.path to be a file; {path} is a pipe, a socket or a device."
        )
    if not os.path.isdir(file.parent):
        raise RequestError(f"Expected the file {path}; there is no folder {file.parent}.")
    hint = _nearest_archive(file.parent, file.name)
    raise RequestError(f"Expected the file {path}; there is none.{hint}")


def _nearest_archive(folder: Path, name: str) -> str:
    """The end of an error message: the archive of the folder that may have been meant."""
    archives = sorted(item.name for item in folder.glob("*.npz"))
    close = difflib.get_close_matches(name, archives, n=1) or archives[:1]
    return f" Did you mean {folder / close[0]}?" if close else f" {folder} contains no .npz file."
