"""The engine: what a backend does for the trainer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ablate.errors import RequestError
from ablate.training.reset import layers_by_path

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import NDArray

EVALUATION_BATCH = 256
"""Images that are evaluated at once, unless they are large."""
EVALUATION_BYTES = 2**28
"""What the largest output of a layer may take of the memory during an evaluation."""

Alive = Callable[[], None]
"""Called every few steps as a heartbeat of the training."""


class StepHooks(Protocol):
    """What is called around each training step, counted from 0 in its epoch."""

    def begin(self, step: int) -> None:
        """Called before a step."""

    def end(self, step: int, numbers: Mapping[str, float]) -> None:
        """Called after a step, with the numbers of the epoch so far."""


class Engine(Protocol):
    """What a backend does for the trainer.

    Numbers are ``loss`` and the measures of the task by name, each a mean over the images.
    """

    def prepare(self, *, steps: int) -> None:
        """Compile what is not compiled, and take some steps; with none, the model is unchanged."""

    def train(
        self, order: NDArray[np.int32], alive: Alive, *, hooks: StepHooks | None = None
    ) -> Mapping[str, float]:
        """Take a step for each row of image indices, `order` being of shape `(steps, batch)`.

        With hooks, the model holds the variables of each step when they are called. That takes more
        time, and it changes no number.
        """

    def evaluate(self, part: str) -> Mapping[str, float]:
        """Run the model in inference mode on the `train`, `validation` or `test` images."""

    def read(self, variables: Sequence[keras.Variable]) -> list[NDArray[Any]]:
        """Return copies of what variables hold."""


def evaluation_batch(model: keras.Model) -> int:
    """Images that are evaluated at once: fewer where they would take too much memory.

    Layers whose outputs are not known, such as those of a model of a class of its own, are taken
    to be small.
    """
    values = [_values(layer) for layer in layers_by_path(model).values()]
    return max(1, min(EVALUATION_BATCH, EVALUATION_BYTES // (4 * max(values))))


def _values(layer: keras.Layer) -> int:
    """Numbers in the output of a layer for one image; 1 if that is not known."""
    shape = getattr(getattr(layer, "output", None), "shape", ())
    return math.prod(size or 1 for size in shape[1:])


def numbers_of(results: Mapping[str, Any]) -> dict[str, float]:
    """What Keras' metrics report, by name.

    Args:
        results: The result of each metric; one that reports several numbers has a mapping of them.

    Raises:
        RequestError: A result is an array.
    """
    numbers: dict[str, float] = {}
    for name, result in results.items():
        each = result if isinstance(result, Mapping) else {name: result}
        numbers |= {own: _number(own, number) for own, number in each.items()}
    return numbers


def _number(name: str, result: Any) -> float:
    try:
        return float(result)
    except TypeError as error:
        raise RequestError(
            f"Expected metrics that give a number; received {name} with an array of shape "
            f"{tuple(result.shape)}. F1Score gives one with average: macro."
        ) from error
