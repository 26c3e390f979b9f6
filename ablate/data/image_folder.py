"""Photographs of any size in a folder that holds a folder for each class."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ablate.data.folders import (
    check_folder,
    check_image_size,
    check_memory,
    entries,
    path_fault,
    read_all,
    subfolders,
)
from ablate.data.images import Unsplit
from ablate.data.memory import DecodingMemory
from ablate.data.photograph import FORMATS, read
from ablate.errors import RequestError
from ablate.fields import check_choice
from ablate.wording import escaped_name, first_few

SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}

FEWEST = 4
"""The fewest images of a class that give each part one image."""

POLICIES = ("fail", "skip")

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
    height, width = check_image_size(image_size)
    check_choice(on_bad, "data.on_bad", choices=POLICIES)
    root = check_folder(path)
    classes = _class_folders(root)
    bad = _misplaced(root, classes)
    files = [file for folder in classes for file in entries(folder) if file not in bad]
    check_memory(max(len(files), 1), height=height, width=width)
    x, broken = _decode(files, height, width)
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


def _class_folders(root: Path) -> list[Path]:
    """The folders of the classes: two or more, with a file in at least one.

    Raises:
        RequestError: There are none; the message names a folder that may have been meant.
    """
    folders = subfolders(root)
    if len(folders) >= 2 and any(len(entries(each)) > len(subfolders(each)) for each in folders):
        return folders
    below = [folder for folder in folders if len(subfolders(folder)) >= 2]
    above = [root.parent] if not folders and len(subfolders(root.parent)) >= 2 else []
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
        for entry in entries(root)
        if entry.suffix.lower() in FORMATS and not os.path.isdir(entry)
    }
    for folder in classes:
        for entry in entries(folder):
            reason = path_fault(entry, root, extensions=FORMATS)
            if reason:
                bad[entry] = reason
    return bad


def _decode(
    files: Sequence[Path], height: int, width: int
) -> tuple[NDArray[np.uint8], dict[Path, str]]:
    """The pixels of each file, and for each bad file the reason."""
    x = np.zeros((len(files), height, width, 3), np.uint8)
    memory = DecodingMemory()

    def fill(row: int) -> None:
        x[row] = read(files[row], height=height, width=width, memory=memory)

    return x, read_all(files, fill)


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
