"""The images of a plan, frozen beside it, so that every worker reads the same arrays at once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from ablate.data.images import Images, Split
from ablate.store.disk import write_atomically

PARTS = ("train", "validation", "test")


def freeze(folder: Path, images: Images) -> None:
    """Write images to `<folder>/<fingerprint>/`, unless they are there already.

    Photographs are decoded once and not in every worker, and what happens to the user's files while
    a study trains does not reach it.
    """
    place = folder / images.fingerprint
    if _is_frozen(folder, images):
        return
    place.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        split = getattr(images, part)
        np.save(place / f"{part}_x.npy", split.x)
        np.save(place / f"{part}_y.npy", split.y)
    about = {"classes": list(images.classes), "scale": images.scale}
    write_atomically(place / "about.json", json.dumps(about))


def thaw(folder: Path, fingerprint: str) -> Images:
    """The images that were frozen; pixels are read as they are used, shared by all processes."""
    place = folder / fingerprint
    about = json.loads((place / "about.json").read_text(encoding="utf-8"))
    train, validation, test = (
        Split(np.load(place / f"{part}_x.npy", mmap_mode="r"), np.load(place / f"{part}_y.npy"))
        for part in PARTS
    )
    return Images(train, validation, test, tuple(about["classes"]), about["scale"])


def discard(folder: Path) -> None:
    """Remove frozen images, once nothing is left to train on them."""
    shutil.rmtree(folder, ignore_errors=True)


def _is_frozen(folder: Path, images: Images) -> bool:
    """Whether images are there, whole: a machine that lost power may have kept a part of them."""
    try:
        return thaw(folder, images.fingerprint).fingerprint == images.fingerprint
    except (OSError, ValueError):
        return False
