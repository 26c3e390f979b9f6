"""An epoch of one step on a few images, which finds what would fail in every run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from ablate.config.recipe import Recipe
from ablate.data.images import Images
from ablate.errors import RequestError
from ablate.tasks.task import Shape
from ablate.training.callbacks import Callbacks
from ablate.training.engine import numbers_of
from ablate.training.feed import Feed
from ablate.training.trainer import backend_module, inner_optimizer, parts_of
from ablate.wording import error_summary

IMAGES = 4
"""Images of the step."""


def rehearse(
    model: keras.Model, recipe: Recipe, *, images: Images, shape: Shape, callbacks: Sequence[Any]
) -> None:
    """Take a training step with a compiled model, and judge the model, as an epoch does.

    The model holds at the end what it held before. Only callbacks of Keras are called, since those
    of a user may write files.

    Args:
        model: The model.
        recipe: How it is trained.
        images: A few images of its data set, or noise.
        shape: Shape of its output.
        callbacks: The callbacks of the recipe.

    Raises:
        RequestError: Something fails, or a callback waits for a number that an epoch does not give.
    """
    own = [item for item in callbacks if type(item).__module__.partition(".")[0] == "keras"]
    _check_rate(model, own)
    feed = Feed(parts_of(images, recipe, shape=shape), images.scale, IMAGES)
    backend_module().ENGINE(model, feed, jit=False)  # it replaces what its backend cannot compute
    variables = [*model.variables, *model.optimizer.variables]
    before = [np.asarray(variable).copy() for variable in variables]
    model.run_eagerly = True  # tracing the step takes three times as long
    try:
        _take_epoch(model, feed, Callbacks(own, model, epochs=recipe.epochs, steps=1))
    except RequestError:
        raise
    except Exception as error:  # Keras and a user's classes may raise anything
        summary = error_summary(error, limit=300)
        raise RequestError(
            f"A training step with the loss, optimizer, metrics and callbacks of the recipe "
            f"fails: {summary}"
        ) from error
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)


def _take_epoch(model: keras.Model, feed: Feed, callbacks: Callbacks) -> None:
    def batch(part: str) -> list[Any]:
        x, *others = (array[: feed.batch] for array in feed.parts[part])
        return [x.astype(np.float32) * np.float32(feed.scale), *others]

    callbacks.begin()
    callbacks.begin_epoch(1)
    numbers = numbers_of(model.train_on_batch(*batch("train"), return_dict=True))
    callbacks.begin_validation()
    judged = numbers_of(model.test_on_batch(*batch("validation"), return_dict=True))
    numbers |= {f"val_{name}": number for name, number in judged.items()}
    callbacks.check_monitors(numbers)
    callbacks.end_epoch(1, numbers)
    callbacks.end(numbers)
    model.optimizer.finalize_variable_values(model.trainable_variables)


def _check_rate(model: keras.Model, callbacks: Sequence[Any]) -> None:
    """Refuse a schedule next to a callback that sets the learning rate, which no step shows."""
    rate = getattr(inner_optimizer(model.optimizer), "_learning_rate", None)
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule) and any(
        isinstance(callback, keras.callbacks.ReduceLROnPlateau) for callback in callbacks
    ):
        raise RequestError(
            f"Expected ReduceLROnPlateau without a schedule of the learning rate, which it cannot "
            f"change; received {type(rate).__name__}."
        )
