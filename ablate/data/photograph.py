"""One photograph: read from its file into pixels, or told what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from ablate.wording import one_line

FORMATS = {".bmp": "BMP", ".jpeg": "JPEG", ".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP"}
"""What a file has to be by the ending of its name."""

RECOGNISED = (*sorted(set(FORMATS.values())), "GIF", "TIFF")
"""The decoders that may see a file; GIF and TIFF so that a disguised one can be called by name."""

MODES = ("RGB", "L", "RGBA", "LA")
"""Pixels that become RGB of 8 bits without a choice, as Pillow calls them."""

FAULTS = {"CMYK": "CMYK colours", "P": "a palette", "PA": "a palette", "1": "1 bit"}
"""What some other modes are in words; Pillow has several for 16 bit, all of which begin with I."""


class UnsoundImageError(Exception):
    """A file that is broken or not what it seems; the message says why in a few words."""


def read(file: Path, *, height: int, width: int) -> NDArray[np.uint8]:
    """The pixels of a photograph, shape `(height, width, 3)`.

    It is turned upright as its EXIF orientation says, grey is repeated into the three channels,
    an alpha channel is dropped where every pixel is opaque, and the whole picture is resized to
    the given size whatever its proportions, bilinearly; where it shrinks, each new pixel averages
    all the old ones under it. Colour profiles are not applied. One version of Pillow gives one
    result; another may differ by a grey value here and there (12.0 and 13.0 do, in 1 of 600).

    Raises:
        UnsoundImageError: The file is no such photograph.
    """
    try:
        if file.stat().st_size == 0:
            raise UnsoundImageError("empty")
        with Image.open(file, formats=RECOGNISED) as image:
            _check(image, file)
            image.load()
            _check_opaque(image)
            upright = ImageOps.exif_transpose(image).convert("RGB")
            return np.asarray(upright.resize((width, height), Image.Resampling.BILINEAR))
    except UnsoundImageError:
        raise
    except UnidentifiedImageError as error:
        raise UnsoundImageError("no image, or cut short in its header") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnsoundImageError(f"more than {Image.MAX_IMAGE_PIXELS} pixels") from error
    except Exception as error:  # decoders raise whatever they like on bytes that make no sense
        reason = one_line(getattr(error, "strerror", None) or error)
        raise UnsoundImageError(
            "truncated" if "truncated" in reason.lower() else f"broken, {reason}"
        ) from error


def _check(image: Image.Image, file: Path) -> None:
    """Refuses what the header gives away, before any pixel is decoded."""
    # Phones add further pictures to a JPEG, which Pillow then calls MPO; the first is the picture.
    found = "JPEG" if image.format == "MPO" else image.format
    if found != FORMATS[file.suffix.lower()]:
        raise UnsoundImageError(f"a {found} named {file.suffix}")
    if image.mode.startswith("I") or (found == "PNG" and _png_depth(file) == 16):
        raise UnsoundImageError("16 bit")
    if image.mode not in MODES:
        raise UnsoundImageError(FAULTS.get(image.mode, f"colours of mode {image.mode}"))
    if found != "JPEG" and getattr(image, "is_animated", False):
        raise UnsoundImageError("animated")


def _png_depth(file: Path) -> int:
    """Bits a channel; Pillow shortens 16 to 8 in colour images and does not say so."""
    with file.open("rb") as stream:
        return stream.read(25)[24]


def _check_opaque(image: Image.Image) -> None:
    """Refuses transparent pixels: what colour is seen there is anyone's choice."""
    least = image.getchannel("A").getextrema()[0] if "A" in image.getbands() else 255
    if least != 255 or "transparency" in image.info:
        raise UnsoundImageError("transparent pixels")
