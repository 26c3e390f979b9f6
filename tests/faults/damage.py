"""Damage to the files of a study, drawn by hypothesis."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ablate.data.images import Images, Split
from ablate.store import checkpoint, image_cache
from ablate.store.checkpoint import DIGEST_BYTES, MAGIC, Checkpoint
from ablate.store.folder import StudyFolder
from ablate.store.lock import machine
from ablate.store.plan import digest
from ablate.study.result import Status
from tests.store.written import Written, epoch_of, plan_of

SECRET = '{"precious": true}\n'
PRECIOUS = "../precious"
"""A file next to the study's folder that a link may lead to."""
IMAGES = Images(
    *(Split(np.full((4, 2, 2, 1), part, np.uint8), np.arange(4) % 2) for part in range(3)),
    classes=("a", "b"),
    scale=0.1,
)
ARRAYS = (np.arange(6, dtype=np.float32).reshape(2, 3), np.array(1, np.int64))
JUNK: tuple[Any, ...] = (
    None, True, 0, -1, 7, 10**9, 0.5, 1e308, -1e-308, float("nan"), float("inf"), 2**63, 10**400,
    "", "x", PRECIOUS, "/etc/passwd", "\ud800", "\x1b[2J\n", "\u202e", "a" * 5000, "-1", "present",
    [], {}, [[]], {"a": {}}, [1, "a", None], {"epoch": 1}, "complete", "crashed", "epoch", "lower",
)  # fmt: skip


@dataclass(frozen=True)
class Damage:
    """What happens to one file.

    Attributes:
        file: Its path in the folder of the study.
        how: What happens, as a test that fails shows it.
        apply: Lets it happen.
    """

    file: str
    how: str
    apply: Callable[[Path], None]

    def __repr__(self) -> str:
        return f"{self.file}: {self.how}"


def history(epochs: int) -> Checkpoint:
    """A checkpoint after some epochs."""
    return Checkpoint(tuple(epoch_of(number + 1) for number in range(epochs)), ARRAYS)


def write_study(folder: Path) -> Written:
    """A study of four runs: one complete, one diverged, one interrupted, one preempted."""
    plan = plan_of()
    study = Written(StudyFolder(folder / "mine"), plan)
    study.folder.write_plan(plan)
    complete, diverged, interrupted, preempted = study.runs
    study.train(complete)
    study.start(diverged)
    study.epochs(diverged, 1)
    study.end(diverged, Status.DIVERGED)
    for run in (interrupted, preempted):
        study.start(run)
        study.epochs(run, 1, 2)
        for epochs in (1, 2):
            checkpoints = study.run_folder(run).checkpoints
            checkpoint.save(checkpoints, history(epochs), fingerprint=study.identity(run))
    study.end(preempted, Status.PREEMPTED)
    image_cache.save(study.folder.images, IMAGES)
    study.run_folder(complete).save_mlflow_run_id("0123abc")
    study.run_folder(complete).log.write_text("--- process 7\nprinted\n")
    holder = {**machine(), "pid": 1, "token": "t", "command": "c", "beat": 3, "started": "0"}
    for name, text in (
        ("mlflow_origin", "0123abc"),
        ("lock", json.dumps(holder)),
        ("workers", ""),
        ("server.log", "printed\n"),
    ):
        (study.folder.path / name).write_text(text)
    return study


def files_of(study: Written) -> dict[str, str]:
    """The files that a damage may hit, with the format of each."""
    complete, diverged, interrupted, preempted = (
        str(study.run_folder(run).path.relative_to(study.folder.path)) for run in study.runs
    )
    images = f"images/{IMAGES.fingerprint}"
    return {
        f"{complete}/result.json": "result",
        f"{diverged}/result.json": "result",
        f"{preempted}/result.json": "result",
        f"{complete}/journal.jsonl": "lines",
        f"{interrupted}/journal.jsonl": "lines",
        f"{preempted}/journal.jsonl": "lines",
        "plan.json": "json",
        f"{interrupted}/checkpoints/000002": "checkpoint",
        f"{preempted}/checkpoints/000001": "checkpoint",
        f"{images}/about.json": "json",
        f"{images}/train_x.npy": "bytes",
        f"{images}/test_y.npy": "bytes",
        f"{complete}/mlflow_run_id": "bytes",
        f"{complete}/log": "bytes",
        "mlflow_origin": "bytes",
        "lock": "json",
        "workers": "bytes",
        "server.log": "bytes",
        f"{interrupted}": "folder",
        f"{interrupted}/checkpoints": "folder",
        "images": "folder",
    }


def damages(files: dict[str, str]) -> st.SearchStrategy[Damage]:
    """One damage to one of some files."""
    return st.sampled_from(sorted(files)).flatmap(lambda file: _damages(file, files[file]))


def _damages(file: str, form: str) -> st.SearchStrategy[Damage]:
    replaced = st.sampled_from(sorted(REPLACEMENTS)).map(
        lambda name: Damage(file, name, REPLACEMENTS[name])
    )
    if form == "folder":
        return replaced
    torn = _torn().map(lambda each: Damage(file, each[0], _on_bytes(each[1])))
    if form == "bytes":
        return replaced | torn
    lies = _lies().map(lambda each: Damage(file, f"{form} with {each[0]}", _lie_in(form, each[1])))
    return replaced | torn | lies | lies


def _gone(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def _folder(path: Path) -> None:
    _gone(path)
    (path / "in").mkdir(parents=True)
    (path / "in" / "file").touch()


def _pipe(path: Path) -> None:
    _gone(path)
    os.mkfifo(path)


def _link_to(target: str) -> Callable[[Path], None]:
    def link(path: Path) -> None:
        _gone(path)
        root = next(parent for parent in path.parents if parent.name == "mine").parent
        path.symlink_to(path if target == "itself" else root / target)

    return link


def _huge(path: Path) -> None:
    _gone(path)
    path.touch()
    os.truncate(path, 1 << 42)


REPLACEMENTS: dict[str, Callable[[Path], None]] = {
    "gone": _gone,
    "a folder": _folder,
    "a pipe": _pipe,
    "a link to a file": _link_to("precious"),
    "a link to a folder": _link_to("private"),
    "a link to nothing": _link_to("nothing"),
    "a link to itself": _link_to("itself"),
    "4 TB of nothing": _huge,
}


def _on_bytes(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda path: (path.write_bytes(change(path.read_bytes())), None)[1]


def _torn() -> st.SearchStrategy[tuple[str, Callable[[bytes], bytes]]]:
    """A change of the bytes of a file."""
    share = st.floats(0, 1)
    junk = st.binary(max_size=20) | st.sampled_from(
        [b"[" * 200_000, b"\0" * 1000, b"\xff\xfe", b"9" * 5000, b"\n\n", b"{}", b"null", b'"']
    )
    return st.one_of(
        junk.map(lambda new: (f"only {new[:20]!r}", lambda old: new)),
        share.map(lambda at: (f"cut at {at}", lambda old: old[: int(at * len(old))])),
        st.tuples(share, junk).map(
            lambda each: (
                f"{each[1][:20]!r} put in at {each[0]}",
                lambda old: (
                    old[: int(each[0] * len(old))] + each[1] + old[int(each[0] * len(old)) :]
                ),
            )
        ),
        st.tuples(share, st.integers(1, 255)).map(
            lambda each: (f"bits of {each[1]} flipped at {each[0]}", lambda old: _flip(old, *each))
        ),
        st.sampled_from(
            [
                ("twice itself", lambda old: old + old),
                ("UTF-16", lambda old: old.decode("latin-1").encode("utf-16")),
                ("a byte-order mark first", lambda old: b"\xef\xbb\xbf" + old),
                ("line breaks of Windows", lambda old: old.replace(b"\n", b"\r\n")),
            ]
        ),
    )


def _flip(content: bytes, share: float, bits: int) -> bytes:
    if not content:
        return content
    changed = bytearray(content)
    changed[min(int(share * len(content)), len(content) - 1)] ^= bits
    return bytes(changed)


def _lies() -> st.SearchStrategy[tuple[str, Callable[[Any], Any]]]:
    """A change of a JSON value that leaves it JSON."""
    where = st.integers(0, 10**6)
    how = st.sampled_from(["replace", "delete", "add", "wrap", "rename", "double"])
    return st.tuples(where, how, st.sampled_from(JUNK)).map(
        lambda each: (
            f"{each[1]} {str(each[2])[:20]!r} at node {each[0]}",
            lambda value: _lie(value, *each),
        )
    )


def _places(value: Any, steps: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield steps
    if not isinstance(value, dict | list):
        return
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield from _places(item, (*steps, key))


def _lie(value: Any, where: int, how: str, junk: Any) -> Any:
    places = list(_places(value))
    *steps, last = places[where % len(places)] or (None,)
    if last is None:
        return [value] if how == "wrap" else junk
    changed = copy.deepcopy(value)
    node = changed
    for step in steps:
        node = node[step]
    if how == "delete":
        del node[last]
    elif how == "wrap":
        node[last] = [node[last]]
    elif how == "double" and isinstance(node, list):
        node.append(node[last])
    elif how == "rename" and isinstance(node, dict):
        node[str(junk)] = node.pop(last)
    elif how == "add" and isinstance(node[last], dict):
        node[last][str(junk)] = junk
    else:
        node[last] = junk
    return changed


def _lie_in(form: str, lie: Callable[[Any], Any]) -> Callable[[Path], None]:
    """A lie in a file of some format, with a checksum that fits."""

    def in_json(path: Path) -> None:
        path.write_text(json.dumps(lie(json.loads(path.read_text()))))

    def in_result(path: Path) -> None:
        record = json.loads(path.read_text())
        del record["checksum"]
        changed = lie(record)
        if isinstance(changed, dict):
            changed["checksum"] = digest(changed)
        path.write_text(json.dumps(changed))

    def in_line(path: Path) -> None:
        first, *others = path.read_text().splitlines()
        lines = [first, *(json.dumps(lie(json.loads(line))) for line in others)]
        if not others:
            lines = [json.dumps(lie(json.loads(first)))]
        path.write_text("\n".join(lines) + "\n")

    def in_head(path: Path) -> None:
        _, head, arrays = path.read_bytes()[:-DIGEST_BYTES].split(b"\n", 2)
        body = MAGIC + json.dumps(lie(json.loads(head))).encode() + b"\n" + arrays
        path.write_bytes(body + hashlib.sha256(body).digest())

    return {"json": in_json, "result": in_result, "lines": in_line, "checkpoint": in_head}[form]
