"""The engine: a model compiled once, and trained anew for each run seed."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import keras
import numpy as np

from ablate.data.images import Images, Split
from ablate.recipe import Recipe
from ablate.seeds import stream_seed
from ablate.study import Refusal
from ablate.training.fresh import reset

if TYPE_CHECKING:
    from numpy.typing import NDArray

OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}


class Diverged(Exception):
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


class Engine(Protocol):
    """What a backend does for the trainer; both methods return mean loss and accuracy."""

    def train(self, order: NDArray[np.int32]) -> tuple[float, float]:
        """A step for each row of image indices, `order` being of shape `(steps, batch)`."""

    def evaluate(self, part: str) -> tuple[float, float]:
        """The model in inference mode on the `train`, `validation` or `test` images."""


class Trainer:
    """Trains one model with any number of run seeds, one after the other.

    Building and tracing a model costs as much as training it on small images, so that is done once;
    each run then begins from exactly what a fresh build with its seed would hold.
    """

    def __init__(self, model: keras.Model, images: Images, recipe: Recipe) -> None:
        """Compile the model.

        Args:
            model: Any built Keras model from images in [0, 1] to probabilities, one per class or,
                for two classes, one in all.
            images: What it learns from and is judged on.
            recipe: How it is trained.

        Raises:
            Refusal: The model's output does not fit the number of classes.
        """
        self._model, self._images, self._recipe = model, images, recipe
        self._batch = min(recipe.batch_size, len(images.train.y))
        _compile(model, recipe, len(images.classes))
        model.optimizer.build(model.trainable_variables)
        self._optimizer_start = [np.array(value) for value in model.optimizer.variables]
        self._engine = _engine(model, images, recipe)
        self._last: Epoch | None = None
        # What is only done at the first step (tracing, optimizing the graph) belongs to no epoch.
        self._engine.train(np.zeros((1, self._batch), np.int32))
        self._engine.evaluate("validation")

    def run(self, seed: int) -> Iterator[Epoch]:
        """Train from the start with a run seed.

        Yields:
            The numbers of each epoch, as it ends.

        Raises:
            Diverged: A loss was not finite.
        """
        reset(self._model, seed)
        for variable, start in zip(
            self._model.optimizer.variables, self._optimizer_start, strict=True
        ):
            variable.assign(start)
        self._last = None
        for epoch in range(1, self._recipe.epochs + 1):
            started = time.perf_counter()
            loss, accuracy = self._engine.train(self.order(seed, epoch))
            seconds = time.perf_counter() - started
            _refuse_infinite(epoch, loss, "training loss")
            val_loss, val_accuracy = self._engine.evaluate("validation")
            _refuse_infinite(epoch, val_loss, "validation loss")
            self._last = Epoch(epoch, loss, accuracy, val_loss, val_accuracy, seconds)
            yield self._last

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
            Diverged: A loss is not finite.
        """
        assert self._last is not None
        last = self._last
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


def stored(split: Split, classes: int) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    """Images and labels of a part as a backend keeps them: labels in the shape of the output."""
    if classes == 2:
        return split.x, split.y.astype(np.float32)[:, np.newaxis]
    return split.x, split.y.astype(np.int32)


def _engine(model: keras.Model, images: Images, recipe: Recipe) -> Engine:
    backend = keras.backend.backend()
    parts = {
        name: stored(getattr(images, name), len(images.classes))
        for name in ("train", "validation", "test")
    }
    if backend == "tensorflow":
        from ablate.training.tensorflow import TensorFlowEngine

        return TensorFlowEngine(model, parts, scale=images.scale, jit=recipe.jit)
    if backend == "jax":
        from ablate.training.jax import JaxEngine

        return JaxEngine(model, parts, scale=images.scale)
    raise Refusal(f"Expected KERAS_BACKEND to be tensorflow or jax; received {backend!r}.")


def _compile(model: keras.Model, recipe: Recipe, classes: int) -> None:
    units = model.output_shape[-1]
    expected = 1 if classes == 2 else classes
    if units != expected:
        raise Refusal(
            f"Expected a model with {expected} outputs for {classes} classes; received {units}."
        )
    binary = classes == 2
    model.compile(
        optimizer=OPTIMIZERS[recipe.optimizer](learning_rate=recipe.learning_rate),
        loss=(
            keras.losses.BinaryCrossentropy()
            if binary
            else keras.losses.SparseCategoricalCrossentropy()
        ),
        metrics=[
            keras.metrics.BinaryAccuracy(name="accuracy")
            if binary
            else keras.metrics.SparseCategoricalAccuracy(name="accuracy")
        ],
        jit_compile=False,
    )


def _refuse_infinite(epoch: int, loss: float, what: str) -> None:
    if not math.isfinite(loss):
        raise Diverged(epoch, what)
