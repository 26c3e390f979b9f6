"""How a variant is trained."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ablate.config.locate import targets_in
from ablate.config.recipe_nodes import Node, check_node
from ablate.errors import RequestError, nearest
from ablate.fields import (
    check_choice,
    check_flag,
    check_number,
    check_whole,
    refuse_unknown_keys,
)

OPTIMIZERS: Mapping[str, str] = {
    name.lower(): f"keras.optimizers.{name}"
    for name in (
        "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion",
        "Muon", "Nadam", "RMSprop", "SGD",
    )
}  # fmt: skip
"""Short forms of `recipe.optimizer`, each with the class it stands for, at Keras' defaults."""
SCHEDULES: Mapping[str, Node] = {
    "cosine": {"_target_": "ablate.training.schedules.Cosine"},
    "warmup_cosine": {"_target_": "ablate.training.schedules.Cosine", "warmup": 0.1},
    "step": {"_target_": "ablate.training.schedules.Steps"},
}
"""Short forms of `recipe.schedule`."""
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
SELECTIONS = ("last", "best")
COMPILED = ("learning_rate", "optimizer", "schedule", "loss", "label_smoothing", "metrics")
"""The keys that do not apply to a model that its builder has compiled."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a variant is trained.

    A node is a mapping with the `_target_` of a class and its keyword arguments.

    Attributes:
        epochs: Passes over the training images.
        batch_size: Images a step.
        learning_rate: Step size of the optimizer; with a schedule, its largest one.
        optimizer: A short form such as ``adam`` or ``adamw``, or a node such as
            ``{_target_: keras.optimizers.SGD, momentum: 0.9, clipnorm: 1.0}``.
        jit: Whether the epoch is compiled with XLA (TensorFlow only; JAX always does). It made
            training slower on CPUs and is meant for GPUs.
        placebo: Whether every stream of randomness gets another seed and nothing else changes; what
            the control factor `placebo` switches.
        schedule: How the learning rate changes: None, a short form such as ``cosine``, or a node.
        loss: A node of the loss; None for that of the task.
        label_smoothing: Share of each target that is spread over all classes, in the task's loss.
        class_weight: Weight of each class in the training loss: ``balanced``, or a mapping from the
            name or index of a class to its weight; None for equal weights.
        metrics: Nodes of further metrics by name; a run gets the responses `test_<name>` and so on.
        callbacks: Nodes of callbacks, by a name of the user's or as a list.
        precision: Keras' dtype policy of the layers: ``float32``, ``mixed_bfloat16`` or
            ``mixed_float16``.
        select: The epoch that is judged: the ``last``, or the ``best`` on the validation images by
            the task's first measure.
    """

    epochs: int = 10
    batch_size: int = 64
    learning_rate: float = 0.003
    optimizer: str | Node = "adam"
    jit: bool = False
    placebo: bool = False
    schedule: str | Node | None = None
    loss: Node | None = None
    label_smoothing: float = 0.0
    class_weight: str | Mapping[str, float] | None = None
    metrics: Mapping[str, Node] | None = None
    callbacks: Mapping[str, Node | None] | tuple[Node, ...] | None = None
    precision: str = "float32"
    select: str = "last"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            check_whole(getattr(self, name), f"recipe.{name}", least=1, below=2**31)
        check_number(
            self.learning_rate,
            "recipe.learning_rate",
            accepts=lambda rate: 0 < rate < math.inf,
            expected="a finite number above 0",
        )
        for name in ("jit", "placebo"):
            check_flag(getattr(self, name), f"recipe.{name}")
        check_number(
            self.label_smoothing,
            "recipe.label_smoothing",
            accepts=lambda share: 0 <= share < 1,
            expected="a number from 0 to below 1",
        )
        check_choice(self.precision, "recipe.precision", choices=PRECISIONS)
        check_choice(self.select, "recipe.select", choices=SELECTIONS)
        self._check_nodes()
        _check_class_weight(self.class_weight)

    def _check_nodes(self) -> None:
        _check_word_or_node(self.optimizer, "optimizer", words=OPTIMIZERS)
        if isinstance(self.optimizer, Mapping) and "learning_rate" in self.optimizer:
            raise RequestError(
                f"Expected the learning rate as recipe.learning_rate, and how it changes as "
                f"recipe.schedule; received {self.optimizer['learning_rate']!r} in "
                f"recipe.optimizer."
            )
        if self.schedule is not None:
            _check_word_or_node(self.schedule, "schedule", words=SCHEDULES)
        if self.loss is not None:
            check_node(self.loss, "loss")
            if self.label_smoothing:
                raise RequestError(
                    f"Expected label_smoothing inside recipe.loss, where the loss takes it; "
                    f"received recipe.label_smoothing={self.label_smoothing:g} next to a "
                    f"recipe.loss."
                )
        if self.metrics is not None:
            _check_named_nodes(self.metrics, "metrics")
        if isinstance(self.callbacks, list | tuple):
            for node in self.callbacks:
                check_node(node, "callbacks")
        elif self.callbacks is not None:
            _check_named_nodes(self.callbacks, "callbacks")

    @property
    def optimizer_node(self) -> Node:
        """The optimizer as a node, also where a short form is given."""
        word = self.optimizer
        return {"_target_": OPTIMIZERS[word]} if isinstance(word, str) else word

    @property
    def schedule_node(self) -> Node | None:
        """The schedule as a node, also where a short form is given."""
        return SCHEDULES[self.schedule] if isinstance(self.schedule, str) else self.schedule

    @property
    def callback_nodes(self) -> tuple[Node, ...]:
        """The callbacks in their order, without those that are switched off by null."""
        found = self.callbacks or ()
        nodes = found.values() if isinstance(found, Mapping) else found
        return tuple(node for node in nodes if node is not None)

    def given(self) -> tuple[str, ...]:
        """The keys whose values are not the defaults."""
        return tuple(
            field.name
            for field in dataclasses.fields(self)
            if (getattr(self, field.name) or None) != (field.default or None)
        )

    def as_node(self) -> dict[str, Any]:
        """The `recipe` node of a configuration, as plain JSON values.

        Keys that were added to the first six are left out where they have no effect, so that a
        recipe without them has the identity that it had before they existed.
        """
        record = dataclasses.asdict(self)
        given = self.given()
        added = [field.name for field in dataclasses.fields(self)][6:]
        return {key: value for key, value in record.items() if key not in added or key in given}

    def targets(self) -> tuple[str, ...]:
        """The dotted names of the classes that it names, at any depth."""
        nodes = [self.as_node(), self.optimizer_node, self.schedule_node]
        return tuple(map(str, targets_in(nodes)))


def recipe_from_mapping(mapping: Mapping[str, Any]) -> Recipe:
    """The recipe as the `recipe` node of a composed configuration states it.

    Raises:
        RequestError: A key is unknown, or a value is not what it should be.
    """
    known = [field.name for field in dataclasses.fields(Recipe)]
    refuse_unknown_keys(mapping, known, node="recipe")
    weights = mapping.get("class_weight")
    if isinstance(weights, Mapping):  # JSON has no numbers as keys
        mapping = {**mapping, "class_weight": {str(name): each for name, each in weights.items()}}
    return Recipe(**mapping)


def _check_word_or_node(value: object, key: str, *, words: Mapping[str, object]) -> None:
    if not isinstance(value, Mapping):
        if isinstance(value, str) and value in words:
            return
        raise RequestError(
            f"Unknown recipe.{key} {value!r}.{nearest(str(value), words)} Or a node, such as "
            f"{{_target_: package.module.Class, ...}}."
        )
    check_node(value, key)


def _check_named_nodes(nodes: object, key: str) -> None:
    if not isinstance(nodes, Mapping):
        raise RequestError(
            f"Expected recipe.{key} as {{name: {{_target_: ...}}}}; received {nodes!r}."
        )
    for name, node in nodes.items():
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z]\w*", name):
            raise RequestError(f"Expected words as the names in recipe.{key}; received {name!r}.")
        if node is not None or key == "metrics":
            check_node(node, f"{key}.{name}")


def _check_class_weight(value: object) -> None:
    if value is None or value == "balanced":
        return
    if not isinstance(value, Mapping) or not value:
        raise RequestError(
            f"Expected recipe.class_weight to be null, balanced or {{class: weight, ...}}; "
            f"received {value!r}."
        )
    for name, weight in value.items():
        check_number(
            weight,
            f"recipe.class_weight.{name}",
            accepts=lambda weight: 0 <= weight < math.inf,
            expected="a finite number of 0 or more",
        )
