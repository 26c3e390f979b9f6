"""A cache of decoded images next to a plan, so that every worker reads the same arrays at once."""

from __future__ import annotations

import functools
import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import (
    header_data_from_array_1_0,
    open_memmap,
    write_array_header_1_0,
)
from numpy.typing import NDArray

from ablate.data.images import Images, Split
from ablate.data.stored import is_on_disk, pieces
from ablate.errors import RequestError
from ablate.store.disk import clear_links, remove, write_atomically
from ablate.store.reader import DamagedFileError, FileFormat, open_file
from ablate.store.schema import decode
from ablate.wording import error_summary

PARTS = ("train", "validation", "test")
LABEL_AXES = 2
"""Targets with more axes are masks, which take as much memory as images do."""


@dataclass(frozen=True, slots=True)
class _About:
    """What the arrays do not hold; see `Images`."""

    classes: tuple[str, ...]
    scale: float
    task: str


ABOUT = FileFormat(
    functools.partial(decode, kind=_About), "The study's command writes the images again."
)


def save(folder: Path, images: Images) -> None:
    """Write images to `<folder>/<fingerprint>/`, unless they are there already.

    Photographs are decoded once instead of once a worker, and a change of the user's files while a
    study trains does not affect the study.
    """
    path = folder / images.fingerprint
    if _is_saved(folder, images):
        return
    clear_links(path, below=folder.parent)
    remove(path)
    path.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        split = getattr(images, part)
        _save_array(path / f"{part}_x.npy", split.x)
        _save_array(path / f"{part}_y.npy", split.y)
    about = _About(images.classes, images.scale, images.task)
    write_atomically(path / "about.json", json.dumps(asdict(about)))


def _save_array(path: Path, array: NDArray[Any]) -> None:
    """Write what `numpy.save` writes, in bounded memory."""
    if not is_on_disk(array):
        np.save(path, array)
        return
    with path.open("wb") as file:
        write_array_header_1_0(file, header_data_from_array_1_0(array))
        for piece in pieces(array):
            piece.tofile(file)


def load(folder: Path, fingerprint: str, *, most_bytes: float = math.inf) -> Images:
    """The images that were saved; pixels are read when they are used, shared by all processes.

    Args:
        folder: Where they were saved.
        fingerprint: Their fingerprint.
        most_bytes: Where all of them are larger, pixels and masks are `numpy.memmap` arrays, of
            which an engine reads what it needs; otherwise it holds them in memory.

    Raises:
        OSError: A file is missing or cannot be read.
        DamagedFileError: A file holds something else.
        RequestError: The arrays are no images.
    """
    path = folder / fingerprint
    about = ABOUT.read(path / "about.json")
    x = [_load_array(path / f"{part}_x.npy") for part in PARTS]
    y = [_load_array(path / f"{part}_y.npy") for part in PARTS]
    held = np.asarray if sum(array.nbytes for array in x) <= most_bytes else np.asanyarray
    train, validation, test = (
        Split(held(images), held(targets) if targets.ndim > LABEL_AXES else np.array(targets))
        for images, targets in zip(x, y, strict=True)
    )
    return Images(
        train=train,
        validation=validation,
        test=test,
        classes=about.classes,
        scale=about.scale,
        task=about.task,
    )


def _load_array(path: Path) -> NDArray[Any]:
    """An array whose values are read when they are used: a header may claim any size."""
    os.close(open_file(path, os.O_RDONLY))
    try:
        return open_memmap(path, mode="r")
    except OSError:
        raise
    except Exception as error:  # NumPy raises many kinds for a damaged header
        raise DamagedFileError(path, error_summary(error), remedy=ABOUT.remedy) from None


def discard(folder: Path) -> None:
    """Remove saved images, once no run is left to train on them."""
    remove(folder)


def _is_saved(folder: Path, images: Images) -> bool:
    """Whether images are saved completely; a power failure can leave some of them."""
    try:
        saved = load(folder, images.fingerprint, most_bytes=0)
        return saved.fingerprint == images.fingerprint and saved.task == images.task
    except (OSError, DamagedFileError, RequestError):
        return False
