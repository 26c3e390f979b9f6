"""The trainer: a model that is compiled once and trained from the start for each run seed."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from ablate.config.recipe import Recipe
from ablate.data.images import Images
from ablate.errors import RequestError
from ablate.seeds import stream_seed
from ablate.tasks.task import Objective, Shape, task_of
from ablate.training.engine import Alive, Engine
from ablate.training.feed import Feed
from ablate.training.initial_state import FRESH, Epoch, InitialState
from ablate.training.reset import reset

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray


class DivergedError(Exception):
    """Training reached a loss that is not finite.

    Attributes:
        epoch: The epoch after which this was found, counted from 1.
    """

    def __init__(self, epoch: int, what: str) -> None:
        super().__init__(f"The {what} was not finite after epoch {epoch}.")
        self.epoch = epoch


class Trainer:
    """Trains one model with any number of run seeds, one after the other.

    Building and tracing a model costs as much as training it on small images, so that is done once,
    when the first run begins. Each run starts from exactly what a fresh build with its seed would
    hold. One run at a time: they share the model.
    """

    def __init__(self, model: keras.Model, images: Images, recipe: Recipe) -> None:
        """Compile the model.

        Args:
            model: Any Keras model from images in [0, 1] to the output that the task of the images
                asks for.
            images: What it learns from and is judged on.
            recipe: How it is trained.

        Raises:
            RequestError: The model's output does not fit the task, or there is no engine for Keras'
                backend.
        """
        self._model, self._recipe = model, recipe
        task, backend = task_of(images.task), _backend()
        shape = output_shape(model, images.shape)
        task.check_output(shape, images)
        self._measures = tuple(measure.name for measure in task.measures(images.classes))
        optimizer = backend.OPTIMIZERS[recipe.optimizer](recipe.learning_rate)
        _compile(model, optimizer, task.objective(shape, images))
        self._optimizer_start = [np.asarray(item).copy() for item in optimizer.variables]
        self.feed = Feed(
            parts={
                name: (part.x, task.encode(part.y, shape)) for name, part in images.parts.items()
            },
            scale=images.scale,
            batch=min(recipe.batch_size, len(images.train.y)),
        )
        self._engine: Engine = backend.ENGINE(model, self.feed, jit=recipe.jit)
        self._prepared = False
        self._history: list[Epoch] = []

    def run(
        self, seed: int, *, start: InitialState = FRESH, alive: Alive = lambda: None
    ) -> Iterator[Epoch]:
        """Train with a run seed, from fresh weights or from where a run with this seed was.

        Args:
            seed: The run seed.
            start: What `state` returned, or `FRESH`; it must fit, see `fits`.
            alive: Called as a heartbeat.

        Yields:
            Each further epoch as it ends.

        Raises:
            DivergedError: A loss was not finite.
        """
        drawn = stream_seed(seed, "placebo") if self._recipe.placebo else seed
        self._set_up(drawn, start)
        for number in range(len(self._history) + 1, self._recipe.epochs + 1):
            alive()
            epoch = self._epoch(drawn, number, alive)
            self._history.append(epoch)
            yield epoch

    def state(self) -> InitialState:
        """What the run can be resumed from: where it is after the epoch that was yielded last."""
        return InitialState(tuple(self._history), tuple(self._engine.read(self._variables())))

    def fits(self, start: InitialState) -> bool:
        """Whether a state has the arrays that this model needs: their number, shapes and types."""
        own = [(tuple(item.shape), np.asarray(item).dtype) for item in self._variables()]
        return own == [(array.shape, array.dtype) for array in start.arrays]

    def final(self) -> dict[str, float]:
        """The responses of the run that has just been trained to its end.

        The training images are judged twice: as the run went (`train_loss` and the measures) and
        with the final model in inference mode (`train_loss_inference` and so on). Where the second
        is far worse than the first, the statistics of batch normalization are stale.

        Raises:
            DivergedError: A loss is not finite.
        """
        if len(self._history) < self._recipe.epochs:
            raise RuntimeError("Expected a run that was trained to its end; received none.")
        last = self._history[-1]
        test, train = self._evaluate("test"), self._evaluate("train")
        _refuse_infinite(last.epoch, test["loss"], "test loss")
        _refuse_infinite(last.epoch, train["loss"], "training loss in inference mode")
        names = (*self._measures, "loss")
        return {
            **{f"test_{name}": test[name] for name in names},
            **{f"val_{name}": last.numbers[f"val_{name}"] for name in names},
            **{f"train_{name}": last.numbers[name] for name in names},
            **{f"train_{name}_inference": train[name] for name in names},
        }

    def _set_up(self, seed: int, start: InitialState) -> None:
        # What is only done at the first step (tracing, compiling) belongs to no epoch.
        if not self._prepared:
            self._engine.prepare(steps=1)
            self._prepared = True
        reset(self._model, seed)
        self._engine.prepare(steps=0)
        _assign(self._model.optimizer.variables, self._optimizer_start)
        if start.arrays:
            _assign(self._variables(), start.arrays)
        self._history = list(start.epochs)

    def _epoch(self, seed: int, epoch: int, alive: Alive) -> Epoch:
        order = self.feed.order(seed, epoch)
        started = time.perf_counter()
        numbers = self._ordered(self._engine.train(order, alive))
        seconds = time.perf_counter() - started
        alive()
        _refuse_infinite(epoch, numbers["loss"], "training loss")
        validation = self._evaluate("validation")
        _refuse_infinite(epoch, validation["loss"], "validation loss")
        numbers |= {f"val_{name}": number for name, number in validation.items()}
        return Epoch(epoch, numbers, seconds)

    def _evaluate(self, part: str) -> dict[str, float]:
        return self._ordered(self._engine.evaluate(part))

    def _ordered(self, numbers: Mapping[str, float]) -> dict[str, float]:
        """The loss, then the measures in the order of the task, whatever order an engine has."""
        return {name: numbers[name] for name in ("loss", *self._measures)}

    def _variables(self) -> list[keras.Variable]:
        # A generator's state is among the variables of its layer, and not among its weights.
        return [*self._model.variables, *self._model.optimizer.variables]


def output_shape(model: keras.Model, shape: tuple[int, int, int]) -> Shape:
    """The shape of a model's output.

    Args:
        model: The model.
        shape: Height, width and channels of an image.
    """
    # Only models made of layers know their shape; a call builds any other and returns it.
    found: Shape = getattr(model, "output_shape", None) or model(keras.Input(shape)).shape
    return found


def _backend() -> ModuleType:
    """The module for Keras' backend: its `ENGINE` and its `OPTIMIZERS`."""
    name = keras.backend.backend()
    if name == "tensorflow":
        from ablate.training import tensorflow

        return tensorflow
    if name == "jax":
        from ablate.training import jax

        return jax
    raise RequestError(f"Expected KERAS_BACKEND to be tensorflow or jax; received {name!r}.")


def _compile(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, objective: Objective
) -> None:
    model.compile(
        optimizer=optimizer,
        loss=objective.loss,
        metrics=list(objective.metrics),
        jit_compile=False,
    )
    optimizer.build(model.trainable_variables)


def _assign(variables: Sequence[keras.Variable], values: Sequence[NDArray[Any]]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _refuse_infinite(epoch: int, loss: float, what: str) -> None:
    if not math.isfinite(loss):
        raise DivergedError(epoch, what)
