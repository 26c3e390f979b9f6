"""How a variant is trained: one frozen record that checks itself."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ablate.errors import RequestError, nearest

OPTIMIZERS = ("adam", "rmsprop", "sgd")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a variant is trained.

    Attributes:
        epochs: Passes over the training images.
        batch_size: Images a step.
        learning_rate: Step size of the optimizer.
        optimizer: ``adam``, ``rmsprop`` or ``sgd``.
        jit: Whether the epoch is compiled with XLA (TensorFlow only; JAX always does). It made
            training slower on CPUs and is meant for GPUs.
        placebo: Whether every stream of randomness is drawn anew and nothing else is changed; what
            the control factor `placebo` switches.
    """

    epochs: int = 12
    batch_size: int = 64
    learning_rate: float = 0.003
    optimizer: str = "adam"
    jit: bool = False
    placebo: bool = False

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value < 2**31:
                raise RequestError(
                    f"Expected recipe.{name} to be a whole number of 1 or more, below 2**31; "
                    f"received {value!r}."
                )
        rate = self.learning_rate
        if not isinstance(rate, int | float) or isinstance(rate, bool) or not 0 < rate < math.inf:
            raise RequestError(
                f"Expected recipe.learning_rate to be a finite number above 0; received {rate!r}."
            )
        if not isinstance(self.optimizer, str) or self.optimizer not in OPTIMIZERS:
            raise RequestError(
                f"Unknown recipe.optimizer {self.optimizer!r}."
                f"{nearest(str(self.optimizer), OPTIMIZERS)}"
            )
        for name in ("jit", "placebo"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise RequestError(
                    f"Expected recipe.{name} to be true or false; received {value!r}."
                )


def recipe_from_mapping(mapping: Mapping[str, Any]) -> Recipe:
    """The recipe as the `recipe` node of a composed configuration states it.

    Raises:
        RequestError: A key is unknown, or a value is not what it should be.
    """
    known = [field.name for field in dataclasses.fields(Recipe)]
    for key in mapping:
        if key not in known:
            raise RequestError(f"Unknown key recipe.{key}.{nearest(str(key), known)}")
    return Recipe(**mapping)
