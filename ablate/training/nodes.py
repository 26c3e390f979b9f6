"""From a node of the recipe to the Keras object that it describes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import keras
from hydra.errors import HydraException
from hydra.utils import instantiate

from ablate.config.locate import TRUSTED, locate, targets_in
from ablate.config.recipe import Recipe
from ablate.config.recipe_nodes import Node
from ablate.errors import RequestError
from ablate.wording import error_summary


def make_optimizer(recipe: Recipe, rate: Any, *, classes: Mapping[str, Any]) -> Any:
    """The optimizer of a recipe.

    Args:
        recipe: The recipe.
        rate: Its learning rate, or a schedule of it.
        classes: Classes by short form that are used instead of Keras' own.

    Raises:
        RequestError: The node makes no optimizer, or does not take its arguments.
    """
    if isinstance(recipe.optimizer, str) and recipe.optimizer in classes:
        return classes[recipe.optimizer](rate)
    return _make(
        recipe.optimizer_node, "optimizer", keras.optimizers.Optimizer, {"learning_rate": rate}
    )


def make_rate(recipe: Recipe, steps: int) -> Any:
    """The learning rate of a recipe: a number, or a schedule over the steps of the training.

    A schedule is given the rate and the steps under the names that it has for them.

    Raises:
        RequestError: The node makes no schedule, or does not take its arguments.
    """
    node, rate = recipe.schedule_node, float(recipe.learning_rate)
    if node is None:
        return rate
    for name in ("learning_rate", "initial_learning_rate"):
        if name in node:
            raise RequestError(
                f"Expected the learning rate as recipe.learning_rate; received "
                f"recipe.schedule.{name}={node[name]!r}."
            )
    offered = {
        "learning_rate": rate,
        "initial_learning_rate": rate,
        "steps": steps,
        "decay_steps": steps,
    }
    return _make(node, "schedule", keras.optimizers.schedules.LearningRateSchedule, offered)


def make_loss(recipe: Recipe, *, from_logits: bool) -> Any:
    """The loss of a recipe; None if it names none.

    Args:
        recipe: The recipe.
        from_logits: Whether the model's outputs are logits; given to a loss that takes it.

    Raises:
        RequestError: The node makes no loss, or does not take its arguments.
    """
    if recipe.loss is None:
        return None
    offered = {"from_logits": True} if from_logits else {}
    loss = _make(recipe.loss, "loss", keras.losses.Loss, offered)
    if from_logits and not _takes(recipe.loss, "from_logits"):
        raise RequestError(
            f"Expected a model whose outputs are probabilities for {recipe.loss['_target_']}, "
            f"which takes no logits; end the model in softmax or sigmoid."
        )
    return loss


def make_metrics(recipe: Recipe) -> list[Any]:
    """The further metrics of a recipe, each with the name that the recipe gives it.

    Raises:
        RequestError: A node makes no metric, or does not take its arguments.
    """
    return [
        _make(node, f"metrics.{name}", keras.metrics.Metric, {"name": name})
        for name, node in (recipe.metrics or {}).items()
    ]


def make_callbacks(recipe: Recipe) -> list[Any]:
    """The callbacks of a recipe, new ones at each call.

    Raises:
        RequestError: A node makes no callback, or does not take its arguments.
    """
    return [
        _make(node, "callbacks", keras.callbacks.Callback, {}) for node in recipe.callback_nodes
    ]


def _make(node: Node, key: str, expected: type, offered: Mapping[str, Any]) -> Any:
    """The object that a node describes.

    Args:
        node: The node.
        key: The key of the recipe that holds it.
        expected: What it must make.
        offered: Arguments that are given if the class takes them and the node does not have them.
    """
    target = node["_target_"]
    for each in map(str, targets_in(node)):
        # Hydra would also follow attributes, and so reach what the module only imports. Other
        # packages than the trusted ones were allowed by the user when the study was planned.
        package = each.partition(".")[0]
        locate(each, () if package in TRUSTED else (package,))
    try:
        factory: Callable[..., Any] = instantiate({**node, "_partial_": True}, _convert_="all")
        taken = {
            name: value
            for name, value in offered.items()
            if name not in node and name in _parameters(factory)
        }
        made = factory(**taken)
    except RequestError:
        raise
    except Exception as error:  # a user's class may raise anything
        cause = error.__cause__ if isinstance(error, HydraException) else error
        raise RequestError(
            f"Cannot make recipe.{key}, {target}: {error_summary(cause or error, limit=300)}"
        ) from error
    if not isinstance(made, expected):
        raise RequestError(
            f"Expected recipe.{key}._target_ to be a kind of keras {expected.__name__}; received "
            f"{target!r}."
        )
    return made


def _takes(node: Node, name: str) -> bool:
    return name in _parameters(instantiate({**node, "_partial_": True}, _convert_="all"))


def _parameters(factory: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The parameters that a class or function names; a `**kwargs` takes no offered argument."""
    own = getattr(factory, "func", factory)
    return inspect.signature(own).parameters
