"""One process at a time trains a study: who holds it, and whether the holder still lives.

The kernel's lock on `runs/<study>/lock` decides on one machine, and is gone with its holder however
that ended. A file system that several machines share may not carry it from one to the other; so the
file names its holder, whose heartbeat, a counter that grows every few seconds, another machine can
watch. No clock of one machine is compared with that of another.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ablate.errors import RequestError
from ablate.wording import own_command

BEAT_SECONDS = 2.0
PATIENCE_BEATS = 5
"""Beats that a holder on another machine may miss before it counts as dead."""
READS = 5
WORKER_SECONDS = 20.0
"""How long orphaned workers of a killed process are waited for; they end themselves at once."""


@contextlib.contextmanager
def held(study: Path) -> Iterator[None]:
    """Hold a study for as long as the block runs.

    Args:
        study: The folder of the study; made if it is not there.

    Raises:
        RequestError: Another process holds it, or its workers have not ended; it is named.
    """
    study.mkdir(parents=True, exist_ok=True)
    # Not opened for appending: writes then go to the end, whatever place they name.
    descriptor = os.open(study / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    with open(descriptor, "r+", encoding="utf-8") as file:
        if not _locked(file.fileno(), fcntl.LOCK_EX):
            raise RequestError(_named(study, _holder(file)))
        own = _Own(file)
        elsewhere = _refuse_the_living(study, file)
        own.write()
        if elsewhere:
            # Two machines may take over at once; the one whose name stays is the holder.
            time.sleep(BEAT_SECONDS)
            if (now := _holder(file)).get("token") != own.token:
                raise RequestError(_named(study, now))
        with own.beating():
            _wait_for_workers(study)
            try:
                yield
            finally:
                own.clear()


@contextlib.contextmanager
def working(study: Path) -> Iterator[None]:
    """What a worker holds while it trains, so that no study is begun anew beside it."""
    with (study / "workers").open("a", encoding="utf-8") as file:
        with contextlib.suppress(OSError):  # where there are no such locks, none is looked for
            fcntl.flock(file.fileno(), fcntl.LOCK_SH)
        yield


class _Own:
    """This process as the holder that the lock's file names."""

    def __init__(self, file: Any) -> None:
        self._file, self._over = file, threading.Event()
        self.token = uuid.uuid4().hex
        self._content = {
            **_place(),
            "pid": os.getpid(),
            "token": self.token,
            "command": own_command()[:500],
            "beat": 0,
        }

    def write(self) -> None:
        # Writing over the same file keeps the kernel's lock, which is on the file and not its name.
        text = json.dumps(self._content)
        os.pwrite(self._file.fileno(), text.encode() + b"\n", 0)
        os.ftruncate(self._file.fileno(), len(text.encode()) + 1)

    def clear(self) -> None:
        with contextlib.suppress(OSError):
            os.ftruncate(self._file.fileno(), 0)

    @contextlib.contextmanager
    def beating(self) -> Iterator[None]:
        thread = threading.Thread(target=self._beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _beat(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            self._content["beat"] = int(str(self._content["beat"])) + 1
            # A full disk must not end the heart that beats in place.
            with contextlib.suppress(OSError):
                self.write()


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        if error.errno in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
            return True  # no such locks on this file system: the holder's name has to do
        raise
    return True


def _place() -> dict[str, str]:
    """Which machine this is, since when it runs, and whose process numbers these are."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return {
        "host": socket.gethostname(),
        "boot": boot.read_text(encoding="utf-8").strip() if boot.is_file() else "",
        "processes": os.readlink("/proc/self/ns/pid") if os.path.exists("/proc/self/ns") else "",
    }


def _holder(file: Any) -> dict[str, Any]:
    """Who the file names; empty if nobody, or nothing that can be read."""
    for _ in range(READS):
        file.seek(0)
        try:
            content = json.loads(file.read() or "{}")
        except ValueError:
            time.sleep(0.05)  # caught while it was being written
            continue
        return content if isinstance(content, dict) else {}
    return {}


def _refuse_the_living(study: Path, file: Any) -> bool:
    """Whoever is named in the file without holding it is dead, unless on another machine.

    Returns:
        Whether the holder that died was on another machine.
    """
    before = _holder(file)
    here = _place()
    if not before or all(before.get(key) == value for key, value in here.items()):
        return False
    if before.get("host") == here["host"] and before.get("boot") != here["boot"]:
        return False  # this machine was started again since
    # On another machine, or in another container: the heart alone can tell.
    for _ in range(PATIENCE_BEATS):
        time.sleep(BEAT_SECONDS)
        now = _holder(file)
        if not now:
            return True
        if now.get("beat") != before.get("beat") or now.get("token") != before.get("token"):
            raise RequestError(_named(study, now))
    return True


def _wait_for_workers(study: Path) -> None:
    with (study / "workers").open("a", encoding="utf-8") as file:
        until = time.monotonic() + WORKER_SECONDS
        while not _locked(file.fileno(), fcntl.LOCK_EX):
            if time.monotonic() > until:
                raise RequestError(
                    f"Workers of an earlier command still train study {study.name!r}. Wait until "
                    f"they have ended, or end them, and run this again."
                )
            time.sleep(0.1)


def _named(study: Path, holder: Mapping[str, Any]) -> str:
    who = f"process {holder.get('pid', 'unknown')} on {holder.get('host', 'this machine')}"
    command = f" ({holder['command']})" if holder.get("command") else ""
    return (
        f"Study {study.name!r} is being trained by {who}{command}. Wait until it has ended, or "
        f"work in another directory."
    )
