"""The events of a run's journal, as typed records; a line of JSON each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ablate.study.result import Status


@dataclass(frozen=True, slots=True)
class Started:
    """A run was started from its beginning.

    Attributes:
        attempt: Name of the attempt; a run that is resumed keeps it.
        fingerprint: Identity of the run.
    """

    attempt: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class EpochEnded:
    """An epoch was trained.

    Attributes:
        epoch: Counted from 1.
        numbers: What was measured, by name: ``loss`` and the measures of the task, and the same on
            the validation images with the prefix ``val_``.
        seconds: Wall time of the pass over the training images.
    """

    epoch: int
    numbers: Mapping[str, float]
    seconds: float


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The process that trained the run ended before the run did.

    Attributes:
        status: How the process ended.
        cause: Why, in a few words.
    """

    status: Status
    cause: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """Another process resumed the run.

    Attributes:
        epoch: Epochs that its checkpoint holds; 0 if the run starts from its beginning.
        cause: Why the run was interrupted.
        skipped: What was wrong with newer checkpoints that could not be used, one entry each.
    """

    epoch: int
    cause: str
    skipped: tuple[str, ...] = ()


Event = Started | EpochEnded | Interrupted | Resumed


def to_line(event: Event) -> str:
    """The event as a line of the journal, with its line break."""
    match event:
        case EpochEnded():
            content = {"epoch": event.epoch, **event.numbers, "seconds": event.seconds}
        case _:
            content = asdict(event)
    return json.dumps({"event": _NAMES[type(event)], **content}) + "\n"


def from_line(line: bytes) -> Event | None:
    """The event that `to_line` wrote; None for a line that a failing disk has damaged."""
    try:
        content = json.loads(line)
        return _READERS[content.pop("event")](content)
    except (ValueError, TypeError, LookupError, AttributeError):
        return None


def _started(content: dict[str, Any]) -> Started:
    return Started(str(content["attempt"]), str(content["fingerprint"]))


def _epoch(content: dict[str, Any]) -> EpochEnded:
    epoch, seconds = int(content.pop("epoch")), float(content.pop("seconds"))
    return EpochEnded(epoch, {key: float(value) for key, value in content.items()}, seconds)


def _interrupted(content: dict[str, Any]) -> Interrupted:
    return Interrupted(Status(content["status"]), str(content["cause"]))


def _resumed(content: dict[str, Any]) -> Resumed:
    return Resumed(int(content["epoch"]), str(content["cause"]), tuple(content["skipped"]))


_NAMES: Mapping[type, str] = {
    Started: "started",
    EpochEnded: "epoch",
    Interrupted: "interrupted",
    Resumed: "resumed",
}
_READERS: Mapping[str, Callable[[dict[str, Any]], Event]] = {
    "started": _started,
    "epoch": _epoch,
    "interrupted": _interrupted,
    "resumed": _resumed,
}
