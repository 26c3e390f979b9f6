"""The epoch of a run that is best on the validation images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from ablate.config.recipe import Recipe
from ablate.study.response import Response
from ablate.training.initial_state import Epoch


class BestEpoch:
    """The best epoch so far, and the variables of the model after it.

    Attributes:
        epoch: Its number, counted from 1; 0 before the first.
        arrays: The variables of the model after it.
    """

    def __init__(self, measure: Response) -> None:
        """Start without an epoch.

        Args:
            measure: What epochs are compared by; of equal ones the first is the best.
        """
        self._name, self._sign = f"val_{measure.name}", -1 if measure.direction == "lower" else 1
        self.forget()

    def forget(self) -> None:
        """Start again."""
        self.epoch = 0
        self.arrays: tuple[NDArray[Any], ...] = ()
        self._value = 0.0

    def see(self, epoch: Epoch, read: Callable[[], Sequence[NDArray[Any]]]) -> None:
        """Compare an epoch that has just ended; `read` returns the variables of the model."""
        value = self._sign * epoch.numbers[self._name]
        if self.epoch == 0 or value > self._value:
            self.epoch, self.arrays, self._value = epoch.epoch, tuple(read()), value

    def restore(self, epochs: Sequence[Epoch], arrays: Sequence[NDArray[Any]]) -> None:
        """Resume after some epochs, of which the best one left these arrays."""
        self.forget()
        for epoch in epochs:
            self.see(epoch, lambda: arrays)


def best_of(measure: Response, recipe: Recipe) -> BestEpoch | None:
    """What remembers the best epoch; None for a recipe whose last epoch is judged."""
    return BestEpoch(measure) if recipe.select == "best" else None
