"""The lock of a study: one process at a time trains it.

On one machine, the kernel's lock on `runs/<study>/lock` decides; it is released when its holder
ends, however that happens. A file system that several machines share may not pass such locks
between them. So the file also names its holder and holds its heartbeat, a counter that grows every
few seconds, which another machine can watch. Clocks of different machines are never compared.
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
from typing import Any, TextIO

from ablate.errors import RequestError
from ablate.wording import own_command

HEARTBEAT_SECONDS = 2.0
MISSED_HEARTBEATS = 5
"""Heartbeats that a holder on another machine may miss before it counts as dead."""
READ_ATTEMPTS = 5
WORKER_EXIT_SECONDS = 20.0
"""How long to wait for the workers of a killed command; they end by themselves at once."""


@contextlib.contextmanager
def study_lock(study: Path) -> Iterator[None]:
    """Hold the lock of a study during the block.

    Args:
        study: The folder of the study; created if it does not exist.

    Raises:
        RequestError: Another process holds the lock, or workers of an earlier command still train.
    """
    study.mkdir(parents=True, exist_ok=True)
    # Not in append mode: there, every write goes to the end of the file.
    descriptor = os.open(study / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    with open(descriptor, "r+", encoding="utf-8") as file:
        if not _try_lock(file.fileno(), fcntl.LOCK_EX):
            raise RequestError(_refusal(study, _read_holder(file)))
        holder = _Holder(file)
        taken_over = _wait_for_other_machine(study, file)
        holder.write()
        if taken_over:
            # Two machines may take over at the same time; the one whose name remains is the holder.
            time.sleep(HEARTBEAT_SECONDS)
            if (now := _read_holder(file)).get("token") != holder.token:
                raise RequestError(_refusal(study, now))
        with holder.heartbeat():
            _wait_for_workers(study)
            try:
                yield
            finally:
                holder.clear()


@contextlib.contextmanager
def worker_lock(study: Path) -> Iterator[None]:
    """Hold the lock of a worker during the block, which keeps other commands from training."""
    with (study / "workers").open("a", encoding="utf-8") as file:
        with contextlib.suppress(OSError):  # a file system without such locks
            fcntl.flock(file.fileno(), fcntl.LOCK_SH)
        yield


class _Holder:
    """This process as the holder that the lock file names."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._ended = file, threading.Event()
        self.token = uuid.uuid4().hex
        self._beat = 0
        self._identity = {
            **_machine(),
            "pid": os.getpid(),
            "token": self.token,
            "command": own_command()[:500],
        }

    def write(self) -> None:
        # The kernel's lock belongs to this file: write into it, do not replace it.
        content = json.dumps({**self._identity, "beat": self._beat}).encode() + b"\n"
        os.pwrite(self._file.fileno(), content, 0)
        os.ftruncate(self._file.fileno(), len(content))

    def clear(self) -> None:
        with contextlib.suppress(OSError):
            os.ftruncate(self._file.fileno(), 0)

    @contextlib.contextmanager
    def heartbeat(self) -> Iterator[None]:
        thread = threading.Thread(target=self._repeat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _repeat(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            self._beat += 1
            # A full disk must not end the heartbeat.
            with contextlib.suppress(OSError):
                self.write()


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        if error.errno in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
            return True  # a file system without such locks: only the holder's heartbeat decides
        raise
    return True


def _machine() -> dict[str, str]:
    """This machine, its current boot, and the namespace of its process numbers."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return {
        "host": socket.gethostname(),
        "boot": boot.read_text(encoding="utf-8").strip() if boot.is_file() else "",
        "processes": os.readlink("/proc/self/ns/pid") if os.path.exists("/proc/self/ns") else "",
    }


def _read_holder(file: TextIO) -> dict[str, Any]:
    """The holder that the lock file names; empty if there is none or it cannot be read."""
    for _ in range(READ_ATTEMPTS):
        file.seek(0)
        try:
            content = json.loads(file.read() or "{}")
        except ValueError:
            time.sleep(0.05)  # it is being written
            continue
        return content if isinstance(content, dict) else {}
    return {}


def _wait_for_other_machine(study: Path, file: TextIO) -> bool:
    """Check whether a holder on another machine is alive.

    A holder on this machine that is named in the file, but does not hold the kernel's lock, has
    ended.

    Returns:
        Whether the lock is taken over from another machine, whose holder is dead.

    Raises:
        RequestError: The holder is alive.
    """
    before = _read_holder(file)
    here = _machine()
    if not before or all(before.get(key) == value for key, value in here.items()):
        return False
    if before.get("host") == here["host"] and before.get("boot") != here["boot"]:
        return False  # this machine was restarted since
    # On another machine, or in another container, only the heartbeat shows whether it is alive.
    for _ in range(MISSED_HEARTBEATS):
        time.sleep(HEARTBEAT_SECONDS)
        now = _read_holder(file)
        if not now:
            return True
        if now.get("beat") != before.get("beat") or now.get("token") != before.get("token"):
            raise RequestError(_refusal(study, now))
    return True


def _wait_for_workers(study: Path) -> None:
    with (study / "workers").open("a", encoding="utf-8") as file:
        end = time.monotonic() + WORKER_EXIT_SECONDS
        while not _try_lock(file.fileno(), fcntl.LOCK_EX):
            if time.monotonic() > end:
                raise RequestError(
                    f"Workers of an earlier command still train study {study.name!r}. Wait until "
                    f"they have ended, or end them, and run this again."
                )
            time.sleep(0.1)


def _refusal(study: Path, holder: Mapping[str, Any]) -> str:
    process = f"process {holder.get('pid', 'unknown')} on {holder.get('host', 'this machine')}"
    command = f" ({holder['command']})" if holder.get("command") else ""
    return (
        f"Study {study.name!r} is being trained by {process}{command}. Wait until it has ended, or "
        f"work in another directory."
    )
