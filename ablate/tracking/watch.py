"""Following runs while they train, by reading their folders; no launcher needs to know of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from ablate.store.events import Event
from ablate.store.plan import PlannedCell
from ablate.store.state import StudyState
from ablate.study.design import Run
from ablate.study.result import Result
from ablate.tracking.watchdog import AbandonedError, NoAnswerError, Watchdog

PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
BROKEN_OFF_SECONDS = 3.0


class Follower(Protocol):
    """What wants to know how runs are getting on."""

    def event(self, run: Run, event: Event) -> None:
        """A line was added to the journal of a run."""

    def ended(self, run: Run, result: Result) -> None:
        """The result of a run was committed; one that is not settled may yet go on."""

    def tick(self) -> None:
        """A look at all runs is over."""


@dataclass
class _Place:
    """How far the folder of a run has been read.

    Attributes:
        run: The run.
        fingerprint: Its identity; a result of another is none of it.
        offset: Where the journal is read on.
        told: The result that the follower was last told.
    """

    run: Run
    fingerprint: str
    offset: int = 0
    told: Result | None = None


class Watch:
    """Reads what is new in the folders of some runs, and tells a follower."""

    def __init__(
        self,
        state: StudyState,
        *,
        follower: Follower,
        runs: Iterable[tuple[PlannedCell, Run]],
        from_now: bool = False,
    ) -> None:
        """Begin to follow.

        Args:
            state: The study; its settled results are not read again.
            follower: Who is told.
            runs: What is followed.
            from_now: Whether what is there already is not worth telling.
        """
        self._folder, self._follower = state.folder, follower
        self._known: Mapping[Run, Result] = state.settled
        self._places = [
            _Place(run, state.plan.fingerprint(planned, run.seed)) for planned, run in runs
        ]
        for place in self._places if from_now else ():
            place.told = self._result(place)
            _, place.offset = self._folder.run(place.run.cell.slug, place.run.seed).events()

    def look(self) -> None:
        """Read what is new since the last look."""
        self._places = [place for place in self._places if not self._settled(place)]
        self._follower.tick()

    def _settled(self, place: _Place) -> bool:
        """Read what is new of a run; whether nothing will follow."""
        # The result is read first: whatever the journal holds then is all there will be.
        result = self._result(place)
        folder = self._folder.run(place.run.cell.slug, place.run.seed)
        events, place.offset = folder.events(place.offset)
        for event in events:
            self._follower.event(place.run, event)
        if events and result is not None and result == place.told:
            # It has gone on since that was told, for which the result is removed first: look again,
            # as it may have ended just as it did before.
            place.told = None
            return self._settled(place)
        if result is not None and result != place.told:
            self._follower.ended(place.run, result)
        place.told = result
        return result is not None and result.status.settled

    def _result(self, place: _Place) -> Result | None:
        if place.run in self._known:
            return self._known[place.run]
        result = self._folder.run(place.run.cell.slug, place.run.seed).result()
        return result if result is not None and result.fingerprint == place.fingerprint else None


class WatchThread:
    """Looks again and again in a thread of its own, from `with` to the end of its block."""

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
    """Watching for a follower that may fail: after a pause all is told to a new one.

    Attributes:
        fault: Why not all has been told; None if it has.
        most_seconds: How long the end of the block may wait for what is left to tell; None for as
            long as it gets on.
    """

    def __init__(self, start: Callable[[], Watch], *, seconds: float, watchdog: Watchdog) -> None:
        super().__init__(start, seconds=seconds)
        self._pulse, self._pause = watchdog, PAUSE_SECONDS
        self.most_seconds: float | None = None

    def __exit__(self, kind: object, *unused: object) -> None:
        self._over.set()
        most = self.most_seconds if kind is None else BROKEN_OFF_SECONDS
        if not self._pulse.wait(self._thread, seconds=most) and self.fault is None:
            self.fault = NoAnswerError()

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
