"""What an engine reads: images as stored, encoded targets, and the order of the batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablate.seeds import stream_seed
from ablate.training.augmentation import NO_AUGMENTATION, Augmentation


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
