"""The events of a run's journal, as typed records; a line of JSON each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from ablate.store.schema import SchemaError, decode, parse_json
from ablate.study.result import Status, check_fingerprint, check_unix_time

MOST_EPOCHS = 2**31
MOST_SECONDS = 1e9
LONGEST_LINE = 1_000_000
TAKEN = ("cell", "seed", "epoch", "seconds")
"""Names in a table of epochs that no measure has."""


@dataclass(frozen=True, slots=True)
class Started:
    """A run was started from its beginning.

    Attributes:
        attempt: Name of the attempt; a run that is resumed keeps it.
        fingerprint: Identity of the run.
        unix_time: When it was started, in seconds since 1970; 0 in journals of earlier versions.
    """

    attempt: str
    fingerprint: str
    unix_time: float = field(default=0.0, compare=False)

    def __post_init__(self) -> None:
        check_fingerprint(self.fingerprint)
        check_unix_time(self.unix_time)


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

    def __post_init__(self) -> None:
        if not 1 <= self.epoch < MOST_EPOCHS or not 0 <= self.seconds < MOST_SECONDS:
            raise ValueError(
                f"Expected an epoch of 1 or more and its seconds; received epoch {self.epoch} "
                f"with {self.seconds} seconds."
            )
        if taken := [name for name in TAKEN if name in self.numbers]:
            raise ValueError(f"Expected names of measures; received {taken[0]!r}.")


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

    def __post_init__(self) -> None:
        if not 0 <= self.epoch < MOST_EPOCHS:
            raise ValueError(f"Expected an epoch of 0 or more; received {self.epoch}.")


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
    if len(line) > LONGEST_LINE:
        return None
    try:
        content = parse_json(line)
        kind = _KINDS[content.pop("event")]
        if kind is EpochEnded:
            own = {name: content.pop(name) for name in ("epoch", "seconds")}
            content = {**own, "numbers": content}
        event: Event = decode(content, kind)
    except (SchemaError, LookupError, TypeError, AttributeError):
        return None
    return event


_NAMES: Mapping[type, str] = {
    Started: "started",
    EpochEnded: "epoch",
    Interrupted: "interrupted",
    Resumed: "resumed",
}
_KINDS: Mapping[str, type] = {name: kind for kind, name in _NAMES.items()}
