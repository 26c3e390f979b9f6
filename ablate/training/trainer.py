"""The engine: a model compiled once, and trained anew for each run seed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import keras
import numpy as np

from ablate.config.recipe import Recipe
from ablate.data.images import Images
from ablate.errors import RequestError
from ablate.seeds import stream_seed
from ablate.training.initial_state import reset

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray


class DivergedError(Exception):
    """Training came to a loss that is not finite.

    Attributes:
        epoch: The epoch at whose end this was seen, counted from 1.
    """

    def __init__(self, epoch: int, what: str) -> None:
        super().__init__(f"The {what} was not finite after epoch {epoch}.")
        self.epoch = epoch


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one pass over the training images came to.

    Attributes:
        epoch: Counted from 1.
        loss: Mean over the images of the pass, while the weights were changing.
        accuracy: Likewise, as a fraction.
        val_loss: On the validation images, at the end of the pass.
        val_accuracy: Likewise, as a fraction.
        seconds: Wall time of the pass, validation left out.
    """

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float


Alive = Callable[[], None]
"""Called every few steps as a sign that training gets on."""


@dataclass(frozen=True, slots=True)
class State:
    """Where a run stands at the end of an epoch.

    Attributes:
        epochs: The numbers of each epoch so far.
        arrays: Every variable of the model and the optimizer: weights, statistics, the states of
            random generators, moments. The order is the model's own. Streams that are hashed from
            a name and the run seed, such as the shuffle, have no state.
    """

    epochs: tuple[Epoch, ...]
    arrays: tuple[NDArray[Any], ...]


class Engine(Protocol):
    """What a backend does for the trainer; what it measures is mean loss and accuracy."""

    def prepare(self, *, steps: int) -> None:
        """Compile what is not, and take some steps; with none, the model stays as it is."""

    def train(self, order: NDArray[np.int32], alive: Alive) -> tuple[float, float]:
        """A step for each row of image indices, `order` being of shape `(steps, batch)`."""

    def evaluate(self, part: str) -> tuple[float, float]:
        """The model in inference mode on the `train`, `validation` or `test` images."""

    def read(self, variables: Sequence[keras.Variable]) -> list[NDArray[Any]]:
        """What variables hold, in copies of their own."""


class Trainer:
    """Trains one model with any number of run seeds, one after the other.

    Building and tracing a model costs as much as training it on small images, so that is done once,
    when the first run begins; each run starts from exactly what a fresh build with its seed would
    hold. One run at a time: they share the model.
    """

    def __init__(self, model: keras.Model, images: Images, recipe: Recipe) -> None:
        """Compile the model.

        Args:
            model: Any Keras model from images in [0, 1] to probabilities, one for each class or,
                for two classes, that of the second.
            images: What it learns from and is judged on.
            recipe: How it is trained.

        Raises:
            RequestError: The model's output does not fit the number of classes, or there is no engine
                for Keras' backend.
        """
        self._model, self._images, self._recipe = model, images, recipe
        self._batch = min(recipe.batch_size, len(images.train.y))
        backend = _backend()
        units = output_units(model, images.shape, classes=len(images.classes))
        _compile(model, backend.OPTIMIZERS[recipe.optimizer](recipe.learning_rate), units)
        self._optimizer_start = [
            np.asarray(variable).copy() for variable in model.optimizer.variables
        ]
        parts = {name: (part.x, _targets(part.y, units)) for name, part in images.parts.items()}
        self._engine: Engine = backend.ENGINE(
            model, parts, batch=self._batch, scale=images.scale, jit=recipe.jit
        )
        self._prepared = False
        self._history: list[Epoch] = []

    def run(
        self, seed: int, *, start: State | None = None, alive: Alive = lambda: None
    ) -> Iterator[Epoch]:
        """Train with a run seed, from the start or from where a run with this seed was broken off.

        Args:
            seed: The run seed.
            start: What `state` returned; it must fit, see `fits`.
            alive: Called as a sign of life.

        Yields:
            The numbers of each further epoch, as it ends.

        Raises:
            DivergedError: A loss was not finite.
        """
        self._history = []
        # What is only done at the first step (tracing, compiling) belongs to no epoch.
        if not self._prepared:
            self._engine.prepare(steps=1)
            self._prepared = True
        reset(self._model, seed)
        self._engine.prepare(steps=0)
        optimizer = self._model.optimizer.variables
        for variable, value in zip(optimizer, self._optimizer_start, strict=True):
            variable.assign(value)
        if start is not None:
            for variable, value in zip(self._variables(), start.arrays, strict=True):
                variable.assign(value)
            self._history = list(start.epochs)
        for number in range(len(self._history) + 1, self._recipe.epochs + 1):
            alive()
            epoch = self._epoch(seed, number, alive)
            self._history.append(epoch)
            yield epoch

    def state(self) -> State:
        """Where the run stands whose last epoch was yielded."""
        return State(tuple(self._history), tuple(self._engine.read(self._variables())))

    def fits(self, arrays: Sequence[NDArray[Any]]) -> bool:
        """Whether arrays are of the number, shapes and kinds that a state of this model has."""
        own = [(tuple(item.shape), np.asarray(item).dtype) for item in self._variables()]
        return own == [(array.shape, array.dtype) for array in arrays]

    def _variables(self) -> list[keras.Variable]:
        # A generator's state is among the variables of its layer, and not among its weights.
        return [*self._model.variables, *self._model.optimizer.variables]

    def _epoch(self, seed: int, epoch: int, alive: Alive) -> Epoch:
        order = self.order(seed, epoch)
        started = time.perf_counter()
        loss, accuracy = self._engine.train(order, alive)
        seconds = time.perf_counter() - started
        alive()
        _refuse_infinite(epoch, loss, "training loss")
        val_loss, val_accuracy = self._engine.evaluate("validation")
        _refuse_infinite(epoch, val_loss, "validation loss")
        return Epoch(epoch, loss, accuracy, val_loss, val_accuracy, seconds)

    def order(self, seed: int, epoch: int) -> NDArray[np.int32]:
        """Which images each step of an epoch sees, shape `(steps, batch)`.

        The images that do not fill a last batch sit out this epoch; another order has others.
        """
        generator = np.random.default_rng(stream_seed(seed, f"shuffle/{epoch}"))
        order = generator.permutation(len(self._images.train.y)).astype(np.int32)
        steps = len(order) // self._batch
        return order[: steps * self._batch].reshape(steps, self._batch)

    def final(self) -> dict[str, float]:
        """The responses of the run that has just been trained to its end.

        Among them, accuracy on the training images once as it ran (`train_accuracy`) and once with
        the model as it is judged (`train_accuracy_inference`): where the second is far below the
        first, the statistics of batch normalization are stale.

        Raises:
            DivergedError: A loss is not finite.
        """
        if len(self._history) < self._recipe.epochs:
            raise RuntimeError("Expected a run that was trained to its end; received none.")
        last = self._history[-1]
        test_loss, test_accuracy = self._engine.evaluate("test")
        train_loss, train_accuracy = self._engine.evaluate("train")
        _refuse_infinite(last.epoch, test_loss, "test loss")
        _refuse_infinite(last.epoch, train_loss, "training loss in inference mode")
        return {
            "test_accuracy": test_accuracy,
            "test_loss": test_loss,
            "val_accuracy": last.val_accuracy,
            "val_loss": last.val_loss,
            "train_accuracy": last.accuracy,
            "train_loss": last.loss,
            "train_accuracy_inference": train_accuracy,
            "train_loss_inference": train_loss,
        }


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


def output_units(model: keras.Model, shape: tuple[int, int, int], *, classes: int) -> int:
    """The number of outputs of a model: one for each class or, of two classes, that of the second.

    Args:
        model: The model.
        shape: Height, width and channels of an image.
        classes: Number of classes.

    Raises:
        RequestError: The outputs do not fit the classes.
    """
    # Only models made of layers know their shape; a call builds any other, and tells.
    output = getattr(model, "output_shape", None) or model(keras.Input(shape)).shape
    expected = [(None, classes), (None, 1)][: 2 if classes == 2 else 1]
    if output not in expected:
        raise RequestError(
            f"Expected a model with outputs of shape {' or '.join(map(str, expected))} for "
            f"{classes} classes; received {output}."
        )
    return int(output[-1])


def _targets(labels: NDArray[np.int64], units: int) -> NDArray[np.generic]:
    """Labels in the shape of the output: a column of 0 and 1 for a single unit."""
    return labels.astype(np.float32)[:, np.newaxis] if units == 1 else labels.astype(np.int32)


def _compile(model: keras.Model, optimizer: keras.optimizers.Optimizer, units: int) -> None:
    if units == 1:
        loss = keras.losses.BinaryCrossentropy()
        accuracy = keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.5)
    else:
        loss = keras.losses.SparseCategoricalCrossentropy()
        accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    model.compile(optimizer=optimizer, loss=loss, metrics=[accuracy], jit_compile=False)
    optimizer.build(model.trainable_variables)


def _refuse_infinite(epoch: int, loss: float, what: str) -> None:
    if not math.isfinite(loss):
        raise DivergedError(epoch, what)
