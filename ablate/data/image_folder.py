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
from ablate.data.photograph import FORMATS, UnsoundImageError, read
from ablate.errors import RequestError, nearest
from ablate.wording import escaped_name, first_few

SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}

FEWEST = 4
"""Images of a class that leave one for each part when they are cut at the shares."""

POLICIES = ("fail", "skip")

LITTER = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
"""What Windows and macOS leave in folders, besides hidden files."""

NAMED = 5
"""Bad files that a refusal names; `Images.excluded` has them all."""


def load(
    *, path: str, image_size: Sequence[int], on_bad: str = "fail", split_seed: int = 0
) -> Unsplit:
    """The photographs of a folder, resized to one size, in parts of 60, 20 and 20 % by class.

    Every file in a class folder is decoded before any training. It becomes an image, or it is bad:
    empty, truncated, no image, a format other than its name says (a GIF named .jpg), what macOS
    leaves beside files (`._x.jpg`), CMYK, 16 bit, 1 bit, a palette, transparent or animated, larger
    than Pillow's limit of pixels, a link that leads out of the folder, or a folder within a class.
    Images in no class folder are bad too, and so is a class without a sound image. Hidden files and
    Thumbs.db are passed over. Damage that a decoder tolerates, such as a flipped bit in a JPEG,
    goes unseen. `ablate.data.photograph.read` says how a file becomes pixels.

    Args:
        path: The folder; relative to the working directory. Its folders are the classes.
        image_size: Height and width in pixels that each photograph is resized to.
        on_bad: Refuse bad files (`fail`), or leave them out and name them in `excluded` (`skip`).
        split_seed: Seed of the three parts.

    Raises:
        RequestError: The folder or an argument is not what it should be, files are bad, or a class
            has too few images.
    """
    height, width = _size(image_size)
    if on_bad not in POLICIES:
        raise RequestError(f"Unknown data.on_bad {on_bad!r}.{nearest(str(on_bad), POLICIES)}")
    root = _existing(path)
    classes = _class_folders(root)
    bad = _misplaced(root, classes)
    files = [file for folder in classes for file in _entries(folder) if file not in bad]
    _check_memory(max(len(files), 1), height, width)
    x, broken = _decoded(files, height, width)
    bad |= broken
    sound = np.array([row for row, file in enumerate(files) if file not in bad], np.int64)
    counts = Counter(files[row].parent for row in sound)
    bad |= {folder: "no sound image" for folder in classes if not counts[folder]}
    excluded = tuple(escaped_name(f"{file.relative_to(root)}: {bad[file]}") for file in sorted(bad))
    if excluded and on_bad == "fail":
        raise RequestError(_refusal(excluded, path))
    kept = [folder for folder in classes if counts[folder]]
    _check_counts({folder: counts[folder] for folder in kept}, path)
    y = np.array([kept.index(files[row].parent) for row in sound], np.int64)
    return Unsplit(
        x=x if len(sound) == len(x) else x[sound],
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
    """The folder, with links in its own path followed."""
    if not isinstance(path, str) or not path:
        raise RequestError(f"Expected data.path to be the path of a folder; received {path!r}.")
    # The functions of os.path call what cannot be looked at absent; those of pathlib raise.
    folder = Path(os.path.expanduser(path))
    if os.path.isdir(folder):
        return folder.resolve()
    if os.path.exists(folder):
        hint = " For an archive, give data=npz." if folder.suffix == ".npz" else ""
        raise RequestError(
            f"Expected data.path to be a folder; {escaped_name(path)} is a file.{hint}"
        )
    beside = _folders(folder.parent) if os.path.isdir(folder.parent) else []
    close = difflib.get_close_matches(folder.name, [item.name for item in beside], n=1)
    hint = f" Did you mean {escaped_name(folder.parent / close[0])}?" if close else ""
    raise RequestError(f"Expected the folder {escaped_name(path)}; there is none.{hint}")


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder, by name, so that no order of a file system matters."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise RequestError(
            f"Expected to read the folder {escaped_name(folder)}; {error.strerror}."
        ) from error
    return [
        folder / name
        for name in names
        if name.startswith("._") or not (name.startswith(".") or name.lower() in LITTER)
    ]


def _folders(folder: Path) -> list[Path]:
    return [entry for entry in _entries(folder) if os.path.isdir(entry)]


def _class_folders(root: Path) -> list[Path]:
    """The folders of the classes, two or more, at least one of which holds a file.

    Raises:
        RequestError: There are none; says where they may be instead.
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
    """What cannot be an image by its place or its name, and why."""
    bad = {
        entry: "an image in no class folder"
        for entry in _entries(root)
        if entry.suffix.lower() in FORMATS and not os.path.isdir(entry)
    }
    for folder in classes:
        for entry in _entries(folder):
            reason = _out_of_place(entry, root)
            if reason:
                bad[entry] = reason
    return bad


def _out_of_place(entry: Path, root: Path) -> str | None:
    if entry.name.startswith("._"):
        return "what macOS leaves beside a file"
    if not Path(os.path.realpath(entry)).is_relative_to(root):
        return "a link that leads out of the folder"
    if os.path.isdir(entry):
        return "a folder within a class"
    if not os.path.isfile(entry):  # opening a pipe would wait for ever
        return "no file that can be read"
    if entry.suffix.lower() not in FORMATS:
        return f"its name ends in none of {', '.join(FORMATS)}"
    return None


def _check_memory(count: int, height: int, width: int) -> None:
    free = psutil.virtual_memory().available
    if 2 * count * height * width * 3 > free:  # twice: whole, and in parts
        raise RequestError(
            f"Expected images that fit twice into the {free / 1e9:.1f} GB of memory that are free; "
            f"received {count} of {height} x {width} pixels. Give a smaller data.image_size."
        )


def _decoded(
    files: Sequence[Path], height: int, width: int
) -> tuple[NDArray[np.uint8], dict[Path, str]]:
    """A row of pixels for each file, and why some files have none."""
    x = np.zeros((len(files), height, width, 3), np.uint8)

    def fill(row: int) -> str | None:
        try:
            x[row] = read(files[row], height=height, width=width)
        except UnsoundImageError as error:
            return str(error)
        return None

    Image.init()  # before the threads, which would each begin to import the decoders
    with warnings.catch_warnings(), ThreadPoolExecutor(os.cpu_count()) as pool:
        # Pillow warns of odd metadata, which no pixel depends on, and of bombs, which are bad.
        warnings.filterwarnings("ignore", module="PIL")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        reasons = list(pool.map(fill, range(len(files))))
    return x, {file: reason for file, reason in zip(files, reasons, strict=True) if reason}


def _refusal(excluded: Sequence[str], path: str) -> str:
    named = first_few(excluded, most=NAMED)
    return (
        f"Expected sound images in {escaped_name(path)}; {len(excluded)} bad: {named}. "
        f"Repair or remove them, or give data.on_bad=skip to leave them out of every run."
    )


def _check_counts(counts: Mapping[Path, int], path: str) -> None:
    found = ", ".join(f"{count} of {escaped_name(folder.name)}" for folder, count in counts.items())
    if len(counts) < 2 or min(counts.values()) < FEWEST:
        raise RequestError(
            f"Expected two classes or more with {FEWEST} sound images or more each in "
            f"{escaped_name(path)}; received {found or 'none'}."
        )
