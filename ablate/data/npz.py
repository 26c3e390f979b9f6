"""Images from a NumPy archive with the arrays x_train, y_train, x_test and y_test."""

from __future__ import annotations

import difflib
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablate.data.arrays import KEYS, from_arrays
from ablate.data.images import Unsplit
from ablate.data.memory import check_fits
from ablate.errors import RequestError, nearest


def load(*, path: str, split_seed: int = 0) -> Unsplit:
    """The images of an archive; a fifth of the training images, by class, is for validation.

    Args:
        path: The archive; relative to the working directory.
        split_seed: Seed of the validation part.

    Raises:
        RequestError: The file cannot be read, or an array is not as described.
    """
    return from_arrays(read(path), split_seed=split_seed)


def read(path: str) -> dict[str, NDArray[Any]]:
    """The four arrays of an archive.

    Raises:
        RequestError: The file does not exist or is not an archive, or an array is missing or
            unreadable.
    """
    file = _existing(path)
    if not zipfile.is_zipfile(file):
        raise RequestError(
            f"Expected an archive that numpy.savez wrote; {path} is not one, or is truncated."
        )
    with np.load(file, allow_pickle=False) as archive:
        for key in KEYS:
            if key not in archive:
                hint = nearest(key, archive.files)
                raise RequestError(
                    f"Expected the arrays {', '.join(KEYS)}; {path} has no {key}.{hint}"
                )
        _check_size(archive, path)
        return {key: _member(archive, key, path) for key in KEYS}


def _check_size(archive: Any, path: str) -> None:
    """Check that the arrays fit into the memory, by the sizes that the archive declares.

    A few bytes can declare any size, and nothing reads more than that.
    """
    named = {info.filename.removesuffix(".npy"): info.file_size for info in archive.zip.infolist()}
    size = sum(named.get(key, 0) for key in KEYS)
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
