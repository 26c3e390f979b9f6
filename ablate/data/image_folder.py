"""Photographs of any size in a folder that holds a folder for each class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ablate.data.class_folders import Listing, list_photographs
from ablate.data.folders import (
    check_counts,
    check_folder,
    check_image_size,
    count_texts,
    read_photographs,
)
from ablate.data.images import Images, Split, Unsplit, byte_notes, byte_scale
from ablate.data.parts import in_parts
from ablate.data.stored import take
from ablate.errors import RequestError
from ablate.fields import check_choice
from ablate.wording import escaped_name, first_few

POLICIES = ("fail", "skip")

NAMED = 5
"""How many bad files an error message names; `Unsplit.excluded` has all of them."""


def load(
    *, path: str, image_size: Sequence[int], on_bad: str = "fail", split_seed: int = 0
) -> Images | Unsplit:
    """The photographs of a folder, resized to one size, in its own parts or in three by class.

    The folder holds a folder for each class, of which 60, 20 and 20 % are the parts; or `train`,
    `val` and `test` (also `training_set` and the like, in any case) with the same class folders in
    each. Without `val`, a fifth of `train` is the validation part; without `test`, the images of
    `val` are the test part, and a fifth of `train` is the validation part. Images in folders
    within a class folder belong to the class. Links to files and folders are followed.

    Every file in a class folder is decoded before any training. It is either an image or a bad
    file: empty, truncated, not an image, of another format than its name says (a GIF named .jpg), a
    file that macOS adds (`._x.jpg`), CMYK, 16 bit, 1 bit, a palette, transparent or animated, or
    larger than Pillow's limit of pixels. Images outside class folders are bad too, and so is a
    class without a valid image. Text files are counted and left out; hidden files and Thumbs.db are
    ignored. Damage that a decoder tolerates, such as a flipped bit in a JPEG, is not found.
    `ablate.data.photograph.read` describes how a file becomes pixels.

    Args:
        path: The folder; relative to the working directory.
        image_size: Height and width in pixels to which each photograph is resized.
        on_bad: Refuse bad files (`fail`), or leave them out and list them in `excluded` (`skip`).
        split_seed: Seed of the parts that the folder does not have.

    Raises:
        RequestError: The folder or an argument is not as described, files are bad, or a class has
            too few images.
    """
    height, width = check_image_size(image_size)
    check_choice(on_bad, "data.on_bad", choices=POLICIES)
    root = check_folder(path)
    listing = list_photographs(root, path)
    files = [photograph.file for photograph in listing.photographs]
    x, broken = read_photographs(files, height=height, width=width)
    rows = np.array([row for row, file in enumerate(files) if file not in broken], np.int64)
    excluded = _excluded(listing, root, broken=broken, path=path, skip=on_bad == "skip")
    counts = Counter(listing.photographs[row].label for row in rows)
    classes = [name for name in listing.classes if counts[name]]
    check_counts({name: counts[name] for name in classes}, path)
    y = np.array([classes.index(listing.photographs[row].label) for row in rows], np.int64)
    own = np.array([listing.photographs[row].part for row in rows])
    parts = {
        part or "train": Split(take(x, rows[own == part]), y[own == part]) for part in listing.parts
    }
    scale = byte_scale(*(each.x for each in parts.values()))
    known: dict[str, Any] = {
        "classes": tuple(map(escaped_name, classes)),
        "scale": scale,
        "excluded": excluded,
        "notes": (*listing.notes(root), *byte_notes(x, scale)),
    }
    return in_parts(parts, split_seed=split_seed, known=known)


def _excluded(
    listing: Listing, root: Path, *, broken: Mapping[Path, str], path: str, skip: bool
) -> tuple[str, ...]:
    """What is left out, each with the reason.

    Raises:
        RequestError: Files are bad, and they are not to be skipped.
    """
    bad = {**listing.bad, **broken}
    valid = {(item.part, item.label) for item in listing.photographs if item.file not in broken}
    bad |= {folder: "no valid image" for key, folder in listing.folders.items() if key not in valid}
    named = tuple(escaped_name(f"{file.relative_to(root)}: {bad[file]}") for file in sorted(bad))
    if named and not skip:
        shown = first_few(named, most=NAMED)
        skipped = ", or give data.on_bad=skip to leave them out of every run" if valid else ""
        raise RequestError(
            f"Expected valid images in {escaped_name(path)}; {len(named)} bad: {shown}. "
            f"Repair or remove them{skipped}."
        )
    return (*named, *count_texts(listing.texts, root))
