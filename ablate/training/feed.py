"""What an engine reads: images as stored, encoded targets, and the order of the batches.

Images that do not fit into the memory are read from the disk while a model is trained. An engine
gives them to the same functions, so that no number depends on where images are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ablate.data.stored import is_on_disk, read_rows, release, rows_at_once
from ablate.seeds import stream_seed
from ablate.training.augmentation import NO_AUGMENTATION, Augmentation

Item = TypeVar("Item")


@dataclass(frozen=True, eq=False, slots=True)
class Feed:
    """The images and targets of a model, and which of them each training step sees.

    Attributes:
        parts: Images as stored and targets as the loss takes them, for ``train``, ``validation``
            and ``test``; for ``train``, the weight of each image in the loss may follow.
        scale: Factor from a stored value to what the network sees.
        batch: Images a training step.
        augmentation: What changes the images of a training step before the network sees them.
    """

    parts: Mapping[str, tuple[NDArray[Any], ...]]
    scale: float
    batch: int
    augmentation: Augmentation = field(default=NO_AUGMENTATION)

    @property
    def streamed(self) -> bool:
        """Whether images are read from the disk while the model is trained."""
        return is_on_disk(self.parts["train"][0])

    @property
    def steps_at_once(self) -> int:
        """How many training steps the images that are read at once are for."""
        return max(1, rows_at_once(self.parts["train"][0]) // self.batch)

    def read(self, rows: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """Copies of some training images, with what belongs to them.

        Args:
            rows: Their indices, shape `(images,)`.
        """
        return tuple(read_rows(array, rows) for array in self.parts["train"])

    def batches(self, part: str, size: int) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        """Images and targets of a part in their order, in batches.

        Args:
            part: The part.
            size: Images a batch.
        """
        x, y, *_ = self.parts[part]
        for first in range(0, len(x), size):
            yield x[first : first + size], y[first : first + size]
            release(x)
            release(y)

    @property
    def steps(self) -> int:
        """Training steps an epoch."""
        return len(self.parts["train"][0]) // self.batch

    def order(self, seed: int, epoch: int) -> NDArray[np.int32]:
        """Which images each step of an epoch sees, shape `(steps, batch)`.

        The images that do not fill a last batch are left out of this epoch; another epoch has
        another order and leaves out others.

        Args:
            seed: The run seed.
            epoch: Counted from 1.
        """
        generator = np.random.default_rng(stream_seed(seed, f"shuffle/{epoch}"))
        order = generator.permutation(len(self.parts["train"][0])).astype(np.int32)
        return order[: self.steps * self.batch].reshape(self.steps, self.batch)


def read_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Items that a thread makes, each while the one before is used."""
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, items, None)
        while (item := following.result()) is not None:
            following = pool.submit(next, items, None)
            yield item
