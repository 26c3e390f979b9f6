"""Checkpoints of a run: everything that training needs to resume.

Each checkpoint is one file, which exists completely or not at all and ends with a digest of its
content. The last two of a run are kept. A checkpoint holds numbers only: nothing in it is executed.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablate.store.disk import clear_links, make_folder, make_way, open_atomically, remove
from ablate.store.events import EpochEnded
from ablate.store.reader import DamagedFileError, open_file
from ablate.store.schema import SchemaError, decode, parse_json

MAGIC = b"ablate checkpoint 1\n"
MOST_HEAD_BYTES = 1 << 28
DIGEST_BYTES = hashlib.sha256().digest_size
ALTERED = "truncated or altered, its checksum does not fit"
CHECKPOINTS_KEPT = 2
"""If the newest one is damaged, the one before it costs one more epoch."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a run at the end of an epoch.

    Attributes:
        history: The epochs so far, as in the journal.
        arrays: Weights, statistics, optimizer and random streams, in the trainer's order.
    """

    history: tuple[EpochEnded, ...]
    arrays: tuple[NDArray[Any], ...]


@dataclass(frozen=True, slots=True)
class _Head:
    """The first line of a checkpoint: what follows it.

    Attributes:
        fingerprint: Identity of the run.
        history: The epochs so far.
        arrays: Type and shape of each array.
    """

    fingerprint: str
    history: tuple[EpochEnded, ...]
    arrays: tuple[tuple[str, tuple[int, ...]], ...]

    def __post_init__(self) -> None:
        for name, shape in self.arrays:
            if not _is_dtype(name) or any(side < 0 for side in shape):
                raise ValueError(f"Expected an array of numbers; received {name!r}, {shape}.")


def _is_dtype(name: str) -> bool:
    """Whether a name is that of a type of numbers, such as ``float32``."""
    try:
        dtype = np.dtype(name) if re.fullmatch(r"[a-z][a-z0-9_]*", name) else np.dtype(object)
    except TypeError:
        return False
    return dtype.name == name and dtype.itemsize > 0 and not dtype.hasobject


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
    make_folder(folder, below=folder.parent)
    if any(array.dtype.hasobject for array in checkpoint.arrays):
        raise ValueError("Expected arrays of numbers; received Python objects.")
    path = folder / f"{len(checkpoint.history):06d}"
    head = {
        "fingerprint": fingerprint,
        "history": [asdict(epoch) for epoch in checkpoint.history],
        "arrays": [(array.dtype.name, array.shape) for array in checkpoint.arrays],
    }
    parts = [MAGIC + json.dumps(head).encode() + b"\n"]
    parts += [array.tobytes() for array in checkpoint.arrays]
    hasher = hashlib.sha256()
    make_way(path)
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
        remove(path)


def load_newest(folder: Path, *, fingerprint: str) -> tuple[Checkpoint | None, tuple[str, ...]]:
    """The newest undamaged checkpoint of a run; None if there is none.

    Files that a killed process did not finish are removed.

    Returns:
        The checkpoint, and what was wrong with each newer one that was skipped.
    """
    clear_links(folder, below=folder.parent)
    for unfinished in folder.glob(".*"):
        remove(unfinished)
    faults: list[str] = []
    for path in _newest_first(folder):
        try:
            return _load(path, fingerprint), tuple(faults)
        except DamagedFileError as error:
            faults.append(f"checkpoint of epoch {_epoch(path)}: {error.fault}")
        except OSError as error:
            faults.append(f"checkpoint of epoch {_epoch(path)}: {error}")
    return None, tuple(faults)


def discard(folder: Path) -> None:
    """Remove the checkpoints of a run."""
    remove(folder)


def _newest_first(folder: Path) -> list[Path]:
    """Files of checkpoints, by the epoch in their name: clocks may be wrong."""
    if not folder.is_dir():
        return []
    named = [path for path in folder.iterdir() if re.fullmatch(r"[0-9]{6,}", path.name)]
    return sorted(named, key=_epoch, reverse=True)


def _epoch(path: Path) -> int:
    return int(path.name)


def _load(path: Path, fingerprint: str) -> Checkpoint:
    with open(open_file(path, os.O_RDONLY), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(len(MAGIC)) + file.readline(min(size, MOST_HEAD_BYTES))
        head = _read_head(path, start)
        arrays = sum(_array_bytes(*each) for each in head.arrays)
        # A file of another size is not even read: it may be larger than the memory.
        if size != len(start) + arrays + DIGEST_BYTES:
            raise DamagedFileError(path, ALTERED)
        content, digest = file.read(arrays), file.read()
    if hashlib.sha256(start + content).digest() != digest:
        raise DamagedFileError(path, ALTERED)
    if head.fingerprint != fingerprint:
        raise DamagedFileError(path, "of another configuration, code or data")
    stream = io.BytesIO(content)
    return Checkpoint(head.history, tuple(_read_array(stream, *each) for each in head.arrays))


def _read_head(path: Path, start: bytes) -> _Head:
    try:
        if start.startswith(MAGIC):
            head: _Head = decode(parse_json(start[len(MAGIC) :]), _Head)
            return head
    except SchemaError:
        pass
    raise DamagedFileError(path, ALTERED)


def _array_bytes(name: str, shape: tuple[int, ...]) -> int:
    return math.prod(shape) * np.dtype(name).itemsize


def _read_array(stream: io.BytesIO, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    data = stream.read(_array_bytes(name, shape))
    return np.frombuffer(data, np.dtype(name)).reshape(shape)
