"""A cache of decoded images next to a plan, so that every worker reads the same arrays at once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from ablate.data.images import Images, Split
from ablate.store.disk import write_atomically

PARTS = ("train", "validation", "test")


def save(folder: Path, images: Images) -> None:
    """Write images to `<folder>/<fingerprint>/`, unless they are there already.

    Photographs are decoded once instead of once a worker, and a change of the user's files while a
    study trains does not affect the study.
    """
    path = folder / images.fingerprint
    if _is_saved(folder, images):
        return
    path.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        split = getattr(images, part)
        np.save(path / f"{part}_x.npy", split.x)
        np.save(path / f"{part}_y.npy", split.y)
    about = {"classes": list(images.classes), "scale": images.scale, "task": images.task}
    write_atomically(path / "about.json", json.dumps(about))


def load(folder: Path, fingerprint: str) -> Images:
    """The images that were saved; pixels are read when they are used, shared by all processes."""
    path = folder / fingerprint
    about = json.loads((path / "about.json").read_text(encoding="utf-8"))
    train, validation, test = (
        Split(np.load(path / f"{part}_x.npy", mmap_mode="r"), np.load(path / f"{part}_y.npy"))
        for part in PARTS
    )
    return Images(
        train=train,
        validation=validation,
        test=test,
        classes=tuple(about["classes"]),
        scale=about["scale"],
        task=about["task"],
    )


def discard(folder: Path) -> None:
    """Remove saved images, once no run is left to train on them."""
    shutil.rmtree(folder, ignore_errors=True)


def _is_saved(folder: Path, images: Images) -> bool:
    """Whether images are saved completely; a power failure can leave some of them."""
    try:
        saved = load(folder, images.fingerprint)
        return saved.fingerprint == images.fingerprint and saved.task == images.task
    except (OSError, ValueError, LookupError):
        return False
