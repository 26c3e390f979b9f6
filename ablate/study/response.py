"""A response: a named number by which a run is judged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from ablate.errors import RequestError

Direction = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class Response:
    """A named number by which a run is judged.

    Attributes:
        name: Its key in a result, such as ``test_accuracy``.
        direction: Whether ``higher`` or ``lower`` is better; None until `completed_by`
            takes it from the task.
        unit: ``fraction`` (shown as percent), ``percent``, ``seconds``, ``bytes`` or empty.
    """

    name: str
    direction: Direction | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise RequestError(f"Expected the name of a response; received {self.name!r}.")
        if self.direction not in ("higher", "lower", None):
            raise RequestError(
                f"Expected direction higher or lower for {self.name!r}; received "
                f"{self.direction!r}."
            )
        if not isinstance(self.unit, str):
            raise RequestError(
                f"Expected the unit of {self.name!r} as text; received {self.unit!r}."
            )

    def completed_by(self, known: Response) -> Response:
        """The response with direction and unit of the known one of its name, where it has none."""
        if self.direction is not None:
            return self
        return replace(known, unit=self.unit or known.unit)
