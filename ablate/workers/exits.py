"""What the end of a worker process means: crashed, out of memory, hung, or no more disk."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from ablate.study.result import Status

BEGINNING = "--- process "
"""How the line begins that a worker heads its part of a log with."""
UNWRITABLE_EXIT = os.EX_IOERR
"""Exit code of a worker whose disk took no more; it has sent the number of the error."""
LAST_BYTES = 4000
"""How much of a log's end is searched for last words."""
LAST_WORDS = ("std::bad_alloc", "Cannot allocate memory", "MemoryError")
"""What a process says that memory has run out on; the first is said by C++ before it aborts."""


@dataclass(frozen=True, slots=True)
class WorkerExit:
    """How a worker ended.

    Attributes:
        status: Of the run that it was training; None if it ended as it should.
        cause: In a few words.
        disk: The error of the disk, if that is why it ended.
    """

    status: Status | None
    cause: str = ""
    disk: OSError | None = None


def classify_exit(
    exit_code: int, *, said: bytes, hanging: float | None, kills: int, log: Path
) -> WorkerExit:
    """Read the signs.

    Args:
        exit_code: As the operating system gave it; negative for a signal.
        said: What the worker sent last.
        hanging: Seconds of silence after which it was killed; None if it was not.
        kills: Processes that the system has killed for memory while it ran.
        log: What the worker printed.
    """
    if hanging is not None:
        return WorkerExit(
            Status.TIMEOUT, f"The worker process gave no sign of life for {hanging:g} s"
        )
    if exit_code == UNWRITABLE_EXIT and said.isdigit():
        return WorkerExit(None, disk=OSError(int(said), os.strerror(int(said))))
    if exit_code == 0:
        return WorkerExit(None)
    how = f"exit code {exit_code}"
    if exit_code < 0:
        names = {item.value: item.name for item in signal.Signals}
        how = f"signal {-exit_code} ({names.get(-exit_code, 'unknown')})"
    if (exit_code == -signal.SIGKILL and kills > 0) or _said_in(log):
        return WorkerExit(Status.OUT_OF_MEMORY, f"Memory ran out, and the worker ended with {how}")
    return WorkerExit(Status.CRASHED, f"The worker process ended with {how}")


def count_oom_kills() -> int:
    """How many processes the kernel has killed for memory, as far as this one can see.

    The count of this process's control group where there is one, else that of the machine.
    """
    for line in _lines(Path("/proc/self/cgroup")):
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            root = Path("/sys/fs/cgroup") / controllers
            for name in ("memory.events", "memory.oom_control"):
                count = _count(root / path.lstrip("/") / name)
                if count is not None:
                    return count
    return _count(Path("/proc/vmstat")) or 0


def _count(file: Path) -> int | None:
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


def _said_in(log: Path) -> bool:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LAST_BYTES))
            words = file.read().decode(errors="replace")
    except OSError:
        return False
    own = words.rpartition(BEGINNING)[2]
    return any(last in own for last in LAST_WORDS)
