"""Following runs while they train, by reading their folders; no launcher needs to know of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from ablate.design import Run
from ablate.result import Result
from ablate.store.folder import StudyFolder
from ablate.store.plan import Plan, PlannedCell


class Follower(Protocol):
    """What wants to know how runs are getting on."""

    def event(self, run: Run, event: dict[str, Any]) -> None:
        """A line was added to the journal of a run."""

    def ended(self, run: Run, result: Result) -> None:
        """The result of a run was committed."""

    def tick(self) -> None:
        """A look at all runs is over."""


class Watch:
    """Reads what is new in the folders of some runs, and tells a follower."""

    def __init__(
        self,
        folder: StudyFolder,
        plan: Plan,
        *,
        follower: Follower,
        runs: Iterable[tuple[PlannedCell, Run]],
    ) -> None:
        self._folder, self._plan, self._follower = folder, plan, follower
        self._read = {
            (planned.cell.slug, run.seed): (run, plan.fingerprint(planned, run.seed), 0)
            for planned, run in runs
        }

    def look(self) -> None:
        """Read what is new since the last look."""
        for (slug, seed), (run, fingerprint, offset) in list(self._read.items()):
            place = self._folder.run(slug, seed)
            # The result is read first: whatever the journal holds then is all there will be.
            result = place.result()
            events, offset = place.events(offset)
            self._read[slug, seed] = (run, fingerprint, offset)
            for event in events:
                self._follower.event(run, event)
            if result is not None and result.fingerprint == fingerprint:
                self._follower.ended(run, result)
                del self._read[slug, seed]
        self._follower.tick()


class Watching:
    """Looks again and again in a thread of its own, from `with` to the end of its block."""

    def __init__(self, start: Callable[[], Watch], *, seconds: float) -> None:
        self._start, self._seconds = start, seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._repeat, daemon=True)
        self.fault: Exception | None = None

    def __enter__(self) -> Watching:
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
