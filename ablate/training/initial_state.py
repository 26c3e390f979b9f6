"""What a run starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one pass over the training images gave.

    Attributes:
        epoch: Counted from 1.
        numbers: ``loss`` and the measures of the task, by name: means over the images of the pass,
            while the weights were changing. With the prefix ``val_``, the same on the validation
            images at the end of the pass.
        seconds: Wall time of the pass, without validation.
    """

    epoch: int
    numbers: Mapping[str, float]
    seconds: float


@dataclass(frozen=True, slots=True)
class InitialState:
    """What a run starts from: the fresh weights of its seed, or an epoch that it had reached.

    Attributes:
        epochs: The epochs that were trained already; empty for a run that starts fresh.
        arrays: Every variable of the model and the optimizer after these epochs: weights,
            statistics, states of random generators, moments, in the order of the trainer; empty for
            a run that starts fresh. Streams that are hashed from a name and the run seed, such as
            the shuffle, have no state.
    """

    epochs: tuple[Epoch, ...] = ()
    arrays: tuple[NDArray[Any], ...] = ()


FRESH = InitialState()
"""The start of a run that has no checkpoint."""
