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
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from ablate.store.disk import open_to_append

CONTEXT = multiprocessing.get_context("forkserver")


def warm_up(log: Path) -> None:
    """Start the server, which imports Keras while this process does something else.

    Args:
        log: Receives what libraries print during their import; no setting silences all of it.
    """
    CONTEXT.set_forkserver_preload(["ablate.workers.worker", "ablate.workers.model_checks"])
    with print_to(log):
        forkserver.ensure_running()


@contextlib.contextmanager
def print_to(log: Path) -> Iterator[None]:
    """Append to a file what this process, and processes started in the block, print."""
    sys.stdout.flush()
    sys.stderr.flush()
    originals = [os.dup(descriptor) for descriptor in (1, 2)]
    with open_to_append(log) as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
    try:
        yield
    finally:
        for descriptor, original in zip((1, 2), originals, strict=True):
            os.dup2(original, descriptor)
            os.close(original)


def spawn(target: Callable[..., None], *arguments: Any) -> BaseProcess:
    """Start a worker process, which exits when this process does."""
    process = CONTEXT.Process(target=_run_worker, args=(target, *arguments))
    process.start()
    return process


def _run_worker(target: Callable[..., None], *arguments: Any) -> None:
    # Ctrl-C reaches every process of the terminal; only the parent decides what to do about it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
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
