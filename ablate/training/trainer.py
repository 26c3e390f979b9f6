"""The trainer: a model that is compiled once and trained from the start for each run seed."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from ablate.config.recipe import Recipe
from ablate.data.images import Images
from ablate.errors import RequestError
from ablate.seeds import stream_seed
from ablate.tasks.task import Shape, task_of
from ablate.training.augmentation import NO_AUGMENTATION, Augmentation
from ablate.training.best_epoch import best_of
from ablate.training.callbacks import Callbacks, check_callbacks
from ablate.training.compilation import compile_model, sample_of
from ablate.training.engine import Alive, Engine
from ablate.training.feed import Feed
from ablate.training.initial_state import FRESH, Epoch, InitialState
from ablate.training.kept import NOTHING, Kept
from ablate.training.nodes import make_callbacks
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

    def __init__(
        self,
        model: keras.Model,
        images: Images,
        recipe: Recipe,
        *,
        kept: Kept = NOTHING,
        augmentation: Augmentation = NO_AUGMENTATION,
    ) -> None:
        """Compile the model.

        Args:
            model: Any Keras model from images in [0, 1] to the output that the task of the images
                asks for.
            images: What it learns from and is judged on.
            recipe: How it is trained.
            kept: The values in the model that its builder put there.
            augmentation: What changes the training images before the model sees them.

        Raises:
            RequestError: The model's output does not fit the task, the recipe does not fit the
                model, or there is no engine for Keras' backend.
        """
        self._model, self._recipe, self._kept = model, recipe, kept
        backend = backend_module()
        batch = min(recipe.batch_size, len(images.train.y))
        steps = len(images.train.y) // batch
        compiled = compile_model(
            model,
            recipe,
            dataset=images,
            steps=recipe.epochs * steps,
            sample=sample_of(images),
            optimizers=backend.OPTIMIZERS,
        )
        self._measures, self.notes = compiled.measures, compiled.notes
        self._best = best_of(task_of(images.task).measures(images.classes)[0], recipe)
        self._optimizer_start = [np.asarray(item).copy() for item in model.optimizer.variables]
        self.feed = Feed(
            parts=parts_of(images, recipe, shape=compiled.shape),
            scale=images.scale,
            batch=batch,
            augmentation=augmentation,
        )
        self._engine: Engine = backend.ENGINE(model, self.feed, jit=recipe.jit)
        self._prepared = self._ended = False
        self._history: list[Epoch] = []
        self._callbacks = self._new_callbacks()

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
        while len(self._history) < self._recipe.epochs and not self._callbacks.stopped:
            alive()
            epoch = self._epoch(drawn, len(self._history) + 1, alive)
            self._history.append(epoch)
            if self._best is not None:
                self._best.see(epoch, lambda: self._engine.read(self._model.variables))
            yield epoch
        self._end()

    def state(self) -> InitialState:
        """What the run can be resumed from: where it is after the epoch that was yielded last.

        Its arrays are the variables, then those of the best epoch if that is the one to be judged,
        then what the callbacks remember.
        """
        best = () if self._best is None else self._best.arrays
        return InitialState(
            tuple(self._history),
            (*self._engine.read(self._variables()), *best, *self._callbacks.state()),
        )

    def fits(self, start: InitialState) -> bool:
        """Whether a state has the arrays that this model needs: their number, shapes and types."""
        needed = self._variables() + ([] if self._best is None else self._model.variables)
        own = [(tuple(item.shape), np.asarray(item).dtype) for item in needed]
        found = [(array.shape, array.dtype) for array in start.arrays]
        return found[: len(own)] == own and self._callbacks.fits(start.arrays[len(own) :])

    def final(self) -> dict[str, float]:
        """The responses of the run that has just been trained to its end.

        The training images are judged twice: as the run went (`train_loss` and the measures) and
        with the final model in inference mode (`train_loss_inference` and so on). Where the second
        is far worse than the first, the statistics of batch normalization are stale.

        Raises:
            DivergedError: A loss is not finite.
        """
        if not self._ended:
            raise RuntimeError("Expected a run that was trained to its end; received none.")
        judged = self._history[-1 if self._best is None else self._best.epoch - 1]
        test, train = self._evaluate("test"), self._evaluate("train")
        validation = self._judged_validation(judged)
        _refuse_infinite(judged.epoch, test["loss"], "test loss")
        _refuse_infinite(judged.epoch, train["loss"], "training loss in inference mode")
        known = (*self._measures, "loss")
        names = (*known, *(name for name in test if name not in known))
        numbers = {
            **{f"test_{name}": test.get(name, math.nan) for name in names},
            **{f"val_{name}": validation.get(name, math.nan) for name in names},
            **{f"train_{name}": judged.numbers.get(name, math.nan) for name in names},
            **{f"train_{name}_inference": train.get(name, math.nan) for name in names},
        }
        return {name: number for name, number in numbers.items() if math.isfinite(number)}

    def save_model(self, path: Path) -> None:
        """Save the model as it was judged, architecture and weights, in Keras' format.

        It is saved without its compilation, which only this program could load.

        Args:
            path: The file; its name ends in `.keras`.
        """
        model = self._model
        optimizer = model.optimizer
        model.optimizer, model.compiled = None, False
        try:
            model.save(path)
        finally:
            model.optimizer, model.compiled = optimizer, True

    def _judged_validation(self, judged: Epoch) -> dict[str, float]:
        """The numbers of the validation images for the model that is judged.

        They are those of its epoch, unless something has changed the model after it.
        """
        if self._best is None and (self._callbacks or averages_weights(self._model.optimizer)):
            return self._evaluate("validation")
        return {
            name.removeprefix("val_"): number
            for name, number in judged.numbers.items()
            if name.startswith("val_")
        }

    def _set_up(self, seed: int, start: InitialState) -> None:
        self._history, self._ended = list(start.epochs), False
        # What is only done at the first step (tracing, compiling) belongs to no epoch.
        if not self._prepared:
            self._engine.prepare(steps=1)
            self._prepared = True
        reset(self._model, seed, kept=self._kept.values)
        self._engine.prepare(steps=0)
        _assign(self._model.optimizer.variables, self._optimizer_start)
        self._callbacks = self._new_callbacks()
        self._callbacks.begin()
        if self._best is not None:
            self._best.forget()
        if start.arrays:
            self._restore(start)

    def _restore(self, start: InitialState) -> None:
        variables = self._variables()
        own, rest = start.arrays[: len(variables)], start.arrays[len(variables) :]
        _assign(variables, own)
        if self._best is not None:
            count = len(self._model.variables)
            self._best.restore(start.epochs, rest[:count])
            rest = rest[count:]
        self._callbacks.restore(rest)

    def _end(self) -> None:
        """Leave the model as it is judged: callbacks, averages and the best epoch may change it."""
        self._callbacks.end(self._history[-1].numbers)
        self._model.optimizer.finalize_variable_values(self._model.trainable_variables)
        if self._best is not None:
            _assign(self._model.variables, self._best.arrays)
        self._ended = True

    def _new_callbacks(self) -> Callbacks:
        callbacks = make_callbacks(self._recipe)
        check_callbacks(callbacks)
        return Callbacks(callbacks, self._model, epochs=self._recipe.epochs, steps=self.feed.steps)

    def _epoch(self, seed: int, epoch: int, alive: Alive) -> Epoch:
        order = self.feed.order(seed, epoch)
        self.feed.augmentation.start(seed, epoch)
        self._callbacks.begin_epoch(epoch)
        started = time.perf_counter()
        numbers = self._ordered(self._engine.train(order, alive, hooks=self._callbacks.hooks()))
        seconds = time.perf_counter() - started
        alive()
        _refuse_infinite(epoch, numbers["loss"], "training loss")
        self._callbacks.begin_validation()
        validation = self._evaluate("validation")
        _refuse_infinite(epoch, validation["loss"], "validation loss")
        numbers |= {f"val_{name}": number for name, number in validation.items()}
        self._callbacks.end_epoch(epoch, numbers)
        return Epoch(epoch, numbers, seconds)

    def _evaluate(self, part: str) -> dict[str, float]:
        return self._ordered(self._engine.evaluate(part))

    def _ordered(self, numbers: Mapping[str, float]) -> dict[str, float]:
        """The loss, the measures in the order of the task, then any others by name."""
        own = ("loss", *self._measures)
        others = {name for name in numbers if name not in own and math.isfinite(numbers[name])}
        return {name: numbers[name] for name in (*own, *sorted(others))}

    def _variables(self) -> list[keras.Variable]:
        # A generator's state is among the variables of its layer, and not among its weights.
        return [*self._model.variables, *self._model.optimizer.variables]


def backend_module() -> ModuleType:
    """The module for Keras' backend: its `ENGINE` and its `OPTIMIZERS`."""
    name = keras.backend.backend()
    if name == "tensorflow":
        from ablate.training import tensorflow

        return tensorflow
    if name == "jax":
        from ablate.training import jax

        return jax
    raise RequestError(f"Expected KERAS_BACKEND to be tensorflow or jax; received {name!r}.")


def averages_weights(optimizer: Any) -> bool:
    """Whether an optimizer replaces the weights at the end by their average over the training."""
    return bool(getattr(inner_optimizer(optimizer), "use_ema", False))


def inner_optimizer(optimizer: Any) -> Any:
    """The optimizer itself, without the one that scales the loss in float16."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def parts_of(
    images: Images, recipe: Recipe, *, shape: Shape
) -> dict[str, tuple[NDArray[Any], ...]]:
    """Images and encoded targets of each part; the training images with weights if asked for."""
    task = task_of(images.task)
    parts: dict[str, tuple[NDArray[Any], ...]] = {
        name: (part.x, task.encode(part.y, shape)) for name, part in images.parts.items()
    }
    if recipe.class_weight is not None:
        weights = task.image_weights(
            images.train.y, classes=images.classes, class_weight=recipe.class_weight
        )
        parts["train"] = (*parts["train"], weights)
    return parts


def _assign(variables: Sequence[keras.Variable], values: Sequence[NDArray[Any]]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _refuse_infinite(epoch: int, loss: float, what: str) -> None:
    if not math.isfinite(loss):
        raise DivergedError(epoch, what)
