"""The lock of a study: one process at a time trains it.

On one machine the kernel's locks decide, which are released when their holder ends, however that
happens: one on the folder of the study, and one on `runs/<study>/lock`. The folder's is there
because a file may be deleted or replaced while it is locked, the file's because some file systems
lock no folders. A file system may have no locks at all, or may not pass them from one machine to
another. So the file also names its holder and holds its heartbeat, a counter that grows every few
seconds, which another machine can watch. Clocks of different machines are never compared.

With each heartbeat the holder checks that the file is still its own. If it is gone, the holder
writes it again; if it names another process, that one took over, and the holder ends at once.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NoReturn

from ablate.errors import RequestError
from ablate.process import stop
from ablate.store.reader import DamagedFileError, open_file, read_file
from ablate.store.schema import SchemaError, decode, parse_json
from ablate.wording import one_line, own_command

HEARTBEAT_SECONDS = 2.0
MISSED_HEARTBEATS = 5
"""Heartbeats that a holder on another machine may miss before it counts as dead."""
READ_ATTEMPTS = 5
READ_SECONDS = 0.05
MOST_BYTES = 100_000
WORKER_EXIT_SECONDS = 20.0
"""How long to wait for the workers of a killed command; they end by themselves at once."""
LOST_EXIT = 1
HELD = (errno.EWOULDBLOCK, errno.EACCES)


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that holds the lock, as the lock file names it.

    Attributes:
        host: Name of its machine.
        boot: Identifier of the machine's current boot; empty if the system has none.
        processes: Namespace of its process number; empty if the system has none.
        pid: Its process number.
        token: Unique name of the holder.
        command: Its command line.
        beat: Number of its heartbeats so far.
        started: When the process started, as the kernel counts; empty if unknown. Another process
            may get the number of a dead one.
    """

    host: str
    boot: str
    processes: str
    pid: int
    token: str
    command: str
    beat: int
    started: str = ""

    def __post_init__(self) -> None:
        if self.pid < 1:
            raise ValueError(f"Expected a process number; received {self.pid}.")

    @staticmethod
    def here() -> Holder:
        """This process."""
        # An argument may hold bytes that are no UTF-8, and then no one could read the file.
        command = own_command()[:500].encode("utf-8", "backslashreplace").decode()
        pid, token = os.getpid(), uuid.uuid4().hex
        started = _start_of(pid) or ""
        return Holder(**machine(), pid=pid, token=token, command=command, beat=0, started=started)

    @property
    def is_local(self) -> bool:
        """Whether it is, or was, a process of this machine since its current boot."""
        own = {"host": self.host, "boot": self.boot, "processes": self.processes}
        return own == machine()

    @property
    def is_running(self) -> bool | None:
        """Whether a local holder is running; None if that cannot be found out."""
        try:
            os.kill(self.pid, 0)
        except (ProcessLookupError, OverflowError):
            return False
        except PermissionError:
            pass
        started = _start_of(self.pid)
        if started is None or not self.started:
            return None
        return started == self.started


def machine() -> dict[str, str]:
    """This machine, its current boot, and the namespace of its process numbers."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return {
        "host": socket.gethostname(),
        "boot": boot.read_text(encoding="utf-8").strip() if boot.is_file() else "",
        "processes": os.readlink("/proc/self/ns/pid") if os.path.exists("/proc/self/ns") else "",
    }


def _start_of(pid: int) -> str | None:
    """When a process started; empty if it has ended, None if the system does not tell."""
    try:
        content = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name of the program, in parentheses, may hold blanks.
    state, *rest = content.rpartition(")")[2].split()
    return "" if state in ("Z", "X") else rest[18]


@contextlib.contextmanager
def study_lock(study: Path) -> Iterator[None]:
    """Hold the lock of a study during the block.

    Args:
        study: The folder of the study; created if it does not exist.

    Raises:
        RequestError: Another process holds the lock, workers of an earlier command still train, or
            something else is where the lock file should be.
    """
    study.mkdir(parents=True, exist_ok=True)
    with _locked_folder(study):
        lock = _Lock(study)
        try:
            lock.take()
            try:
                with lock.heartbeat():
                    if wait_for_workers(study, seconds=WORKER_EXIT_SECONDS) is False:
                        raise RequestError(
                            f"Workers of an earlier command still train study {study.name!r}. Wait "
                            f"until they have ended, or end them, and run this again."
                        )
                    yield
            finally:
                lock.clear()  # after the last heartbeat, which writes the name
        finally:
            lock.close()


@contextlib.contextmanager
def worker_lock(study: Path) -> Iterator[None]:
    """Hold the lock of a worker during the block, which keeps other commands from training."""
    descriptor = _open(study / "workers")
    try:
        with contextlib.suppress(OSError):  # a file system without such locks
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _locked_folder(study: Path) -> Iterator[None]:
    """Hold the kernel's lock on a folder, where the file system has such locks."""
    try:
        descriptor = os.open(study, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise RequestError(f"Cannot read the folder {study}: {error.strerror}.") from None
    try:
        if _try_lock(descriptor, fcntl.LOCK_EX) is False:
            raise RequestError(_refusal(study, _read_holder(study / "lock")))
        yield
    finally:
        os.close(descriptor)


class _Lock:
    """The lock file of a study, with this process as its holder or the one that wants to be."""

    def __init__(self, study: Path) -> None:
        self._study, self._path = study, study / "lock"
        # A study that was trained before has a lock file; without it, a living holder may be about
        # to write it again.
        known = (study / "workers").exists()
        self._deleted = known and not self._path.exists()
        self._descriptor = _open(self._path)
        self._holder, self._ended = Holder.here(), threading.Event()

    def take(self) -> None:
        """Become the holder.

        Raises:
            RequestError: Another process is.
        """
        is_locked = _try_lock(self._descriptor, fcntl.LOCK_EX)
        if is_locked is False:
            raise RequestError(_refusal(self._study, _read_holder(self._path)))
        taken_over = self._wait_for_holder(is_locked=bool(is_locked))
        self._write()
        if taken_over or self._deleted or not is_locked:
            # Several processes may take over at the same time, and the holder of a deleted file
            # writes it again; the one whose name remains is the holder.
            try:
                stop.sleep(2 * HEARTBEAT_SECONDS)
            except stop.StopError:
                self.clear()
                raise
            now = _read_holder(self._path)
            if now is None or now.token != self._holder.token:
                raise RequestError(_refusal(self._study, now))

    def clear(self) -> None:
        """Remove the name of this process."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)

    def close(self) -> None:
        """Release the lock."""
        os.close(self._descriptor)

    @contextlib.contextmanager
    def heartbeat(self) -> Iterator[None]:
        """Write a heartbeat every few seconds during the block, by a thread."""
        thread = threading.Thread(target=self._repeat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _repeat(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            self._holder = replace(self._holder, beat=self._holder.beat + 1)
            # A full disk must not end the heartbeat.
            with contextlib.suppress(OSError, DamagedFileError, RequestError):
                self._beat()

    def _beat(self) -> None:
        if not self._is_in_place():
            self._restore()
        elif (named := parse_holder(self._path)) and named.token != self._holder.token:
            _end_at_once(f"{_refusal(self._study, named)} It took over from this command.")
        self._write()

    def _is_in_place(self) -> bool:
        """Whether the path still leads to the file that this process has locked."""
        try:
            found = self._path.lstat()
        except FileNotFoundError:
            return False
        own = os.fstat(self._descriptor)
        return (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino)

    def _restore(self) -> None:
        """Lock the file that is in the place of the one that was deleted or replaced."""
        new = open_file(self._path, os.O_RDWR | os.O_CREAT)
        # If another process has locked it, it reads the name of this one and gives way.
        _try_lock(new, fcntl.LOCK_EX)
        os.dup2(new, self._descriptor, inheritable=False)
        os.close(new)

    def _write(self) -> None:
        # The kernel's lock belongs to this file: write into it, do not replace it.
        content = json.dumps(asdict(self._holder)).encode() + b"\n"
        os.pwrite(self._descriptor, content, 0)
        os.ftruncate(self._descriptor, len(content))

    def _wait_for_holder(self, *, is_locked: bool) -> bool:
        """Check whether the holder that the file names is alive.

        Args:
            is_locked: Whether this process holds the kernel's lock on the file.

        Returns:
            Whether the lock is taken over from a holder that only seems to be dead.

        Raises:
            RequestError: The holder is alive.
        """
        before = _read_holder(self._path)
        if before is None and not is_locked and self._path.stat().st_size:
            stop.sleep(2 * HEARTBEAT_SECONDS)  # damaged: a living holder writes it again
            before = _read_holder(self._path)
        if before is None:
            return False
        if before.is_local:
            is_running = _is_running(before)
            # The file may have been replaced: then the kernel's lock on it proves nothing.
            if is_running:
                raise RequestError(_refusal(self._study, before))
            if is_locked or is_running is False:
                return False
        elif before.host == machine()["host"] and before.boot != machine()["boot"]:
            return False  # this machine was restarted since
        # On another machine, or in another container, only the heartbeat shows whether it is alive.
        for _ in range(MISSED_HEARTBEATS):
            stop.sleep(HEARTBEAT_SECONDS)
            now = _read_holder(self._path)
            if now is None:
                return True
            if (now.beat, now.token) != (before.beat, before.token):
                raise RequestError(_refusal(self._study, now))
        return True


def _is_running(holder: Holder) -> bool | None:
    """Whether a local holder is running; one that is just being killed is not."""
    for _ in range(READ_ATTEMPTS):
        if not holder.is_running:
            return holder.is_running
        time.sleep(4 * READ_SECONDS)
    return True


def _end_at_once(message: str) -> NoReturn:
    """End this process and its workers: another one may already write what this one would write."""
    with contextlib.suppress(OSError, ValueError):
        print(f"ablate: {message}", file=sys.stderr, flush=True)
    stop.exit_at_once(LOST_EXIT)


def _open(path: Path) -> int:
    """Open a file for a lock; it is created if it does not exist.

    Raises:
        RequestError: Something else is there.
    """
    try:
        return open_file(path, os.O_RDWR | os.O_CREAT)
    except DamagedFileError as error:
        raise RequestError(f"{error} Remove it, then run this again.") from None


def _try_lock(descriptor: int, kind: int) -> bool | None:
    """Whether the kernel's lock could be taken; None if the file system has no such locks."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in HELD else None
    return True


def parse_holder(path: Path) -> Holder | None:
    """The process that a file names; None if it names none or cannot be read."""
    try:
        holder: Holder = decode(parse_json(read_file(path, most_bytes=MOST_BYTES)), Holder)
    except (OSError, SchemaError, DamagedFileError, RequestError):
        return None
    return holder


def _read_holder(path: Path) -> Holder | None:
    """The holder that the lock file names, also if it is just being written."""
    for _ in range(READ_ATTEMPTS):
        if not os.path.lexists(path) or path.lstat().st_size == 0:
            return None
        if (holder := parse_holder(path)) is not None:
            return holder
        time.sleep(READ_SECONDS)
    return None


def wait_for_workers(study: Path, *, seconds: float) -> bool | None:
    """Wait until no worker of a study trains.

    Returns:
        Whether that happened in time; None if the file system has no locks, which would show it.
    """
    descriptor = _open(study / "workers")
    try:
        end = time.monotonic() + seconds
        while (ended := _try_lock(descriptor, fcntl.LOCK_EX)) is False:
            if time.monotonic() > end:
                break
            stop.sleep(0.1)
        return ended
    finally:
        os.close(descriptor)


def _refusal(study: Path, holder: Holder | None) -> str:
    process = "another process"
    if holder is not None:
        command = f" ({one_line(holder.command, 500)})" if holder.command else ""
        process = f"process {holder.pid} on {one_line(holder.host, 100)}{command}"
    return (
        f"Study {study.name!r} is being trained by {process}. Wait until it has ended, or "
        f"work in another directory."
    )
