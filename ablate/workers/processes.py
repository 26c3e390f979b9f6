"""Worker processes: forked from a server that has imported Keras, so that each starts at once.

Importing Keras is safe before a fork; running an operation or touching a GPU is not, and the server
does neither. A fresh process for each unit keeps TensorFlow's leak (about 8 MB a model) and any
crash out of the study.
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

CONTEXT = multiprocessing.get_context("forkserver")


def warm_up(log: Path) -> None:
    """Start the server now, so that it imports while this process does something else.

    Args:
        log: Takes what libraries print on being imported, which no setting silences altogether.
    """
    CONTEXT.set_forkserver_preload(["ablate.workers.worker", "ablate.workers.model_checks"])
    with printing_to(log):
        forkserver.ensure_running()


@contextlib.contextmanager
def printing_to(log: Path) -> Iterator[None]:
    """Send what this process, and those it starts, print to a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(descriptor) for descriptor in (1, 2)]
    with log.open("a", encoding="utf-8") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
    try:
        yield
    finally:
        for descriptor, before in zip((1, 2), kept, strict=True):
            os.dup2(before, descriptor)
            os.close(before)


def spawn(target: Callable[..., None], *arguments: Any) -> BaseProcess:
    """A started worker process; it dies with this one."""
    process = CONTEXT.Process(target=_guarded, args=(target, *arguments))
    process.start()
    return process


def _guarded(target: Callable[..., None], *arguments: Any) -> None:
    # Ctrl-C reaches the whole terminal's process group; what to do about it is the parent's choice.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()
    target(*arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    # Past this point nothing is owed to anyone, and TensorFlow's teardown only takes time.
    os._exit(0)


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
