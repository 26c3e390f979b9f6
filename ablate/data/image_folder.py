"""Photographs of any size in a folder that holds a folder for each class."""

from __future__ import annotations

import difflib
import os
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray
from PIL import Image

from ablate.data.images import Unsplit
from ablate.data.photograph import FORMATS, BadImageError, read
from ablate.errors import RequestError
from ablate.fields import check_choice
from ablate.wording import escaped_name, first_few

SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}

FEWEST = 4
"""The fewest images of a class that give each part one image."""

POLICIES = ("fail", "skip")

IGNORED = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
"""Files that Windows and macOS create in folders, in addition to hidden files."""

NAMED = 5
"""How many bad files an error message names; `Unsplit.excluded` has all of them."""


def load(
    *, path: str, image_size: Sequence[int], on_bad: str = "fail", split_seed: int = 0
) -> Unsplit:
    """The photographs of a folder, resized to one size, in parts of 60, 20 and 20 % by class.

    Every file in a class folder is decoded before any training. It is either an image or a bad
    file: empty, truncated, not an image, of another format than its name says (a GIF named .jpg), a
    file that macOS adds (`._x.jpg`), CMYK, 16 bit, 1 bit, a palette, transparent or animated,
    larger than Pillow's limit of pixels, a link to a file outside the folder, or a folder in a
    class folder. Images outside class folders are bad too, and so is a class without a valid image.
    Hidden files and Thumbs.db are ignored. Damage that a decoder tolerates, such as a flipped bit
    in a JPEG, is not found. `ablate.data.photograph.read` describes how a file becomes pixels.

    Args:
        path: The folder; relative to the working directory. Its folders are the classes.
        image_size: Height and width in pixels to which each photograph is resized.
        on_bad: Refuse bad files (`fail`), or leave them out and list them in `excluded` (`skip`).
        split_seed: Seed of the three parts.

    Raises:
        RequestError: The folder or an argument is not as described, files are bad, or a class has
            too few images.
    """
    height, width = _size(image_size)
    check_choice(on_bad, "data.on_bad", choices=POLICIES)
    root = _existing(path)
    classes = _class_folders(root)
    bad = _misplaced(root, classes)
    files = [file for folder in classes for file in _entries(folder) if file not in bad]
    _check_memory(max(len(files), 1), height, width)
    x, broken = _decoded(files, height, width)
    bad |= broken
    valid = np.array([row for row, file in enumerate(files) if file not in bad], np.int64)
    counts = Counter(files[row].parent for row in valid)
    bad |= {folder: "no valid image" for folder in classes if not counts[folder]}
    excluded = tuple(escaped_name(f"{file.relative_to(root)}: {bad[file]}") for file in sorted(bad))
    if excluded and on_bad == "fail":
        raise RequestError(_refusal(excluded, path))
    kept = [folder for folder in classes if counts[folder]]
    _check_counts({folder: counts[folder] for folder in kept}, path)
    y = np.array([kept.index(files[row].parent) for row in valid], np.int64)
    return Unsplit(
        x=x if len(valid) == len(x) else x[valid],
        y=y,
        classes=tuple(escaped_name(folder.name) for folder in kept),
        scale=1 / 255,
        shares=SHARES,
        split_seed=split_seed,
        excluded=excluded,
    )


def _size(image_size: Sequence[int]) -> tuple[int, int]:
    sides = list(image_size) if isinstance(image_size, list | tuple) else []
    if len(sides) == 2 and all(type(side) is int and side >= 1 for side in sides):
        return sides[0], sides[1]
    raise RequestError(
        f"Expected data.image_size as height and width in whole pixels, such as [64,64]; "
        f"received {image_size!r}."
    )


def _existing(path: str) -> Path:
    """Return the folder, with links in its own path resolved."""
    if not isinstance(path, str) or not path:
        raise RequestError(f"Expected data.path to be the path of a folder; received {path!r}.")
    # os.path.isdir returns False for unreadable paths; Path.is_dir raises.
    folder = Path(os.path.expanduser(path))
    if os.path.isdir(folder):
        return folder.resolve()
    if os.path.exists(folder):
        hint = " For an archive, give data=npz." if folder.suffix == ".npz" else ""
        raise RequestError(
            f"Expected data.path to be a folder; {escaped_name(path)} is a file.{hint}"
        )
    siblings = _folders(folder.parent) if os.path.isdir(folder.parent) else []
    close = difflib.get_close_matches(folder.name, [item.name for item in siblings], n=1)
    hint = f" Did you mean {escaped_name(folder.parent / close[0])}?" if close else ""
    raise RequestError(f"Expected the folder {escaped_name(path)}; there is none.{hint}")


def _entries(folder: Path) -> list[Path]:
    """The entries of a folder, sorted by name: file systems list them in different orders."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise RequestError(
            f"Expected to read the folder {escaped_name(folder)}; {error.strerror}."
        ) from error
    return [
        folder / name
        for name in names
        if name.startswith("._") or not (name.startswith(".") or name.lower() in IGNORED)
    ]


def _folders(folder: Path) -> list[Path]:
    return [entry for entry in _entries(folder) if os.path.isdir(entry)]


def _class_folders(root: Path) -> list[Path]:
    """The folders of the classes: two or more, with a file in at least one.

    Raises:
        RequestError: There are none; the message names a folder that may have been meant.
    """
    folders = _folders(root)
    if len(folders) >= 2 and any(len(_entries(each)) > len(_folders(each)) for each in folders):
        return folders
    below = [folder for folder in folders if len(_folders(folder)) >= 2]
    above = [root.parent] if not folders and len(_folders(root.parent)) >= 2 else []
    close = (below or above)[:1]
    hint = f" Did you mean data.path={escaped_name(close[0])}?" if close else ""
    names = ", ".join(escaped_name(folder.name) for folder in folders[:NAMED]) or "none"
    raise RequestError(
        f"Expected a folder of images for each of two classes or more in {escaped_name(root)}; "
        f"its folders: {names}.{hint}"
    )


def _misplaced(root: Path, classes: Sequence[Path]) -> dict[Path, str]:
    """Entries that cannot be images because of their path or name, each with the reason."""
    bad = {
        entry: "an image outside the class folders"
        for entry in _entries(root)
        if entry.suffix.lower() in FORMATS and not os.path.isdir(entry)
    }
    for folder in classes:
        for entry in _entries(folder):
            reason = _path_fault(entry, root)
            if reason:
                bad[entry] = reason
    return bad


def _path_fault(entry: Path, root: Path) -> str | None:
    if entry.name.startswith("._"):
        return "a file that macOS adds to a folder"
    if not Path(os.path.realpath(entry)).is_relative_to(root):
        return "a link to a file outside the folder"
    if os.path.isdir(entry):
        return "a folder in a class folder"
    if not os.path.isfile(entry):  # opening a pipe would block
        return "not a readable file"
    if entry.suffix.lower() not in FORMATS:
        return f"its name ends in none of {', '.join(FORMATS)}"
    return None


def _check_memory(count: int, height: int, width: int) -> None:
    free = psutil.virtual_memory().available
    if 2 * count * height * width * 3 > free:  # twice: all images, then their parts
        raise RequestError(
            f"Expected images that fit twice into the {free / 1e9:.1f} GB of free memory; "
            f"received {count} of {height} x {width} pixels. Give a smaller data.image_size."
        )


def _decoded(
    files: Sequence[Path], height: int, width: int
) -> tuple[NDArray[np.uint8], dict[Path, str]]:
    """The pixels of each file, and for each bad file the reason."""
    x = np.zeros((len(files), height, width, 3), np.uint8)

    def fill(row: int) -> str | None:
        try:
            x[row] = read(files[row], height=height, width=width)
        except BadImageError as error:
            return str(error)
        return None

    Image.init()  # before the threads, or each of them would import the decoders
    with warnings.catch_warnings(), ThreadPoolExecutor(os.cpu_count()) as pool:
        # Pillow warns about odd metadata, which changes no pixel, and about bombs, which are bad.
        warnings.filterwarnings("ignore", module="PIL")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        reasons = list(pool.map(fill, range(len(files))))
    return x, {file: reason for file, reason in zip(files, reasons, strict=True) if reason}


def _refusal(excluded: Sequence[str], path: str) -> str:
    named = first_few(excluded, most=NAMED)
    return (
        f"Expected valid images in {escaped_name(path)}; {len(excluded)} bad: {named}. "
        f"Repair or remove them, or give data.on_bad=skip to leave them out of every run."
    )


def _check_counts(counts: Mapping[Path, int], path: str) -> None:
    found = ", ".join(f"{count} of {escaped_name(folder.name)}" for folder, count in counts.items())
    if len(counts) < 2 or min(counts.values()) < FEWEST:
        raise RequestError(
            f"Expected two classes or more with {FEWEST} valid images or more each in "
            f"{escaped_name(path)}; received {found or 'none'}."
        )
