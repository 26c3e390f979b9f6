"""The Oxford-IIIT pets: photographs of cats and dogs, with a trimap each."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ablate.data import photograph
from ablate.data.archive import extract
from ablate.data.download import Archive, fetch
from ablate.data.folders import NAMED, check_folder, check_image_size, name_within
from ablate.data.images import Images, Split, Unsplit, byte_scale
from ablate.data.masks import ImageReader, MaskValues, Pair, decode
from ablate.data.memory import DecodingMemory
from ablate.data.parts import in_parts
from ablate.data.photograph import decoder_errors
from ablate.errors import RequestError
from ablate.fields import check_flag, check_text
from ablate.wording import escaped_name, first_few

ARCHIVES = (
    Archive(
        "https://thor.robots.ox.ac.uk/~vgg/data/pets/annotations.tar.gz",
        19_173_078,
        "52425fb6de5c424942b7626b428656fcbd798db970a937df61750c0f1d358e91",
    ),
    Archive(
        "https://thor.robots.ox.ac.uk/~vgg/data/pets/images.tar.gz",
        791_918_971,
        "67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d",
    ),
)
"""What is downloaded.

Source: checksums.tsv of TensorFlow Datasets' oxford_iiit_pet, version 4.0.0,
https://github.com/tensorflow/datasets/pull/5349.
"""
MOST_BYTES_PER_BYTE = 10
"""How many bytes an archive may hold for each of its own; JPEG and PNG hardly shrink."""

CLASSES = ("pet", "background", "border")
"""The classes of the values 1, 2 and 3 of a trimap."""

MISNAMED = {
    **dict.fromkeys(
        ("Abyssinian_5", "Egyptian_Mau_14", "Egyptian_Mau_156", "Egyptian_Mau_186"), "PNG"
    ),
    "Abyssinian_34": "GIF",
    **{f"Egyptian_Mau_{number}": "GIF" for number in (139, 145, 167, 177, 191)},
}
"""Files called .jpg of another format, which are read as what they are.

Source: https://github.com/tensorflow/models/issues/2194; TensorFlow Datasets lists the same files.
"""
CORRUPT = ("beagle_116", "chihuahua_121")
"""Damaged JPEG files, which are left out: what a decoder makes of them depends on the decoder.

Source: https://github.com/tensorflow/models/issues/2194; TensorFlow Datasets lists the same files.
"""

LISTS = {"train": "trainval.txt", "test": "test.txt"}
"""The list of the images of each part."""


def load(
    *, path: str, image_size: Sequence[int], download: bool = False, split_seed: int = 0
) -> Images | Unsplit:
    """The pets with their trimaps, resized to one size.

    The images of `annotations/test.txt` are the test part, and a fifth of those of
    `annotations/trainval.txt` is the validation part. Images are resized bilinearly and trimaps by
    the nearest pixel. No image is rotated by its EXIF orientation, because trimaps belong to the
    pixels as they are stored.

    Args:
        path: The folder with the folders `images` and `annotations`, as published; relative to the
            working directory.
        image_size: Height and width in pixels to which images and trimaps are resized.
        download: Download what the folder lacks.
        split_seed: Seed of the validation part.

    Raises:
        RequestError: Files are missing or bad, or cannot be downloaded.

    Source: Parkhi et al., Cats and dogs, 2012, https://www.robots.ox.ac.uk/~vgg/data/pets.
    """
    height, width = check_image_size(image_size)
    if check_flag(download, "data.download"):
        _download(Path(os.path.expanduser(check_text(path, "data.path"))))
    root = check_folder(path)
    _check_folders(root, path)
    names = {part: _listed(root / "annotations" / file) for part, file in LISTS.items()}
    pairs = [_pair(root, name) for each in names.values() for name in each]
    _refuse_missing(pairs, root)
    x, trimaps = decode(pairs, root, height=height, width=width, reader=ImageReader(_read, _size))
    y, classes, _ = MaskValues(CLASSES, void=None, offset=1).targets(trimaps)
    end = len(names["train"])
    parts = {"train": Split(x[:end], y[:end]), "test": Split(x[end:], y[end:])}
    known: dict[str, Any] = {
        "classes": classes,
        "scale": byte_scale(x),
        "excluded": tuple(f"images/{name}.jpg: known to be damaged" for name in CORRUPT),
        "task": "segmentation",
    }
    return in_parts(parts, split_seed=split_seed, known=known)


def _download(folder: Path) -> None:
    """Download and extract what a folder lacks; an archive is removed once it is extracted."""
    missing = [each for each in ARCHIVES if not os.path.isdir(folder / each.name.partition(".")[0])]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(
            f"Expected to make the folder {escaped_name(folder)}; {error.strerror}."
        ) from error
    for archive in missing:
        file = fetch(archive, folder)
        extract(file, folder, most_bytes=MOST_BYTES_PER_BYTE * archive.size)
        file.unlink()


def _check_folders(root: Path, path: str) -> None:
    needed = ("images", "annotations/trimaps", *(f"annotations/{each}" for each in LISTS.values()))
    if missing := [name for name in needed if not os.path.exists(root / name)]:
        raise RequestError(
            f"Expected images and annotations of the Oxford-IIIT pets, extracted, in "
            f"{escaped_name(path)}; there is no {missing[0]}. data.download=true downloads them "
            f"({sum(each.size for each in ARCHIVES) / 1e6:.0f} MB)."
        )


def _listed(file: Path) -> list[str]:
    """The names of the images in a list, without those that are known to be damaged."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"Expected to read {escaped_name(file)}; {error}.") from error
    names = [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]
    for name in names:
        if not re.fullmatch(r"\w+_\d+", name):
            raise RequestError(
                f"Expected names such as Abyssinian_1 in {escaped_name(file)}; received {name!r}."
            )
    if not names:
        raise RequestError(f"Expected names of images in {escaped_name(file)}; there are none.")
    return [name for name in names if name not in CORRUPT]


def _pair(root: Path, name: str) -> Pair:
    return root / "images" / f"{name}.jpg", root / "annotations" / "trimaps" / f"{name}.png"


def _refuse_missing(pairs: Sequence[Pair], root: Path) -> None:
    missing = [file for pair in pairs for file in pair if not os.path.isfile(file)]
    if missing:
        names = [name_within(file, root) for file in missing]
        raise RequestError(
            f"Expected every image of the lists in {escaped_name(root)} with its trimap; "
            f"{len(names)} missing: {first_few(names, most=NAMED)}."
        )


def _read(file: Path, *, height: int, width: int, memory: DecodingMemory) -> NDArray[np.uint8]:
    """The pixels of an image; of a file with an animation or an alpha channel, the colours."""
    known = MISNAMED.get(file.stem)
    if known is None:
        return photograph.read(file, height=height, width=width, memory=memory, upright=False)
    with decoder_errors(), Image.open(file, formats=(known, "JPEG")) as image:
        width_now, height_now = image.size
        with memory.reserve(escaped_name(file), width=width_now, height=height_now):
            pixels = image.convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(pixels)


def _size(file: Path) -> tuple[int, int]:
    with Image.open(file) as image:
        return image.size
