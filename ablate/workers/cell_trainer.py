"""The seam between a worker and what trains the runs of one cell.

Code that this module and its implementations import belongs to the identity of every run. So they
import what can change a result, and nothing that stores, reports or schedules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ablate.training.initial_state import Epoch, InitialState


@dataclass(frozen=True, slots=True)
class Finished:
    """A seed was trained to its end.

    Attributes:
        responses: The responses of its run, by name.
    """

    responses: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Failed:
    """A seed cannot be trained to its end.

    Attributes:
        error: What was raised; a DivergedError if a loss was not finite.
    """

    error: BaseException


Step = Epoch | Finished | Failed
"""What happened to a seed: some epochs, then one end."""


class CellTrainer(Protocol):
    """Trains the seeds of one cell, in whatever way.

    Keras trains one seed after the other. Another implementation may train several seeds at the
    same time on a GPU, or run an external command. The worker keeps journals, checkpoints and
    results.
    """

    def prepare(self) -> None:
        """Load and build what all seeds share; does nothing if that is done.

        Raises:
            Exception: Anything that a model or a library raises. The worker records it for one seed
                and calls this again for the next.
        """

    def train(
        self, seeds: Sequence[int], start: Callable[[int], InitialState]
    ) -> Iterator[tuple[int, Step]]:
        """Train seeds, one after the other or interleaved.

        An exception that training a seed raises, or its `start`, is yielded as Failed and does not
        end the other seeds.

        Args:
            seeds: The run seeds.
            start: Returns what a seed starts from: fresh weights or a checkpoint that fits. It is
                called once for each seed, when its training starts.

        Yields:
            A seed and its next step, as soon as it is known.
        """

    def save_model(self, path: Path) -> None:
        """Save the model of the seed that was finished last, in Keras' format.

        Raises:
            Exception: The model cannot be saved.
        """

    def state(self, seed: int) -> InitialState | None:
        """What a seed can be resumed from after the epoch that was yielded last.

        None if this trainer cannot resume.
        """

    def fits(self, start: InitialState) -> bool:
        """Whether training can start from a checkpoint; called after `prepare`."""
