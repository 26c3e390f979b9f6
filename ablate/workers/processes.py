"""Worker processes, forked from a server that has already imported Keras, so that they start fast.

Importing Keras is safe before a fork; running an operation or touching a GPU is not, so the server
only imports. Each unit gets a fresh process, because TensorFlow leaks memory (about 8 MB a model)
and because a crash must not end the study.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing import forkserver, resource_tracker
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from ablate.process import stop

CONTEXT = multiprocessing.get_context("forkserver")
PRELOADED = ("ablate.workers.server", "ablate.workers.worker", "ablate.workers.model_checks")
"""What the server imports; the first of them sets up the server itself."""


def warm_up(log: Path) -> None:
    """Start the server, which imports Keras while this process does something else.

    Args:
        log: Receives what this server, and any that replaces it, prints: libraries print during
            their import, and no setting silences all of it.
    """
    os.environ["ABLATE_SERVER_LOG"] = str(log.absolute())
    CONTEXT.set_forkserver_preload(list(PRELOADED))
    with _sigint_blocked():
        forkserver.ensure_running()


@contextlib.contextmanager
def _sigint_blocked() -> Iterator[None]:
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
        StopError: A signal is pending; the worker is killed as soon as it has started.
    """
    process = CONTEXT.Process(target=_run_worker, args=(target, *arguments))
    stopped = threading.Event()

    def start() -> None:
        # The server may have died. Its successor is started here, and has to import Keras first.
        with _sigint_blocked():
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


def _run_worker(target: Callable[..., None], *arguments: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # also for processes that a user's model starts
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    target(*arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    # All results are on disk now. Skip TensorFlow's teardown, which only takes time.
    os._exit(0)


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
