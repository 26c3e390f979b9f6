"""One photograph: its pixels, or what is wrong with its file."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from ablate.data.memory import DecodingMemory
from ablate.errors import RequestError
from ablate.wording import escaped_name, one_line

FORMATS = {
    ".bmp": "BMP",
    ".jfif": "JPEG",
    ".jpeg": "JPEG",
    ".jpg": "JPEG",
    ".pgm": "PPM",
    ".png": "PNG",
    ".ppm": "PPM",
    ".webp": "WEBP",
}
"""The format that a file must have, by the extension of its name."""

RECOGNISED = (*sorted(set(FORMATS.values())), "GIF", "TIFF")
"""The decoders that may read a file; GIF and TIFF only to name the format of a misnamed file."""

MODES = ("RGB", "L", "RGBA", "LA")
"""Pillow's names for pixels that have exactly one conversion to RGB with 8 bits."""

FAULTS = {"CMYK": "CMYK colours", "P": "a palette", "PA": "a palette", "1": "1 bit"}
"""Words for some other modes; the names of Pillow's modes with 16 bits all begin with I."""


ORIENTATION = 0x0112
"""The EXIF tag of a photograph's orientation; from 5 on, height and width are swapped."""


class BadImageError(Exception):
    """A file that is damaged or not what its name says; the message gives the reason."""


def read(
    file: Path,
    *,
    height: int,
    width: int,
    memory: DecodingMemory | None = None,
    upright: bool = True,
) -> NDArray[np.uint8]:
    """The pixels of a photograph, shape `(height, width, 3)`.

    The photograph is rotated by its EXIF orientation, grey is repeated into three channels, an
    alpha channel is dropped if every pixel is opaque, and the whole picture is resized bilinearly
    to the given size, without keeping its proportions; where it shrinks, each new pixel is the mean
    of the old pixels that it covers. Colour profiles are not applied. The result depends on the
    version of Pillow: 12.0 and 13.0 differ by one grey value in 1 of 600 values.

    Args:
        file: The file.
        height: Height of the result in pixels.
        width: Its width in pixels.
        memory: What several threads share that read at the same time; None for a file alone.
        upright: Whether the photograph is rotated by its EXIF orientation.

    Raises:
        BadImageError: The file is not a photograph that can be read in this way.
        RequestError: The memory is too small to decode it.
    """
    memory = DecodingMemory() if memory is None else memory
    with decoder_errors():
        if file.stat().st_size == 0:
            raise BadImageError("empty")
        with Image.open(file, formats=RECOGNISED) as image:
            _check(image, file)
            with memory.reserve(escaped_name(file), width=image.width, height=image.height):
                image.load()
                _check_opaque(image)
                shown = ImageOps.exif_transpose(image) if upright else image
                resized = shown.convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
                return np.asarray(resized)


def upright_size(file: Path) -> tuple[int, int]:
    """Width and height of a photograph after the rotation that its EXIF orientation asks for."""
    with Image.open(file) as image:
        width, height = image.size
        swapped = image.getexif().get(ORIENTATION, 1) >= 5
    return (height, width) if swapped else (width, height)


@contextlib.contextmanager
def decoder_errors() -> Iterator[None]:
    """Turn what a decoder raises into a `BadImageError` with the reason in a few words."""
    try:
        yield
    except (BadImageError, RequestError):
        raise
    except UnidentifiedImageError as error:
        raise BadImageError("not an image, or truncated in its header") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadImageError(f"more than {Image.MAX_IMAGE_PIXELS} pixels") from error
    except Exception as error:  # decoders raise any exception on bytes that make no sense
        reason = one_line(getattr(error, "strerror", None) or error)
        raise BadImageError(
            "truncated" if "truncated" in reason.lower() else f"damaged, {reason}"
        ) from error


def _check(image: Image.Image, file: Path) -> None:
    """Refuse what the header shows to be wrong, before any pixel is decoded."""
    # Phones add further pictures to a JPEG, which Pillow then calls MPO; only the first counts.
    found = "JPEG" if image.format == "MPO" else image.format
    if found != FORMATS[file.suffix.lower()]:
        raise BadImageError(f"a {found} named {file.suffix}")
    if image.mode.startswith("I"):
        raise BadImageError("16 bit")
    if image.mode not in MODES:
        raise BadImageError(FAULTS.get(image.mode, f"colours of mode {image.mode}"))
    if found in DEPTHS and DEPTHS[found](file) > 8:
        raise BadImageError("16 bit")
    if found != "JPEG" and getattr(image, "is_animated", False):
        raise BadImageError("animated")


def _png_depth(file: Path) -> int:
    """Bits a channel."""
    with file.open("rb") as stream:
        return stream.read(25)[24]


def _ppm_depth(file: Path) -> int:
    """Bits a channel, from the largest value, the third number of the header."""
    with file.open("rb") as stream:
        header = re.sub(rb"#[^\r\n]*", b"", stream.read(MOST_HEADER_BYTES))
    return int(header.split(maxsplit=4)[3]).bit_length()


DEPTHS = {"PNG": _png_depth, "PPM": _ppm_depth}
"""Formats whose 16 bits Pillow reduces to 8 without a warning, with what reads the bits."""
MOST_HEADER_BYTES = 4096


def _check_opaque(image: Image.Image) -> None:
    """Refuse transparent pixels: their colour is not defined."""
    least = image.getchannel("A").getextrema()[0] if "A" in image.getbands() else 255
    if least != 255 or "transparency" in image.info:
        raise BadImageError("transparent pixels")
