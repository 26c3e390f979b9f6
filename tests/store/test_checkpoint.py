"""Checkpoints: complete or absent, and never resumed from when damaged."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pytest import param

from ablate.store.checkpoint import DIGEST_BYTES, MAGIC, Checkpoint, discard, load_newest, save
from ablate.store.events import EpochEnded
from tests.conftest import ROOT


def checkpoint_of(epoch: int) -> Checkpoint:
    history = tuple(EpochEnded(each, {"loss": 1 / each}, 0.1) for each in range(1, epoch + 1))
    arrays = (
        np.full((3, 4), epoch, np.float32),
        np.array(epoch, np.int64),
        np.zeros((0, 2), np.float32),
    )
    return Checkpoint(history, arrays)


def save_epochs(folder: Path, *epochs: int) -> None:
    for epoch in epochs:
        save(folder, checkpoint_of(epoch), fingerprint="print")


def epoch_of(folder: Path) -> int:
    found, _ = load_newest(folder, fingerprint="print")
    return 0 if found is None else len(found.history)


def test_a_checkpoint_loads_bit_by_bit_as_it_was_saved(tmp_path: Path) -> None:
    save_epochs(tmp_path / "c", 1)
    found, faults = load_newest(tmp_path / "c", fingerprint="print")
    assert found is not None
    assert faults == ()
    assert found.history == checkpoint_of(1).history
    for read, kept in zip(found.arrays, checkpoint_of(1).arrays, strict=True):
        assert read.dtype == kept.dtype
        np.testing.assert_array_equal(read, kept)


def test_two_are_kept_and_the_epoch_decides_which_is_newer(tmp_path: Path) -> None:
    save_epochs(tmp_path / "c", 1, 2, 9, 10)
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["000009", "000010"]
    # Clocks may be wrong: the time of a file does not count.
    os.utime(tmp_path / "c" / "000009", (4e9, 4e9))
    assert epoch_of(tmp_path / "c") == 10


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-50])


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _pickle(file: Path) -> None:
    file.write_bytes(pickle.dumps({"weights": 1}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        param(_truncate, "checksum", id="truncated"),
        param(_flip, "checksum", id="a_bit_flipped"),
        param(_empty, "checksum", id="empty"),
        param(_pickle, "checksum", id="a_pickle"),
        param(Path.unlink, "", id="deleted"),
    ],
)
def test_a_damaged_checkpoint_is_skipped_for_the_one_before(
    tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    save_epochs(tmp_path / "c", 1, 2)
    damage(tmp_path / "c" / "000002")
    found, faults = load_newest(tmp_path / "c", fingerprint="print")
    assert found is not None
    assert len(found.history) == 1
    assert [message in fault and "epoch 2" in fault for fault in faults] == [True] * bool(message)


def test_if_all_are_damaged_there_is_none(tmp_path: Path) -> None:
    save_epochs(tmp_path / "c", 1, 2)
    for file in (tmp_path / "c").iterdir():
        _flip(file)
    found, faults = load_newest(tmp_path / "c", fingerprint="print")
    assert found is None
    assert len(faults) == 2


def test_damaged_checkpoints_do_not_hide_later_ones(tmp_path: Path) -> None:
    save_epochs(tmp_path / "c", 6, 7)
    for file in (tmp_path / "c").iterdir():
        _truncate(file)
    for epoch in (1, 2, 3):
        save_epochs(tmp_path / "c", epoch)
        assert epoch_of(tmp_path / "c") == epoch
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["000002", "000003"]


def test_a_checkpoint_of_another_run_is_skipped(tmp_path: Path) -> None:
    save_epochs(tmp_path / "c", 1)
    found, faults = load_newest(tmp_path / "c", fingerprint="other")
    assert found is None
    assert "of another configuration" in faults[0]


def test_nothing_in_a_checkpoint_is_unpickled(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Python objects"):
        save(
            tmp_path / "c",
            Checkpoint((EpochEnded(1, {}, 0.1),), (np.array([{}], object),)),
            fingerprint="print",
        )
    assert epoch_of(tmp_path / "c") == 0


def test_discarded_checkpoints_are_gone(tmp_path: Path) -> None:
    save_epochs(tmp_path / "c", 1, 2)
    discard(tmp_path / "c")
    assert not (tmp_path / "c").exists()
    assert MAGIC.endswith(b"\n")


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.store.test_checkpoint import checkpoint_of, save_epochs
import ablate.store.disk as module

folder, last = Path(sys.argv[1]), int(sys.argv[2])
count = 0
def killing(name, plain):
    def call(*arguments, **options):
        global count
        count += 1
        if count == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return plain(*arguments, **options)
    return call

class Watched:
    def __init__(self, file):
        self.file = file
        self.write = killing("write", file.write)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)

plain_open = Path.open
module.Path.open = lambda *names, **_: Watched(plain_open(*names, buffering=0))
module.os.fsync = killing("fsync", os.fsync)
module.Path.replace = killing("replace", Path.replace)
module.Path.unlink = killing("unlink", Path.unlink)
save_epochs(folder, 1, 2, 3)
print(count)
"""


def test_a_kill_at_any_step_leaves_an_undamaged_checkpoint(tmp_path: Path) -> None:
    # Each save is five writes, an fsync, a replace and, in the third, the removal of the first.
    seen = []
    for last in range(1, 24):
        folder = tmp_path / str(last)
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(folder), str(last)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        seen.append((done.returncode, epoch_of(folder)))
        assert not list(folder.glob(".*"))
    assert [code for code, _ in seen] == [-9] * 22 + [0]
    assert [epoch for _, epoch in seen] == [0] * 7 + [1] * 7 + [2] * 7 + [3] * 2


def forge(file: Path, change: dict[str, object]) -> None:
    """Change the head of a checkpoint, with a checksum that fits."""
    _, head, arrays = file.read_bytes()[:-DIGEST_BYTES].split(b"\n", 2)
    head = json.dumps(json.loads(head) | change).encode()
    body = MAGIC + head + b"\n" + arrays
    file.write_bytes(body + hashlib.sha256(body).digest())


@pytest.mark.parametrize(
    "change",
    [
        {"arrays": 5},
        {"arrays": [["float32", [10**400]]]},
        {"arrays": [["float32", [-1]]]},
        {"arrays": [["float32", [2**62, 2**62]]]},
        {"arrays": [["object", [1]]]},
        {"arrays": [["no", [1]]]},
        {"arrays": [["(2,3)f4,i8", [1]]]},
        {"history": [{"epoch": 1, "loss": 1}]},
        {"history": [{"epoch": "x", "numbers": {}, "seconds": 1}]},
        {"history": None},
        {"fingerprint": []},
    ],
    ids=str,
)
def test_a_checkpoint_that_lies_is_skipped(tmp_path: Path, change: dict[str, object]) -> None:
    save_epochs(tmp_path / "c", 1, 2)
    forge(tmp_path / "c" / "000002", change)
    found, faults = load_newest(tmp_path / "c", fingerprint="print")
    assert found is not None
    assert len(found.history) == 1
    assert "checksum" in faults[0]


def _folder(path: Path) -> None:
    path.unlink()
    (path / "in").mkdir(parents=True)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to("moved")


def _larger_than_memory(path: Path) -> None:
    os.truncate(path, 1 << 42)


@pytest.mark.parametrize("damage", [_folder, _pipe, _link, _larger_than_memory])
def test_what_is_no_checkpoint_is_skipped_and_replaced(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    save_epochs(tmp_path / "c", 1, 2)
    damage(tmp_path / "c" / "000002")
    found, faults = load_newest(tmp_path / "c", fingerprint="print")
    assert found is not None
    assert len(found.history) == 1
    assert faults[0].startswith("checkpoint of epoch 2: ")
    save_epochs(tmp_path / "c", 2, 3, 4)
    assert epoch_of(tmp_path / "c") == 4


def test_a_file_where_the_folder_of_checkpoints_should_be_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("a file")
    assert epoch_of(tmp_path / "c") == 0
    save_epochs(tmp_path / "c", 1)
    assert epoch_of(tmp_path / "c") == 1


def test_unfinished_files_are_removed_whatever_they_are(tmp_path: Path) -> None:
    save_epochs(tmp_path / "c", 1)
    (tmp_path / "c" / ".000002.7" / "in").mkdir(parents=True)
    os.mkfifo(tmp_path / "c" / ".000003.7")
    assert epoch_of(tmp_path / "c") == 1
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["000001"]
