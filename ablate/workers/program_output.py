"""What an external program says: its epochs and its result, as JSON."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ablate.errors import nearest
from ablate.store.events import MOST_EPOCHS, MOST_SECONDS, TAKEN
from ablate.store.schema import SchemaError, parse_json
from ablate.study.result import Status
from ablate.study.study import LARGEST
from ablate.training.initial_state import Epoch

MOST_NUMBERS = 200
"""Numbers of a line or a result that are kept besides those that are needed."""
LONGEST_NAME = 100
SIZES = ("parameters", "macs")
"""Numbers of a result that are costs, and no responses."""
PARTS = ("step", "batch", "iteration", "global_step")
"""Numbers of lines about a part of an epoch."""
NOT_FINITE = ("nan", "na", "inf", "+inf", "-inf", "infinity", "-infinity")
"""Texts by which programs write a number that JSON cannot hold, in lower case."""


class ProgramError(Exception):
    """A program did not train its run to the end.

    Attributes:
        status: How the run ended.
    """

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status


class ProgramOutput:
    """What was read so far of a program's standard output.

    Attributes:
        last: The last line of JSON that held every response; without one, the last line of JSON.
    """

    def __init__(self, responses: Sequence[str]) -> None:
        """Read nothing yet.

        Args:
            responses: The names of the responses that the result must hold.
        """
        self._responses = responses
        self._has_all = False
        self._first_epoch: float | None = None
        self._epoch = 0
        self._numbers: dict[str, float] = {}
        self._epoch_started = self._last_time = time.monotonic()
        self.last: Mapping[str, Any] | None = None

    def read(self, line: bytes) -> Epoch | None:
        """Read a line; returns the epoch that it reports, if it does."""
        line = line.strip()
        if not line.startswith(b"{"):
            return None
        try:
            content = parse_json(line)
        except SchemaError:
            return None
        numbers = numbers_of(content, ("epoch", *self._responses))
        has_all = all(name in numbers for name in self._responses)
        if has_all or not self._has_all:
            self.last, self._has_all = content, has_all
        return self._read_epoch(numbers)

    def _read_epoch(self, numbers: Mapping[str, float]) -> Epoch | None:
        """The epoch of a line, with the numbers that earlier lines gave of it."""
        number = numbers.get("epoch", math.nan)
        if not number.is_integer() or any(name in numbers for name in PARTS):
            return None
        if self._first_epoch is None:
            self._first_epoch = number
        # The journal counts from 1, a program possibly from 0.
        epoch = int(number) + (1 if self._first_epoch == 0 else 0)
        if not 1 <= epoch < MOST_EPOCHS:
            return None
        now = time.monotonic()
        if epoch != self._epoch:
            self._epoch, self._numbers, self._epoch_started = epoch, {}, self._last_time
        self._last_time = now
        self._numbers.update(numbers)
        seconds = self._numbers.get("seconds", math.nan)
        if not 0 <= seconds < MOST_SECONDS:
            seconds = now - self._epoch_started
        own = {key: each for key, each in self._numbers.items() if key not in (*TAKEN, "event")}
        return Epoch(epoch, own, seconds)


def responses_of(content: Mapping[str, Any], needed: Sequence[str]) -> dict[str, float]:
    """The numbers of a result.

    Args:
        content: The result, as JSON values.
        needed: The names of the responses that it must hold.

    Raises:
        ProgramError: One is missing or no number, or is not finite.
    """
    numbers = numbers_of(content, needed)
    for name in needed:
        if name not in numbers:
            known = nearest(name, numbers) if numbers else " It holds no number."
            raise ProgramError(
                Status.FAILED, f"Expected the number {name} in the result of the program.{known}"
            )
        if not abs(numbers[name]) < LARGEST:
            raise ProgramError(Status.DIVERGED, f"{name} is {numbers[name]:g} in the result.")
    return {
        name: number
        for name, number in numbers.items()
        if abs(number) < LARGEST and name not in SIZES
    }


def numbers_of(content: Mapping[str, Any], needed: Sequence[str]) -> dict[str, float]:
    """The numbers of a JSON object by name, with dots in the names of nested ones.

    Args:
        content: The object.
        needed: Names of numbers that are kept however many there are.
    """
    found = {name: number for name, number in _numbers(content, "") if len(name) <= LONGEST_NAME}
    for name in [name for name in found if name not in needed][MOST_NUMBERS:]:
        del found[name]
    return found


def _numbers(content: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, float]]:
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{key}.")
        elif (number := _number(value)) is not None:
            yield f"{prefix}{key}", number


def _number(value: object) -> float | None:
    """A number; not a number for null; None for what is none."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]  # as R writes a number by default
    if value is None or (isinstance(value, str) and value.lower() in NOT_FINITE):
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf
