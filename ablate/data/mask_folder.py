"""A user's photographs, each with a mask that gives every pixel a class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ablate.data.class_folders import NO_TEST_FOLDER
from ablate.data.folders import (
    check_folder,
    check_image_size,
    check_memory,
    count_texts,
    entries,
    is_text,
    path_fault,
    read_all,
    subfolders,
)
from ablate.data.images import Images, Split, Unsplit, byte_notes, byte_scale
from ablate.data.memory import DecodingMemory
from ablate.data.photograph import FORMATS, BadImageError, decoder_errors, read
from ablate.errors import RequestError
from ablate.fields import check_whole
from ablate.wording import escaped_name, first_few

VOID = 255
"""The target of a pixel without a class, as the task segmentation has it."""

TO_SPLIT = {"train": ("images", "masks")}
WITHOUT_TEST = {"train": ("train", "trainannot"), "test": ("val", "valannot")}
WITH_TEST = {
    "train": ("train", "trainannot"),
    "validation": ("val", "valannot"),
    "test": ("test", "testannot"),
}
"""The folders of images and masks of each part, for each layout of a data set."""

SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}
TRAIN_SHARES = {"train": 0.8, "validation": 0.2}

MASK_FORMATS = {".bmp": "BMP", ".png": "PNG"}
"""Formats that keep every value; others would change the class of pixels."""

ORIENTATION = 0x0112
"""The EXIF tag of a photograph's orientation; from 5 on, height and width are swapped."""

NAMED = 5
"""How many bad files an error message names."""


def load(
    *,
    path: str,
    image_size: Sequence[int],
    classes: Sequence[str] | int | None = None,
    void: int | None = None,
    label_offset: int = 0,
    split_seed: int = 0,
) -> Images | Unsplit:
    """Photographs with a mask each, resized to one size.

    The folder contains the folders `images` and `masks`, which are split into parts of 60, 20 and
    20 %; or `train`, `trainannot`, `val` and `valannot`, and possibly `test` and `testannot`.
    Without test images, the images of `val` are the test part, and a fifth of the images of `train`
    is the validation part. An image and its mask have the same size and the same name, apart from
    the extension.

    A mask is a PNG or BMP file with one value a pixel: grey, or the index of a colour in a palette.
    Images are resized bilinearly, as `ablate.data.photograph.read` describes, and masks by the
    nearest pixel. All files are read before any training.

    Args:
        path: The folder; relative to the working directory.
        image_size: Height and width in pixels to which images and masks are resized.
        classes: Names of the classes in the order of their values in a mask, or their number; None:
            all values that the masks contain.
        void: The value of pixels without a class; None: every pixel has a class.
        label_offset: The value of the first class.
        split_seed: Seed of the parts that are split.

    Raises:
        RequestError: The folder or an argument is not as described, or files are bad.
    """
    height, width = check_image_size(image_size)
    values = _MaskValues(_class_names(classes), void, label_offset)
    root = check_folder(path)
    layout = _layout(root)
    pairs = {part: _pairs(root, *folders) for part, folders in layout.items()}
    listed = [pair for each in pairs.values() for pair in each]
    check_memory(len(listed), height=height, width=width)
    x, masks, found = _decode(listed, root, height=height, width=width)
    names = values.class_names(found)
    y = values.targets(masks, len(names))
    ends = np.cumsum([len(each) for each in pairs.values()])[:-1]
    parts = dict(zip(pairs, map(Split, np.split(x, ends), np.split(y, ends)), strict=True))
    scale = byte_scale(x)
    without_test = (NO_TEST_FOLDER,) if layout is WITHOUT_TEST else ()
    known: dict[str, Any] = {
        "classes": names,
        "scale": scale,
        "notes": (*without_test, *byte_notes(x, scale)),
        "excluded": count_texts(_texts(root, layout.values()), root),
        "task": "segmentation",
    }
    if "validation" in parts:
        return Images(parts["train"], parts["validation"], parts["test"], **known)
    rest = parts.pop("train")
    shares = TRAIN_SHARES if parts else SHARES
    return Unsplit(rest.x, rest.y, shares=shares, split_seed=split_seed, fixed=parts, **known)


@dataclass(frozen=True, slots=True)
class _MaskValues:
    """What the values of a mask mean.

    Attributes:
        names: Names of the classes; None: as many as the masks contain, named by their index.
        void: The value of pixels without a class; None: there is none.
        offset: The value of the first class.
    """

    names: tuple[str, ...] | None
    void: int | None
    offset: int

    def __post_init__(self) -> None:
        check_whole(self.offset, "data.label_offset", least=0, below=2**8)
        if self.void is not None:
            check_whole(self.void, "data.void", least=0, below=2**8, otherwise="null")

    def class_names(self, found: Mapping[str, list[int]]) -> tuple[str, ...]:
        """The name of each class.

        Args:
            found: The values in each mask, by the name of its file.

        Raises:
            RequestError: A mask has a value that no class has.
        """
        names = self.names
        if names is None:
            values = [value for each in found.values() for value in each if value != self.void]
            names = _numbered(max(max(values, default=0) - self.offset + 1, 2))
        self._check(found, len(names))
        return names

    def _check(self, found: Mapping[str, list[int]], number: int) -> None:
        known = range(self.offset, self.offset + number)
        if self.void in known:
            raise RequestError(
                f"Expected data.void outside the values of the {number} classes, {known[0]} to "
                f"{known[-1]}; received {self.void}. See data.classes and data.label_offset."
            )
        bad = []
        for name, values in found.items():
            others = [value for value in values if value not in known and value != self.void]
            bad += [f"{name} has {others[0]}"] if others else []
        if bad:
            void = "" if self.void is None else f" or the void value {self.void}"
            raise RequestError(
                f"Expected mask values from {known[0]} to {known[-1]}{void}; {len(bad)} with "
                f"others: {first_few(bad, most=NAMED)}. See data.classes, data.void and "
                f"data.label_offset."
            )

    def targets(self, masks: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
        """The class index of every pixel, `VOID` where it has no class."""
        table = np.full(2**8, VOID, np.uint8)
        table[self.offset : self.offset + number] = np.arange(number)
        return table[masks]


def _class_names(classes: object) -> tuple[str, ...] | None:
    """The names that were given, or as many as were asked for; None if neither."""
    if classes is None:
        return None
    names = tuple(classes) if isinstance(classes, list | tuple) else ()
    if isinstance(classes, int) and not isinstance(classes, bool):
        names = _numbered(min(classes, VOID))
    words = all(isinstance(name, str) and name for name in names)
    if not 2 <= len(names) < VOID or not words or len(set(names)) < len(names):
        raise RequestError(
            f"Expected data.classes as two or more distinct names, their number from 2 to "
            f"{VOID - 1}, or null; received {classes!r}."
        )
    return names


def _numbered(classes: int) -> tuple[str, ...]:
    return tuple(str(index) for index in range(classes))


def _layout(root: Path) -> Mapping[str, tuple[str, str]]:
    """The folders of images and masks of each part that the data set fixes."""
    names = {folder.name for folder in subfolders(root)}
    for layout in (TO_SPLIT, WITH_TEST, WITHOUT_TEST):
        if {name for folders in layout.values() for name in folders} <= names:
            return layout
    found = ", ".join(escaped_name(name) for name in sorted(names)) or "none"
    raise RequestError(
        f"Expected the folders images and masks, or train, trainannot, val and valannot, in "
        f"{escaped_name(root)}; its folders: {found}."
    )


def _texts(root: Path, folders: Iterable[tuple[str, str]]) -> list[Path]:
    names = [name for pair in folders for name in pair]
    return [entry for name in names for entry in entries(root / name) if is_text(entry)]


def _pairs(root: Path, image_folder: str, mask_folder: str) -> list[tuple[Path, Path]]:
    """The images of a folder, each with its mask."""
    images = _by_stem(root, image_folder, extensions=FORMATS)
    masks = _by_stem(root, mask_folder, extensions=MASK_FORMATS)
    faults = [f"{escaped_name(images[stem].name)} has no mask" for stem in images.keys() - masks]
    faults += [f"{escaped_name(masks[stem].name)} has no image" for stem in masks.keys() - images]
    if faults or not images:
        raise RequestError(
            f"Expected an image in {image_folder} and a mask in {mask_folder} of each name; "
            f"{first_few(sorted(faults), most=NAMED) or 'there are none'}."
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
    _refuse(faults, root)
    return files


def _decode(
    pairs: Sequence[tuple[Path, Path]], root: Path, *, height: int, width: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], dict[str, list[int]]]:
    """The pixels of images and masks, and the values in each mask before it is resized."""
    x = np.zeros((len(pairs), height, width, 3), np.uint8)
    masks = np.zeros((len(pairs), height, width), np.uint8)
    found: list[list[int]] = [[]] * len(pairs)
    memory = DecodingMemory()

    def fill(row: int) -> None:
        image, mask = pairs[row]
        x[row] = read(image, height=height, width=width, memory=memory)
        try:
            size, found[row], masks[row] = _read_mask(mask, (width, height), memory)
        except BadImageError as error:
            raise BadImageError(f"its mask: {error}") from error
        if size != (expected := _upright_size(image)):
            raise BadImageError(f"its mask: {_size(size)} for an image of {_size(expected)}")

    _refuse(read_all([image for image, _ in pairs], fill), root)
    names = [escaped_name(mask.relative_to(root)) for _, mask in pairs]
    return x, masks, dict(zip(names, found, strict=True))


def _read_mask(
    file: Path, wanted: tuple[int, int], memory: DecodingMemory
) -> tuple[tuple[int, int], list[int], NDArray[np.uint8]]:
    """A mask with one value a pixel: its own size, its values, and its pixels in the wanted size.

    Sizes are width and height.
    """
    with decoder_errors(), Image.open(file, formats=sorted(MASK_FORMATS.values())) as mask:
        if mask.mode not in ("L", "P"):
            raise BadImageError(f"mode {mask.mode}, not grey of 8 bits or a palette")
        with memory.reserve(escaped_name(file), width=mask.width, height=mask.height):
            mask.load()
            values = np.flatnonzero(np.bincount(np.asarray(mask).ravel())).tolist()
            return mask.size, values, np.asarray(mask.resize(wanted, Image.Resampling.NEAREST))


def _upright_size(file: Path) -> tuple[int, int]:
    """Width and height of a photograph after the rotation that its EXIF orientation asks for."""
    with Image.open(file) as image:
        width, height = image.size
        swapped = image.getexif().get(ORIENTATION, 1) >= 5
    return (height, width) if swapped else (width, height)


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _refuse(faults: Mapping[Path, str], root: Path) -> None:
    if faults:
        named = [f"{file.relative_to(root)}: {faults[file]}" for file in sorted(faults)]
        raise RequestError(
            f"Expected valid images and masks in {escaped_name(root)}; {len(named)} bad: "
            f"{first_few([escaped_name(each) for each in named], most=NAMED)}. "
            f"Repair or remove them."
        )
