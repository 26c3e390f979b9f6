"""What the folder of a run holds, in the form that MLflow gets it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ablate.store.plan import digest
from ablate.study.result import Result
from ablate.tracking.mlflow.records import Point
from ablate.tracking.mlflow.values import final_numbers, safe_key

FORMAT = 2
"""Changes with what is recorded of a run, so that the runs of earlier versions are completed."""
MILLISECONDS = 1000


@dataclass
class Followed:
    """What the folder of a run holds.

    Attributes:
        attempt: Name of the attempt.
        curves: Names of the numbers that have a value for each epoch.
        start: When it was started, in milliseconds since 1970; None if unknown.
        epochs: The finite numbers of each epoch.
        result: How it ended; None before that, and again once it is resumed.
    """

    attempt: str
    curves: frozenset[str]
    start: int | None = None
    epochs: dict[int, dict[str, float]] = field(default_factory=dict)
    result: Result | None = None

    def digest(self, name: str) -> str:
        """Differs whenever there is more to record of a run that has ended.

        Args:
            name: What the run is called.
        """
        assert self.result is not None
        return digest([FORMAT, name, self.result.as_json(), sorted(self.epochs)])

    def end(self, start: int) -> int:
        """When it ended, in milliseconds; where that is unknown, after the time of its epochs.

        Args:
            start: When it started in MLflow.
        """
        trained = start + self._milliseconds(len(self.epochs))
        if self.start is None or self.result is None:
            return trained
        return max(trained, int(MILLISECONDS * self.result.unix_time))

    def points(self, start: int) -> list[Point]:
        """All points, epochs in order.

        Their times depend on the journal only. MLflow therefore recognises a point that is written
        again, for example after a call that was answered too late.

        Args:
            start: When the run started in MLflow, in milliseconds.
        """
        points = []
        for passed, (epoch, numbers) in enumerate(sorted(self.epochs.items()), start=1):
            now = start + self._milliseconds(passed)
            points += [Point(safe_key(key), value, now, epoch) for key, value in numbers.items()]
        if self.result is not None and self.result.status.settled:
            points += self._final_points(self.result, start + self._milliseconds(len(self.epochs)))
        return points

    def _final_points(self, result: Result, now: int) -> list[Point]:
        """Final numbers; one that differs from the end of its curve continues the curve."""
        last: dict[str, float] = {}
        steps: dict[str, int] = {}
        for epoch, numbers in sorted(self.epochs.items()):
            last |= numbers
            steps |= dict.fromkeys(numbers, epoch)
        return [
            Point(safe_key(key), value, now, steps.get(key, -1) + 1)
            for key, value in final_numbers(result, last=last).items()
        ]

    def _milliseconds(self, epochs: int) -> int:
        """How long the first epochs took."""
        seconds = [numbers.get("seconds", 0.0) for _, numbers in sorted(self.epochs.items())]
        return int(MILLISECONDS * sum(seconds[:epochs]))
