"""A user's photographs, each with a mask that gives every pixel a class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ablate.data.folders import (
    NAMED,
    check_folder,
    check_image_size,
    count_texts,
    entries,
    is_text,
    path_fault,
    refuse,
    subfolders,
)
from ablate.data.images import Images, Split, Unsplit, byte_notes, byte_scale
from ablate.data.masks import MASK_FORMATS, MaskValues, Pair, class_names, decode
from ablate.data.parts import NO_TEST_FOLDER, in_parts
from ablate.data.photograph import FORMATS
from ablate.errors import RequestError
from ablate.fields import check_text
from ablate.wording import escaped_name, first_few

PARTS = {
    "train": ("train", "trainannot"),
    "validation": ("val", "valannot"),
    "test": ("test", "testannot"),
}
"""The folders of images and masks of each part, of which a data set may have only some."""

Layout = Mapping[str, tuple[str, str]]
"""The folders of images and masks of each part."""


def load(  # noqa: PLR0913 - one keyword a key of conf/data/mask_folder.yaml
    *,
    path: str,
    image_size: Sequence[int],
    images: str = "images",
    masks: str = "masks",
    classes: Sequence[str] | int | None = None,
    void: int | None = None,
    label_offset: int = 0,
    split_seed: int = 0,
) -> Images | Unsplit:
    """Photographs with a mask each, resized to one size.

    The folder contains a folder of images and one of masks, which are split into parts of 60, 20
    and 20 %; or `train` and `trainannot`, and possibly `val`, `valannot`, `test` and `testannot`.
    Without test images, the images of `val` are the test part, and a fifth of the images of `train`
    is the validation part. An image and its mask have the same size and the same name, apart from
    the extension.

    A mask is a PNG or BMP file with one value a pixel: grey, or the index of a colour in a palette.
    Masks that hold 0 and 255 alone have two classes. Images are resized bilinearly, as
    `ablate.data.photograph.read` describes, and masks by the nearest pixel. All files are read
    before any training.

    Args:
        path: The folder; relative to the working directory.
        image_size: Height and width in pixels to which images and masks are resized.
        images: The folder of images in it, unless it has parts.
        masks: The folder of masks in it, unless it has parts.
        classes: Names of the classes in the order of their values in a mask, or their number; None:
            all values that the masks contain.
        void: The value of pixels without a class; None: every pixel has a class.
        label_offset: The value of the first class.
        split_seed: Seed of the parts that are split.

    Raises:
        RequestError: The folder or an argument is not as described, or files are bad.
    """
    height, width = check_image_size(image_size)
    values = MaskValues(class_names(classes), void, label_offset)
    root = check_folder(path)
    layout = _layout(root, (check_text(images, "data.images"), check_text(masks, "data.masks")))
    pairs = {part: _pairs(root, *folders) for part, folders in layout.items()}
    listed = [pair for each in pairs.values() for pair in each]
    x, found = decode(listed, root, height=height, width=width)
    y, names, notes = values.targets(found)
    ends = np.cumsum([len(each) for each in pairs.values()])[:-1]
    parts = dict(zip(pairs, map(Split, np.split(x, ends), np.split(y, ends)), strict=True))
    scale = byte_scale(x)
    known: dict[str, Any] = {
        "classes": names,
        "scale": scale,
        "notes": (*_part_notes(layout), *notes, *byte_notes(x, scale)),
        "excluded": count_texts(_texts(root, layout.values()), root),
        "task": "segmentation",
    }
    return in_parts(parts, split_seed=split_seed, known=known)


def _layout(root: Path, two: tuple[str, str]) -> Layout:
    """The folders of images and masks of each part that the data set fixes.

    Args:
        root: The folder of the data set.
        two: The folders of images and masks of a data set without parts.
    """
    names = {folder.name for folder in subfolders(root)}
    if set(two) <= names:
        return {"train": two}
    parts = {part: folders for part, folders in PARTS.items() if set(folders) & names}
    for folders in parts.values():
        if missing := sorted(set(folders) - names):
            (there,) = set(folders) & names
            raise RequestError(
                f"Expected the folder {missing[0]} next to {there} in {escaped_name(root)}; there "
                f"is none."
            )
    if "train" in parts:
        return parts
    found = ", ".join(escaped_name(name) for name in sorted(names)) or "none"
    raise RequestError(
        f"Expected the folders {two[0]} and {two[1]}, or train and trainannot, in "
        f"{escaped_name(root)}; its folders: {found}. Give data.images and data.masks if they are "
        f"called otherwise."
    )


def _part_notes(layout: Layout) -> tuple[str, ...]:
    return (NO_TEST_FOLDER,) if "validation" in layout and "test" not in layout else ()


def _texts(root: Path, folders: Iterable[tuple[str, str]]) -> list[Path]:
    names = [name for pair in folders for name in pair]
    return [entry for name in names for entry in entries(root / name) if is_text(entry)]


def _pairs(root: Path, image_folder: str, mask_folder: str) -> list[Pair]:
    """The images of a folder, each with its mask."""
    images = _by_stem(root, image_folder, extensions=FORMATS)
    masks = _by_stem(root, mask_folder, extensions=MASK_FORMATS)
    faults = [f"{escaped_name(images[stem].name)} has no mask" for stem in images.keys() - masks]
    faults += [f"{escaped_name(masks[stem].name)} has no image" for stem in masks.keys() - images]
    if faults or not images:
        raise RequestError(
            f"Expected an image in {image_folder} and a mask in {mask_folder} of each name; "
            f"received {len(images)} images and {len(masks)} masks"
            f"{''.join(f': {first_few(sorted(faults), most=NAMED)}' for _ in faults[:1])}."
        )
    return [(images[stem], masks[stem]) for stem in sorted(images)]


def _by_stem(root: Path, folder: str, *, extensions: Mapping[str, str]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    faults: dict[Path, str] = {}
    for entry in entries(root / folder):
        if is_text(entry):
            continue
        if fault := path_fault(entry, extensions=extensions):
            faults[entry] = fault
        elif entry.stem in files:
            faults[entry] = f"the same name as {files[entry.stem].name}"
        else:
            files[entry.stem] = entry
    refuse(faults, root)
    return files
