"""Limits how long a study waits for MLflow, so that a hanging server never stops it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from ablate.process import stop

CALL_TIMEOUT_SECONDS = 10.0
"""How long a server may take to answer one call before a study stops waiting for the recording."""
NOTICE_SECONDS = 3.0
"""After how long the terminal shows what a command waits for."""


class AbandonedError(Exception):
    """The command no longer waits for this recording, so the recording must not write any more."""


class NoAnswerError(Exception):
    """The command stopped waiting for MLflow; the message is the reason."""

    def __init__(self, reason: str = "no answer for too long") -> None:
        super().__init__(reason)


class Watchdog:
    """Knows what a recording in another thread does now, and whether MLflow still answers it."""

    def __init__(
        self, *, limited: bool = True, show: Callable[[str], None] = lambda line: None
    ) -> None:
        """Start to watch.

        Args:
            limited: Whether the time of a call is limited, as in a study.
            show: Shows a line to the user while a command waits.
        """
        self.limited = limited
        self.show = show
        self._activity = "starting"
        self._call_started: float | None = None
        self._abandoned = False

    @contextlib.contextmanager
    def call(self, activity: str, *, limited: bool = True) -> Iterator[None]:
        """Mark the block as one call that waits for MLflow.

        Args:
            activity: What the block does, such as ``creating the database``.
            limited: Whether its time is limited. It is not for work of this machine, which takes
                long if the machine is busy.

        Raises:
            AbandonedError: `wait` has given up.
        """
        if self._abandoned:
            raise AbandonedError
        self._activity = activity
        self._call_started = time.monotonic() if limited and self.limited else None
        try:
            yield
        finally:
            self._call_started = None

    def wait(
        self, thread: threading.Thread, *, seconds: float | None = None
    ) -> NoAnswerError | None:
        """Wait until a recording ends, as long as each limited call is answered in time.

        A signal ends the wait. It stays pending, for the caller to act on.

        Args:
            thread: The thread that records. If it does not end, it keeps running but its next call
                raises.
            seconds: The longest time to wait; None for no limit while MLflow answers.

        Returns:
            Why it has not ended; None if it has.
        """
        start = time.monotonic()
        shown, next_notice = set[str](), start + NOTICE_SECONDS
        while thread.is_alive():
            now = time.monotonic()
            if self._timed_out() or (seconds is not None and now - start > seconds):
                self._abandoned = True
                return NoAnswerError()
            if stop.pending():
                self._abandoned = True
                return NoAnswerError("the wait was interrupted")
            if now > next_notice and self._activity not in shown:
                shown.add(self._activity)
                next_notice = now + NOTICE_SECONDS
                self.show(f"Waiting for MLflow ({self._activity}). Ctrl-C ends the wait.")
            thread.join(stop.POLL_SECONDS)
        return None

    def _timed_out(self) -> bool:
        call_started = self._call_started
        if call_started is None:
            return False
        return time.monotonic() - call_started > CALL_TIMEOUT_SECONDS


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
    interruption = watchdog.wait(thread, seconds=seconds)
    return interruption or (errors[0] if errors else None)
