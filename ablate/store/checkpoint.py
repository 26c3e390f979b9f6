"""Checkpoints of a run: all that training goes on from, in files that are whole or not there.

A checkpoint is a file of its own, two of which are kept, with a digest of its content at its end.
It holds numbers only: nothing in it is ever run.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

MAGIC = b"ablate checkpoint 1\n"
DEPTH = 2
"""Checkpoints kept of a run: if the newest is broken, its forerunner costs one more epoch."""

Arrays = Sequence[NDArray[Any]]


class Broken(Exception):
    """A checkpoint that cannot be gone on from; the message says why in a few words."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a run stood at the end of an epoch.

    Attributes:
        history: The numbers of each epoch so far, as the journal has them.
        arrays: Weights, statistics, optimizer and random streams, in the trainer's order.
    """

    history: tuple[Mapping[str, Any], ...]
    arrays: tuple[NDArray[Any], ...]


def save(folder: Path, checkpoint: Checkpoint, *, fingerprint: str) -> None:
    """Write a checkpoint beside the last one, and remove those before.

    Args:
        folder: Of the run's checkpoints; made if it is not there.
        checkpoint: What to write.
        fingerprint: Identity of the run.
    """
    folder.mkdir(exist_ok=True)
    place = folder / f"{len(checkpoint.history):06d}"
    temporary = folder / f".{place.name}.{os.getpid()}"
    head = {
        "fingerprint": fingerprint,
        "history": list(checkpoint.history),
        "arrays": len(checkpoint.arrays),
    }
    with temporary.open("wb") as file:
        hashing = _Hashing(file)
        hashing.write(MAGIC + json.dumps(head).encode() + b"\n")
        for array in checkpoint.arrays:
            np.lib.format.write_array(hashing, array, allow_pickle=False)
        file.write(hashing.hasher.digest())
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(place)
    for older in _places(folder)[DEPTH:]:
        older.unlink(missing_ok=True)


def newest(folder: Path, *, fingerprint: str) -> tuple[Checkpoint | None, tuple[str, ...]]:
    """The newest sound checkpoint of a run, None if there is none.

    Returns:
        The checkpoint, and what was wrong with each newer one that was passed over.
    """
    faults: list[str] = []
    for place in _places(folder):
        try:
            return _read(place, fingerprint), tuple(faults)
        except (Broken, OSError) as error:
            faults.append(f"checkpoint of epoch {int(place.name)}: {error}")
    return None, tuple(faults)


def discard(folder: Path) -> None:
    """Remove the checkpoints of a run."""
    shutil.rmtree(folder, ignore_errors=True)


class _Hashing:
    """A file that is written and hashed at once."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.hasher = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.hasher.update(data)
        return self._file.write(data)


def _places(folder: Path) -> list[Path]:
    """Files of checkpoints, the newest first: by the epoch in their name, as clocks may be off."""
    if not folder.is_dir():
        return []
    named = [place for place in folder.iterdir() if re.fullmatch(r"\d{6,}", place.name)]
    return sorted(named, key=lambda place: int(place.name), reverse=True)


def _read(place: Path, fingerprint: str) -> Checkpoint:
    content = place.read_bytes()
    size = hashlib.sha256().digest_size
    body, digest = content[:-size], content[-size:]
    if not body.startswith(MAGIC) or hashlib.sha256(body).digest() != digest:
        raise Broken("truncated or altered, its checksum does not fit")
    stream = io.BytesIO(body[len(MAGIC) :])
    head = json.loads(stream.readline())
    if head["fingerprint"] != fingerprint:
        raise Broken("of another configuration, code or data")
    arrays = tuple(
        np.lib.format.read_array(stream, allow_pickle=False) for _ in range(head["arrays"])
    )
    return Checkpoint(tuple(head["history"]), arrays)
