"""How a variant is trained."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ablate.fields import (
    check_choice,
    check_flag,
    check_number,
    check_whole,
    refuse_unknown_keys,
)

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
        placebo: Whether every stream of randomness gets another seed and nothing else changes; what
            the control factor `placebo` switches.
    """

    epochs: int = 10
    batch_size: int = 64
    learning_rate: float = 0.003
    optimizer: str = "adam"
    jit: bool = False
    placebo: bool = False

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            check_whole(getattr(self, name), f"recipe.{name}", least=1, below=2**31)
        check_number(
            self.learning_rate,
            "recipe.learning_rate",
            accepts=lambda rate: 0 < rate < math.inf,
            expected="a finite number above 0",
        )
        check_choice(self.optimizer, "recipe.optimizer", choices=OPTIMIZERS)
        for name in ("jit", "placebo"):
            check_flag(getattr(self, name), f"recipe.{name}")


def recipe_from_mapping(mapping: Mapping[str, Any]) -> Recipe:
    """The recipe as the `recipe` node of a composed configuration states it.

    Raises:
        RequestError: A key is unknown, or a value is not what it should be.
    """
    known = [field.name for field in dataclasses.fields(Recipe)]
    refuse_unknown_keys(mapping, known, node="recipe")
    return Recipe(**mapping)
