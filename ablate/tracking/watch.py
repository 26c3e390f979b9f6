"""Follows runs while they train by reading their folders, so it works with every launcher."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from ablate.store.events import Event
from ablate.store.folder import RunFolder
from ablate.store.plan import PlannedCell
from ablate.store.state import StudyState
from ablate.study.design import Run
from ablate.study.result import Result
from ablate.tracking.watchdog import AbandonedError, Watchdog

PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
INTERRUPTED_SECONDS = 3.0
"""How long an interrupted command waits for what is still to be recorded."""


class Follower(Protocol):
    """Receives what happens to runs."""

    def event(self, run: Run, event: Event) -> None:
        """A line was added to the journal of a run."""

    def ended(self, run: Run, result: Result) -> None:
        """The result of a run was committed; a run that is not settled may be resumed."""

    def tick(self) -> None:
        """All runs have been read once more."""


@dataclass
class _Position:
    """How far the folder of a run has been read.

    Attributes:
        run: The run.
        folder: Its folder.
        fingerprint: Its identity; a result with another fingerprint belongs to another run.
        settled: Its result, if it was settled before this command, which does not change it.
        offset: Where the unread part of the journal starts, in bytes.
        reported: The result that was last reported to the follower.
    """

    run: Run
    folder: RunFolder
    fingerprint: str
    settled: Result | None
    offset: int = 0
    reported: Result | None = None

    def result(self) -> Result | None:
        """The committed result of this run."""
        if self.settled is not None:
            return self.settled
        result = self.folder.result()
        return result if result is not None and result.fingerprint == self.fingerprint else None


class Watch:
    """Reads what is new in the folders of some runs and reports it to a follower."""

    def __init__(
        self,
        state: StudyState,
        *,
        follower: Follower,
        runs: Iterable[tuple[PlannedCell, Run]],
        from_now: bool = False,
    ) -> None:
        """Start to follow runs.

        Args:
            state: The study; its settled results are not read again.
            follower: Receives the events and results.
            runs: The runs to follow.
            from_now: Whether to skip what is in the folders already.
        """
        self._follower = follower
        settled = state.settled
        self._positions = [
            _Position(
                run,
                state.folder.run(run.cell.slug, run.seed),
                state.plan.fingerprint(planned, run.seed),
                settled.get(run),
            )
            for planned, run in runs
        ]
        for position in self._positions if from_now else ():
            position.reported = position.result()
            _, position.offset = position.folder.events()

    def look(self) -> None:
        """Read and report what is new since the last look."""
        self._positions = [item for item in self._positions if not self._is_settled(item)]
        self._follower.tick()

    def _is_settled(self, position: _Position) -> bool:
        """Read and report what is new of a run; return whether nothing can follow."""
        # Read the result first: once there is a result, the journal is complete.
        result = position.result()
        events, position.offset = position.folder.events(position.offset)
        for event in events:
            self._follower.event(position.run, event)
        if events and result is not None and result == position.reported:
            # The run was resumed, which removes the result first, and then may have ended again
            # with an equal result. Read once more, and report the result again if it is there.
            position.reported = None
            return self._is_settled(position)
        if result is not None and result != position.reported:
            self._follower.ended(position.run, result)
        position.reported = result
        return result is not None and result.status.settled


class WatchThread:
    """Looks repeatedly, in a thread of its own, from the start of a `with` block to its end."""

    def __init__(self, start: Callable[[], Watch], *, seconds: float) -> None:
        self._start, self._seconds = start, seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._repeat, daemon=True)
        self.fault: Exception | None = None

    def __enter__(self) -> WatchThread:
        self._thread.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._over.set()
        self._thread.join()

    def _repeat(self) -> None:
        try:
            watch = self._start()
            while not self._over.wait(self._seconds):
                watch.look()
            watch.look()
        except Exception as error:
            self.fault = error


class RetryingWatchThread(WatchThread):
    """A watch whose follower may fail: after a pause, a new follower receives everything again.

    Attributes:
        fault: Why the follower has not received everything; None if it has.
        most_seconds: How long the end of the block may wait for the follower; None for no limit
            while it makes progress.
    """

    def __init__(self, start: Callable[[], Watch], *, seconds: float, watchdog: Watchdog) -> None:
        super().__init__(start, seconds=seconds)
        self._watchdog, self._pause = watchdog, PAUSE_SECONDS
        self.most_seconds: float | None = None

    def __exit__(self, *error: object) -> None:
        self._over.set()
        seconds = self.most_seconds if error[0] is None else INTERRUPTED_SECONDS
        interruption = self._watchdog.wait(self._thread, seconds=seconds)
        self.fault = self.fault or interruption

    def _repeat(self) -> None:
        while True:
            last = self._over.is_set()
            try:
                self._follow()
                return
            except AbandonedError:
                return
            except Exception as error:
                self.fault = error
            if last:
                return
            self._over.wait(self._pause)
            self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)

    def _follow(self) -> None:
        watch = self._start()
        while True:
            last = self._over.is_set()
            watch.look()
            self.fault, self._pause = None, PAUSE_SECONDS
            if last:
                return
            self._over.wait(self._seconds)
