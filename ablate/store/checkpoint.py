"""Checkpoints of a run: everything that training needs to resume.

Each checkpoint is one file, which exists completely or not at all and ends with a digest of its
content. The last two of a run are kept. A checkpoint holds numbers only: nothing in it is executed.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablate.store.disk import open_atomically

MAGIC = b"ablate checkpoint 1\n"
CHECKPOINTS_KEPT = 2
"""If the newest one is damaged, the one before it costs one more epoch."""


class DamagedCheckpointError(Exception):
    """A checkpoint that no run can be resumed from; the message is the cause in a few words."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a run at the end of an epoch.

    Attributes:
        history: The numbers of each epoch so far, as in the journal.
        arrays: Weights, statistics, optimizer and random streams, in the trainer's order.
    """

    history: tuple[Mapping[str, Any], ...]
    arrays: tuple[NDArray[Any], ...]


def save(folder: Path, checkpoint: Checkpoint, *, fingerprint: str, durable: bool = True) -> None:
    """Write a checkpoint, then remove those that are no longer needed.

    If the process is killed at any moment, each file exists completely or not at all.

    Args:
        folder: Folder of the run's checkpoints; created if it does not exist.
        checkpoint: What to write.
        fingerprint: Identity of the run.
        durable: Whether it must survive a loss of power as soon as this returns; a killed process
            never loses it.
    """
    folder.mkdir(exist_ok=True)
    if any(array.dtype.hasobject for array in checkpoint.arrays):
        raise ValueError("Expected arrays of numbers; received Python objects.")
    path = folder / f"{len(checkpoint.history):06d}"
    head = {
        "fingerprint": fingerprint,
        "history": list(checkpoint.history),
        "arrays": [(array.dtype.name, array.shape) for array in checkpoint.arrays],
    }
    parts = [MAGIC + json.dumps(head).encode() + b"\n"]
    parts += [array.tobytes() for array in checkpoint.arrays]
    hasher = hashlib.sha256()
    with open_atomically(path, durable=durable) as file:
        for part in parts:
            hasher.update(part)
            file.write(part)
        file.write(hasher.digest())
    _remove_others(folder, path)


def _remove_others(folder: Path, written: Path) -> None:
    """Keep the checkpoint that was just written and the one before it."""
    paths = _newest_first(folder)
    # Checkpoints of later epochs were damaged: the run was resumed from an earlier one.
    later = [path for path in paths if _epoch(path) > _epoch(written)]
    for path in [*later, *paths[len(later) + CHECKPOINTS_KEPT :]]:
        path.unlink(missing_ok=True)


def load_newest(folder: Path, *, fingerprint: str) -> tuple[Checkpoint | None, tuple[str, ...]]:
    """The newest undamaged checkpoint of a run; None if there is none.

    Files that a killed process did not finish are removed.

    Returns:
        The checkpoint, and what was wrong with each newer one that was skipped.
    """
    for unfinished in folder.glob(".*"):
        unfinished.unlink(missing_ok=True)
    faults: list[str] = []
    for path in _newest_first(folder):
        try:
            return _load(path, fingerprint), tuple(faults)
        except (DamagedCheckpointError, OSError) as error:
            faults.append(f"checkpoint of epoch {_epoch(path)}: {error}")
    return None, tuple(faults)


def discard(folder: Path) -> None:
    """Remove the checkpoints of a run."""
    shutil.rmtree(folder, ignore_errors=True)


def _newest_first(folder: Path) -> list[Path]:
    """Files of checkpoints, by the epoch in their name: clocks may be wrong."""
    if not folder.is_dir():
        return []
    named = [path for path in folder.iterdir() if re.fullmatch(r"\d{6,}", path.name)]
    return sorted(named, key=_epoch, reverse=True)


def _epoch(path: Path) -> int:
    return int(path.name)


def _load(path: Path, fingerprint: str) -> Checkpoint:
    content = path.read_bytes()
    size = hashlib.sha256().digest_size
    body, digest = content[:-size], content[-size:]
    if not body.startswith(MAGIC) or hashlib.sha256(body).digest() != digest:
        raise DamagedCheckpointError("truncated or altered, its checksum does not fit")
    stream = io.BytesIO(body[len(MAGIC) :])
    head = json.loads(stream.readline())
    if head["fingerprint"] != fingerprint:
        raise DamagedCheckpointError("of another configuration, code or data")
    arrays = []
    for name, shape in head["arrays"]:
        dtype = np.dtype(name)
        data = stream.read(math.prod(shape) * dtype.itemsize)
        arrays.append(np.frombuffer(data, dtype).reshape(shape))
    return Checkpoint(tuple(head["history"]), tuple(arrays))
