"""Whether MLflow still answers: what lets a command wait for it, and yet never hang with it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

SILENCE_SECONDS = 10.0
"""How long a call to MLflow may go without an answer before nobody waits for it any more."""


class AbandonedError(Exception):
    """Nobody waits for this recording any more, so it must not write on."""


class Watchdog:
    """Feels whether a recording in another thread gets on."""

    def __init__(self) -> None:
        self._asked: float | None = None
        self._abandoned = False

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        """What is done in this block waits for an answer of MLflow.

        Raises:
            AbandonedError: `wait` has given up.
        """
        if self._abandoned:
            raise AbandonedError
        self._asked = time.monotonic()
        try:
            yield
        finally:
            self._asked = None

    def wait(self, thread: threading.Thread, *, seconds: float | None = None) -> bool:
        """Wait for a recording to end, as long as MLflow answers.

        Args:
            thread: Where it records; left behind, unable to write more, if it does not end.
            seconds: The most to wait, however well it gets on; None for no limit.

        Returns:
            Whether it has ended.
        """
        start = time.monotonic()
        while thread.is_alive():
            asked = self._asked
            now = time.monotonic()
            silent = asked is not None and now - asked > SILENCE_SECONDS
            if silent or (seconds is not None and now - start > seconds):
                self._abandoned = True
                return False
            thread.join(0.05)
        return True


def attempt(
    task: Callable[[], None], watchdog: Watchdog, *, seconds: float | None = None
) -> Exception | None:
    """Do something that asks MLflow, and give it up when there is no answer.

    Args:
        task: What is done, in a thread of its own.
        watchdog: That of the recorder that it uses.
        seconds: The most that it may take, however well it gets on; None for no limit.

    Returns:
        What went wrong; None if it was done.
    """
    faults: list[Exception] = []

    def guarded() -> None:
        try:
            task()
        except Exception as error:
            faults.append(error)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    if not watchdog.wait(thread, seconds=seconds):
        return NoAnswerError()
    return faults[0] if faults else None


class NoAnswerError(Exception):
    """MLflow was given up on."""

    def __str__(self) -> str:
        return "no answer for too long"
