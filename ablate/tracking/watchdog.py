"""Limits how long a command waits for MLflow, so that a hanging server never stops a study."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

CALL_TIMEOUT_SECONDS = 10.0
"""How long one call to MLflow may take before the command stops waiting for the recording."""


class AbandonedError(Exception):
    """The command no longer waits for this recording, so the recording must not write any more."""


class NoAnswerError(Exception):
    """MLflow took too long, and the command stopped waiting."""

    def __str__(self) -> str:
        return "no answer for too long"


class Watchdog:
    """Knows whether a recording in another thread still makes progress."""

    def __init__(self) -> None:
        self._call_started: float | None = None
        self._abandoned = False

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        """Mark the block as one call that waits for MLflow.

        Raises:
            AbandonedError: `wait` has given up.
        """
        if self._abandoned:
            raise AbandonedError
        self._call_started = time.monotonic()
        try:
            yield
        finally:
            self._call_started = None

    def wait(self, thread: threading.Thread, *, seconds: float | None = None) -> bool:
        """Wait until a recording ends, as long as each of its calls is answered in time.

        Args:
            thread: The thread that records. If it does not end, it keeps running but its next call
                raises.
            seconds: The longest time to wait; None for no limit while MLflow answers.

        Returns:
            Whether it has ended.
        """
        start = time.monotonic()
        while thread.is_alive():
            call_started = self._call_started
            now = time.monotonic()
            timed_out = call_started is not None and now - call_started > CALL_TIMEOUT_SECONDS
            if timed_out or (seconds is not None and now - start > seconds):
                self._abandoned = True
                return False
            thread.join(0.05)
        return True


def attempt(
    task: Callable[[], None], watchdog: Watchdog, *, seconds: float | None = None
) -> Exception | None:
    """Run a task that calls MLflow, and stop waiting for it when MLflow does not answer.

    Args:
        task: The task; runs in a thread of its own.
        watchdog: The watchdog of the recorder that the task uses.
        seconds: The longest time to wait; None for no limit while MLflow answers.

    Returns:
        What went wrong; None if the task was completed.
    """
    errors: list[Exception] = []

    def run_task() -> None:
        try:
            task()
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run_task, daemon=True)
    thread.start()
    if not watchdog.wait(thread, seconds=seconds):
        return NoAnswerError()
    return errors[0] if errors else None
