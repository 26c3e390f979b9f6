"""Why a worker process ended: crash, timeout, out of memory, or a disk that cannot be written."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from ablate.errors import RequestError
from ablate.store.reader import DamagedFileError, read_file
from ablate.study.result import Status

LOG_HEADER = "--- process "
"""Starts the line that each worker writes to a log before its own output."""
DISK_ERROR_EXIT = os.EX_IOERR
"""Exit code of a worker whose disk cannot be written; its last message is the error number."""
MOST_LOG_BYTES = 1 << 50
TAIL_BYTES = 4000
"""How many bytes at the end of a log are searched for signs of exhausted memory."""
OUT_OF_MEMORY_SIGNS = ("std::bad_alloc", "Cannot allocate memory", "MemoryError")
"""What a process prints when memory runs out; C++ prints the first before it aborts."""
OUT_OF_MEMORY_SIGNS_OF_PROGRAMS = (
    *OUT_OF_MEMORY_SIGNS, "OutOfMemoryError", "out of memory", "RESOURCE_EXHAUSTED",
    "ResourceExhausted", "cannot allocate vector",
)  # fmt: skip
"""What external programs print as well: PyTorch, JAX, TensorFlow and R."""
RETRIED = (Status.CRASHED, Status.TIMEOUT)
"""What a retry may cure. Too little memory stays too little, and an exception occurs again."""


@dataclass(frozen=True, slots=True)
class WorkerExit:
    """How a worker ended.

    Attributes:
        status: Status of the run that it was training; None if the worker ended normally.
        reason: In a few words.
        disk_error: The error of the disk, if that ended the worker.
    """

    status: Status | None
    reason: str = ""
    disk_error: OSError | None = None


def classify_exit(
    exit_code: int, *, last_message: bytes, timeout_seconds: float | None, oom_kills: int, log: Path
) -> WorkerExit:
    """Find out why a worker ended.

    Args:
        exit_code: As the operating system reports it; negative for a signal.
        last_message: The last message that the worker sent.
        timeout_seconds: The heartbeat timeout after which it was killed; None if it was not.
        oom_kills: Number of processes that the system killed for memory while the worker ran.
        log: What the worker printed.
    """
    if timeout_seconds is not None:
        return WorkerExit(
            Status.TIMEOUT, f"The worker process sent no heartbeat for {timeout_seconds:g} s"
        )
    if exit_code == DISK_ERROR_EXIT and last_message.isdigit():
        number = int(last_message)
        return WorkerExit(None, disk_error=OSError(number, os.strerror(number)))
    if exit_code == 0:
        return WorkerExit(None)
    code = f"exit code {exit_code}" if exit_code >= 0 else signal_text(-exit_code)
    killed_for_memory = exit_code == -signal.SIGKILL and oom_kills > 0
    if killed_for_memory or _log_shows_out_of_memory(log):
        return WorkerExit(Status.OUT_OF_MEMORY, f"Memory ran out, and the worker ended with {code}")
    return WorkerExit(Status.CRASHED, f"The worker process ended with {code}")


def signal_text(number: int) -> str:
    """A signal with its name, such as ``signal 9 (SIGKILL)``."""
    names = {item.value: item.name for item in signal.Signals}
    return f"signal {number} ({names.get(number, 'unknown')})"


def shows_out_of_memory(errors: str) -> bool:
    """Whether the error output of an external program shows that memory ran out."""
    return any(sign in errors for sign in OUT_OF_MEMORY_SIGNS_OF_PROGRAMS)


def count_oom_kills() -> int:
    """Count the processes that the kernel has killed for memory.

    Counts those of this process's control group, or those of the machine if there is no group.
    """
    for line in _lines(Path("/proc/self/cgroup")):
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            root = Path("/sys/fs/cgroup") / controllers
            for name in ("memory.events", "memory.oom_control"):
                count = _oom_kills_in(root / path.lstrip("/") / name)
                if count is not None:
                    return count
    return _oom_kills_in(Path("/proc/vmstat")) or 0


def _oom_kills_in(file: Path) -> int | None:
    for line in _lines(file):
        key, _, value = line.partition(" ")
        if key == "oom_kill":
            return int(value)
    return None


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _log_shows_out_of_memory(log: Path) -> bool:
    """Whether the last process that wrote to the log printed that memory ran out."""
    try:
        start = max(0, log.lstat().st_size - TAIL_BYTES)
        text = read_file(log, most_bytes=MOST_LOG_BYTES, offset=start).decode(errors="replace")
    except (OSError, DamagedFileError, RequestError):
        return False
    last_process = text.rpartition(LOG_HEADER)[2]
    return any(sign in last_process for sign in OUT_OF_MEMORY_SIGNS)
