"""JAX: Keras' stateless training step, an epoch of them in one `lax.scan`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

EVALUATION_BATCH = 256

OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}

State = tuple[list[jax.Array], ...]
Logs = dict[str, jax.Array]


class JaxEngine:
    """Keras' own `train_step` and `test_step` as pure functions of a state.

    The state are lists of arrays in the order of `_variables`; it is read from the model before a
    call and written back after it.
    """

    def __init__(
        self,
        model: keras.Model,
        parts: Mapping[str, tuple[np.ndarray, np.ndarray]],
        *,
        batch: int,
        scale: float,
        jit: bool,
    ) -> None:
        """`jit` is for TensorFlow: JAX always compiles."""
        self._model, self._parts, self._batch, self._scale = model, parts, batch, scale
        self._train_images = tuple(jnp.asarray(array) for array in parts["train"])
        # XLA runs a convolution inside a loop ten times slower on a CPU, and starting a step from
        # Python costs next to nothing there.
        self._by_step = jax.default_backend() == "cpu"
        self._train: Any = jax.jit(self._step if self._by_step else self._epoch)
        self._test = jax.jit(self._test_step)

    def prepare(self, *, steps: int) -> None:
        """Compile the epoch, and the evaluation of a validation batch of each size.

        No step is taken for it, and once is enough: with `steps` of 0 there is nothing to do.
        """
        if not steps:
            return
        x, y = self._train_images
        # Keras makes the variables of a metric at its first update, which must not be a traced one.
        self._model.compute_metrics(None, y[:1], jnp.zeros((1, 1)))
        order = jnp.zeros((len(x) // self._batch, self._batch), jnp.int32)
        order = order[0] if self._by_step else order
        self._train = self._train.lower(self._state(), x, y, order).compile()
        for batch in {len(x): (x, y) for x, y in self._batches("validation")}.values():
            self._test(self._state(), *batch)

    def train(self, order: np.ndarray, alive: Callable[[], None]) -> tuple[float, float]:
        """A step for each row of image indices; mean loss and accuracy on the way."""
        self._model.reset_metrics()
        state = self._state()
        for chosen in order if self._by_step else [order]:
            state, logs = self._train(state, *self._train_images, chosen)
            alive()
        self._keep(state)
        return float(logs["loss"]), float(logs["accuracy"])

    def evaluate(self, part: str) -> tuple[float, float]:
        """Mean loss and accuracy in inference mode, every image once."""
        self._model.reset_metrics()
        state = self._state()
        for x, y in self._batches(part):
            state, logs = self._test(state, x, y)
        return float(logs["loss"]), float(logs["accuracy"])

    def read(self, variables: Sequence[keras.Variable]) -> list[np.ndarray]:
        """What variables hold, in copies of their own."""
        return [np.array(variable.value) for variable in variables]

    def _batches(self, part: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        x, y = self._parts[part]
        for start in range(0, len(x), EVALUATION_BATCH):
            yield x[start : start + EVALUATION_BATCH], y[start : start + EVALUATION_BATCH]

    def _epoch(
        self, state: State, x: jax.Array, y: jax.Array, order: jax.Array
    ) -> tuple[State, Logs]:
        state, logs = jax.lax.scan(
            lambda state, chosen: self._step(state, x, y, chosen), state, order
        )
        return state, {name: values[-1] for name, values in logs.items()}

    def _step(
        self, state: State, x: jax.Array, y: jax.Array, chosen: jax.Array
    ) -> tuple[State, Logs]:
        logs, state = self._model.train_step(state, (self._seen(x[chosen]), y[chosen]))
        return state, logs

    def _test_step(self, state: State, x: jax.Array, y: jax.Array) -> tuple[State, Logs]:
        trainable, non_trainable, optimizer, metrics = state
        part = trainable, non_trainable, metrics
        logs, (_, _, metrics) = self._model.test_step(part, (self._seen(x), y))
        return (trainable, non_trainable, optimizer, metrics), logs

    def _seen(self, x: jax.Array) -> jax.Array:
        """What the network sees of stored images: floats in [0, 1]."""
        return x.astype(jnp.float32) * self._scale

    def _variables(self) -> tuple[list[keras.Variable], ...]:
        model = self._model
        return (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
            model.metrics_variables,
        )

    def _state(self) -> State:
        return tuple([variable.value for variable in group] for group in self._variables())

    def _keep(self, state: State) -> None:
        for group, values in zip(self._variables(), state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)


ENGINE = JaxEngine
