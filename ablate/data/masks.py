"""Images with a mask each: their pixels, and what the values of a mask mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ablate.data.folders import NAMED, name_within, read_all, refuse
from ablate.data.memory import DecodingMemory
from ablate.data.photograph import BadImageError, decoder_errors, read, upright_size
from ablate.data.stored import allocate, change, release, rows_at_once
from ablate.errors import RequestError
from ablate.fields import check_whole
from ablate.wording import escaped_name, first_few

VOID = 255
"""The target of a pixel without a class, as the task segmentation has it."""

MASK_FORMATS = {".bmp": "BMP", ".png": "PNG"}
"""Formats that keep every value; others would change the class of pixels."""

BLACK_AND_WHITE = frozenset({0, 255})
"""The values of a mask that any program shows in black and white."""
MANY_VALUES = 200
"""More values than a mask of classes has; ADE20K has 150 classes."""

Pair = tuple[Path, Path]
"""The files of an image and of its mask."""


@dataclass(frozen=True, slots=True)
class ImageReader:
    """How images are read.

    Attributes:
        pixels: Returns their pixels, as `ablate.data.photograph.read` does.
        size: Returns width and height that the mask of an image must have.
    """

    pixels: Callable[..., NDArray[np.uint8]]
    size: Callable[[Path], tuple[int, int]]


UPRIGHT = ImageReader(read, upright_size)
"""Photographs, rotated by their EXIF orientation."""


@dataclass(frozen=True, eq=False, slots=True)
class Masks:
    """The masks of a data set.

    Attributes:
        pixels: Their values in the wanted size, shape `(images, height, width)`.
        found: The values in each mask before it was resized, by the name of its file.
    """

    pixels: NDArray[np.uint8]
    found: Mapping[str, list[int]]

    @property
    def values(self) -> frozenset[int]:
        """The values in any mask."""
        return frozenset(value for each in self.found.values() for value in each)


@dataclass(frozen=True, slots=True)
class MaskValues:
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

    def targets(self, masks: Masks) -> tuple[NDArray[np.uint8], tuple[str, ...], tuple[str, ...]]:
        """The class index of every pixel, the names of the classes, and notes.

        A pixel without a class has the index `VOID`. The masks are changed to them in place, since
        both together may not fit into the memory.

        Raises:
            RequestError: A mask has a value that no class has.
        """
        table = np.full(2**8, VOID, np.uint8)
        if self._are_two_colours(masks):
            table[[0, 255]] = 0, 1
            note = "The masks hold 0 and 255 alone, which are read as the classes 0 and 1."
            targets = change(masks.pixels, lambda values: table[values])
            return targets, self.names or _numbered(2), (note,)
        names = self._class_names(masks)
        table[self.offset : self.offset + len(names)] = np.arange(len(names))
        targets = change(masks.pixels, lambda values: table[values])
        return targets, names, _value_notes(masks)

    def _are_two_colours(self, masks: Masks) -> bool:
        fits = self.names is None or len(self.names) == 2
        return fits and self.void is None and not self.offset and masks.values == BLACK_AND_WHITE

    def _class_names(self, masks: Masks) -> tuple[str, ...]:
        names = self.names
        if names is None:
            count = max(masks.values - {self.void}, default=0) - self.offset + 1
            if count > VOID:
                raise RequestError(
                    f"Expected masks with at most {VOID} classes; they contain "
                    f"{len(masks.values)} values up to 255. Give data.void=255 if it is the value "
                    f"of pixels without a class, or else data.classes."
                )
            names = _numbered(max(count, 2))
        self._check(masks.found, len(names))
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


def class_names(classes: object) -> tuple[str, ...] | None:
    """The names that were given, or as many as were asked for; None if neither.

    Raises:
        RequestError: They are neither names nor a number.
    """
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


def _value_notes(masks: Masks) -> tuple[str, ...]:
    """A note on masks that look like something else than indices of classes."""
    count = len(masks.values)
    if count <= MANY_VALUES:
        return ()
    return (
        f"The masks contain {count} different values, as noise, photographs and smoothed masks do: "
        f"check that they are indices of classes.",
    )


def decode(
    pairs: Sequence[Pair], root: Path, *, height: int, width: int, reader: ImageReader = UPRIGHT
) -> tuple[NDArray[np.uint8], Masks]:
    """The pixels of images and masks, resized.

    Images are resized bilinearly, as `ablate.data.photograph.read` describes, and masks by the
    nearest pixel.

    Args:
        pairs: The files.
        root: The folder of the data set.
        height: Height of the result in pixels.
        width: Its width in pixels.
        reader: How images are read.

    Raises:
        RequestError: Files are bad, or an image and its mask have different sizes.
    """
    x = allocate((len(pairs), height, width, 3), np.uint8)
    masks = allocate((len(pairs), height, width), np.uint8)
    found: list[list[int]] = [[]] * len(pairs)
    memory, step = DecodingMemory(), rows_at_once(x)

    def fill(row: int) -> None:
        if row % step == 0:
            release(x)
            release(masks)
        image, mask = pairs[row]
        x[row] = reader.pixels(image, height=height, width=width, memory=memory)
        try:
            size, found[row], masks[row] = _read_mask(mask, (width, height), memory)
        except BadImageError as error:
            raise BadImageError(f"its mask: {error}") from error
        if size != (expected := reader.size(image)):
            raise BadImageError(f"its mask: {_size(size)} for an image of {_size(expected)}")

    refuse(read_all([image for image, _ in pairs], fill), root)
    names = [name_within(mask, root) for _, mask in pairs]
    return x, Masks(masks, dict(zip(names, found, strict=True)))


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


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
