"""A small process that starts an external program, and ends it with all that it has started.

The worker that wants the program may be killed at any moment, so it cannot do that itself. The
guard is its child and holds the reading end of a pipe: when the worker closes its end, however that
happens, the guard ends the process group of the program. Until then no other command trains, since
the guard holds the lock of the workers. It runs as a script, without this program's packages,
because it starts once for each run.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
import threading
import time
from typing import NoReturn

GRACE_SECONDS = 3.0
"""How long a program may take to end by itself after SIGTERM."""
CANNOT_START = 127
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Start the program that the arguments name, wait for its end, and report it.

    Arguments: the descriptors of the pipe that the worker closes and of the pipe for the report,
    the lock file of the workers, and the words of the command. The report is the exit code as
    `subprocess` has it, and the largest resident memory in kilobytes.
    """
    control, report = map(int, sys.argv[1:3])
    lock, *words = sys.argv[3:]
    for descriptor in (control, report):
        os.set_inheritable(descriptor, False)  # a process of the program would keep them open
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError):  # a file system without such locks
        fcntl.flock(os.open(lock, os.O_RDWR | os.O_CREAT, 0o644), fcntl.LOCK_SH)
    child = os.fork()
    if not child:
        _start(words)
    with contextlib.suppress(OSError):  # the child does it too; one of both is first
        os.setpgid(child, child)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    ending = threading.Thread(target=_end_with_worker, args=(control, child), daemon=True)
    ending.start()
    _, status, usage = os.wait4(child, 0)
    kill_group(child, signal.SIGKILL)  # what the program has left behind
    with contextlib.suppress(OSError):  # the worker is gone
        os.write(report, f"{os.waitstatus_to_exitcode(status)} {usage.ru_maxrss}".encode())


def _start(words: list[str]) -> NoReturn:
    """Become the program, with the signals of a fresh process, in a process group of its own."""
    os.setpgid(0, 0)
    for number in (*STOPPING, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    try:
        os.execvp(words[0], words)
    except OSError as error:
        os.write(2, f"Cannot start {words[0]!r}: {error.strerror}.\n".encode())
        os._exit(CANNOT_START)


def _end_with_worker(control: int, group: int) -> None:
    while os.read(control, 1):
        pass
    kill_group(group, signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    kill_group(group, signal.SIGKILL)


def kill_group(group: int, number: int) -> None:
    """Send a signal to a process group, which may have ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


if __name__ == "__main__":
    main()
