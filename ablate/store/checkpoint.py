"""Checkpoints of a run: all that training goes on from, in files that are whole or not there.

A checkpoint is a file of its own, two of which are kept, with a digest of its content at its end.
It holds numbers only: nothing in it is ever run.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC = b"ablate checkpoint 1\n"
BUFFER_BYTES = 1 << 20
DEPTH = 2
"""Checkpoints kept of a run: if the newest is broken, its forerunner costs one more epoch."""


class BrokenCheckpointError(Exception):
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


def save(folder: Path, checkpoint: Checkpoint, *, fingerprint: str, durable: bool = True) -> None:
    """Write a checkpoint beside the last one, and remove those before.

    Whatever is killed, the file is there whole or not at all.

    Args:
        folder: Of the run's checkpoints; made if it is not there.
        checkpoint: What to write.
        fingerprint: Identity of the run.
        durable: Whether it has to outlive a loss of power as soon as this returns, and not only
            when the system has written it to the disk by itself.
    """
    folder.mkdir(exist_ok=True)
    place = folder / f"{len(checkpoint.history):06d}"
    temporary = folder / f".{place.name}.{os.getpid()}"
    head = {
        "fingerprint": fingerprint,
        "history": list(checkpoint.history),
        "arrays": [(array.dtype.name, array.shape) for array in checkpoint.arrays],
    }
    if any(array.dtype.hasobject for array in checkpoint.arrays):
        raise ValueError("Expected arrays of numbers; received Python objects.")
    body = [MAGIC + json.dumps(head).encode() + b"\n"]
    body += [array.tobytes() for array in checkpoint.arrays]
    hasher = hashlib.sha256()
    with temporary.open("wb", buffering=BUFFER_BYTES) as file:
        for part in body:
            hasher.update(part)
            file.write(part)
        file.write(hasher.digest())
        file.flush()
        if durable:
            os.fsync(file.fileno())
    temporary.replace(place)
    places = _places(folder)
    # One that calls itself newer could not be gone on from.
    newer = [other for other in places if _epoch(other) > _epoch(place)]
    for other in [*newer, *places[len(newer) + DEPTH :]]:
        other.unlink(missing_ok=True)


def newest(folder: Path, *, fingerprint: str) -> tuple[Checkpoint | None, tuple[str, ...]]:
    """The newest sound checkpoint of a run, None if there is none.

    What a process left that died while it wrote one is removed.

    Returns:
        The checkpoint, and what was wrong with each newer one that was passed over.
    """
    for leftover in folder.glob(".*"):
        leftover.unlink(missing_ok=True)
    faults: list[str] = []
    for place in _places(folder):
        try:
            return _read(place, fingerprint), tuple(faults)
        except (BrokenCheckpointError, OSError) as error:
            faults.append(f"checkpoint of epoch {_epoch(place)}: {error}")
    return None, tuple(faults)


def discard(folder: Path) -> None:
    """Remove the checkpoints of a run."""
    shutil.rmtree(folder, ignore_errors=True)


def _places(folder: Path) -> list[Path]:
    """Files of checkpoints, the newest first: by the epoch in their name, as clocks may be off."""
    if not folder.is_dir():
        return []
    named = [place for place in folder.iterdir() if re.fullmatch(r"\d{6,}", place.name)]
    return sorted(named, key=_epoch, reverse=True)


def _epoch(place: Path) -> int:
    return int(place.name)


def _read(place: Path, fingerprint: str) -> Checkpoint:
    content = place.read_bytes()
    size = hashlib.sha256().digest_size
    body, digest = content[:-size], content[-size:]
    if not body.startswith(MAGIC) or hashlib.sha256(body).digest() != digest:
        raise BrokenCheckpointError("truncated or altered, its checksum does not fit")
    stream = io.BytesIO(body[len(MAGIC) :])
    head = json.loads(stream.readline())
    if head["fingerprint"] != fingerprint:
        raise BrokenCheckpointError("of another configuration, code or data")
    arrays = []
    for name, shape in head["arrays"]:
        kind = np.dtype(name)
        data = stream.read(math.prod(shape) * kind.itemsize)
        arrays.append(np.frombuffer(data, kind).reshape(shape))
    return Checkpoint(tuple(head["history"]), tuple(arrays))
