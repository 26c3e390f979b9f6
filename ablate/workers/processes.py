"""Worker processes, forked from a server that has already imported Keras, so that they start fast.

Importing Keras is safe before a fork; running an operation or touching a GPU is not, so the server
only imports. Each unit gets a fresh process, because TensorFlow leaks memory (about 8 MB a model)
and because a crash must not end the study.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing import forkserver, resource_tracker, util
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from ablate.errors import RequestError
from ablate.process import stop
from ablate.wording import error_summary

CONTEXT = multiprocessing.get_context("forkserver")
PRELOADED = (
    "ablate.workers.server", "ablate.workers.worker", "ablate.workers.keras_cell_trainer",
    "ablate.workers.model_checks",
)  # fmt: skip
"""What the server imports; the first of them sets up the server itself."""
PRELOADED_WITHOUT_KERAS = ("ablate.workers.server", "ablate.workers.worker")
SOCKET_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
"""Where the socket of the server may be if the folder for temporary files cannot hold it."""
START_ATTEMPTS = 3
START_PAUSE_SECONDS = 0.5
"""Time between two attempts to start a process, in which a server that is ending can end."""


def warm_up(log: Path, preloaded: Sequence[str] | None = None) -> None:
    """Start the server, which imports Keras while this process does something else.

    Args:
        log: Receives what this server, and any that replaces it, prints: libraries print during
            their import, and no setting silences all of it.
        preloaded: What the server imports; None for all that Keras needs.

    Raises:
        RequestError: No folder can hold the socket of the server.
    """
    os.environ["ABLATE_SERVER_LOG"] = str(log.absolute())
    CONTEXT.set_forkserver_preload(list(PRELOADED if preloaded is None else preloaded))
    with _temporary_files_in(_socket_folder()):
        util.get_temp_dir()  # multiprocessing makes its sockets there from now on
    with contextlib.suppress(OSError), sigint_blocked():  # `spawn` tries again, and reports why
        forkserver.ensure_running()


def _socket_folder() -> str:
    """The first folder that can hold a socket, whose path may have 107 bytes at most.

    Raises:
        RequestError: There is none.
    """
    folders = [*SOCKET_FOLDERS]
    with contextlib.suppress(OSError):  # there is no folder for temporary files
        folders.insert(0, tempfile.gettempdir())
    for folder in folders:
        if _holds_sockets(folder):
            return folder
    raise RequestError(
        f"Expected a folder for the socket of the worker processes: TMPDIR or one of "
        f"{', '.join(SOCKET_FOLDERS)}; none can hold it. Set TMPDIR to a writable folder whose "
        f"path is short."
    )


def _holds_sockets(folder: str) -> bool:
    try:
        with (
            tempfile.TemporaryDirectory(prefix="pymp-", dir=folder) as trial,
            socket.socket(socket.AF_UNIX) as listener,
        ):
            listener.bind(os.path.join(trial, "listener-xxxxxxxx"))
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _temporary_files_in(folder: str) -> Iterator[None]:
    before = tempfile.tempdir
    tempfile.tempdir = folder
    try:
        yield
    finally:
        tempfile.tempdir = before


@contextlib.contextmanager
def sigint_blocked() -> Iterator[None]:
    """Block SIGINT in this thread and in a server that it starts, which may not be ready for it."""
    resource_tracker.ensure_running()  # its start would end the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def spawn(target: Callable[..., None], *arguments: Any) -> BaseProcess:
    """Start a worker process, which exits when this process does.

    Raises:
        RequestError: The system does not let processes start.
        StopError: A signal is pending; the worker is killed as soon as it has started.
    """
    for attempt in range(START_ATTEMPTS):
        if attempt:
            stop.sleep(START_PAUSE_SECONDS)
        try:
            return _spawn(target, *arguments)
        except (OSError, EOFError, MemoryError, RuntimeError) as error:
            # No process or thread can be made, or the server has ended for that reason.
            reason = error_summary(error)
    raise RequestError(f"Expected to start a worker process; {reason}.{_process_limit()}")


def _process_limit() -> str:
    """The end of an error message: how many processes the user may have, if that is limited."""
    most, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if most == resource.RLIM_INFINITY:
        return ""
    return f" Processes and threads are limited to {most} (ulimit -u), which may be too few."


def _spawn(target: Callable[..., None], *arguments: Any) -> BaseProcess:
    process = CONTEXT.Process(target=_run_worker, args=(target, *arguments))
    stopped = threading.Event()

    def start() -> None:
        # The server may have died. Its successor is started here, and has to import Keras first.
        with sigint_blocked():
            process.start()
        if stopped.is_set():
            process.kill()

    try:
        stop.call(start)
    except stop.StopError:
        stopped.set()
        if process.pid is not None:
            process.kill()
        raise
    return process


def end(processes: Iterable[BaseProcess]) -> None:
    """Kill processes, unless they have ended, and wait for their end."""
    ending = list(processes)
    for process in ending:
        process.kill()
    for process in ending:
        process.join()


def _run_worker(target: Callable[..., None], *arguments: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # also for processes that a user's model starts
    parent = multiprocessing.parent_process()
    assert parent is not None
    if not parent.is_alive():
        os._exit(1)  # it ended while the server was importing
    threading.Thread(target=_exit_with, args=(parent,), daemon=True).start()
    target(*arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    # All results are on disk now. Skip TensorFlow's teardown, which only takes time.
    os._exit(0)


def _exit_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
