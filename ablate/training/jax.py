"""JAX: Keras' stateless training step, an epoch of them in one `lax.scan`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

from ablate.training.engine import Alive, StepHooks, evaluation_batch, numbers_of
from ablate.training.feed import Feed, read_ahead

OPTIMIZERS: Mapping[str, Any] = {}
"""JAX uses Keras' own optimizers."""

State = tuple[list[jax.Array], ...]
Logs = dict[str, Any]


class JaxEngine:
    """Keras' own `train_step` and `test_step` as pure functions of a state.

    The state is a tuple of lists of arrays in the order of `_variables`. It is read from the model
    before a call and written back after it.
    """

    def __init__(self, model: keras.Model, feed: Feed, *, jit: bool) -> None:
        """`jit` is for TensorFlow: JAX always compiles."""
        self._model, self._feed = model, feed
        self._batch = evaluation_batch(model)
        first = np.zeros(feed.batch, np.int32)
        held = feed.read(first) if feed.streamed else feed.parts["train"]
        self._train_images = tuple(jnp.asarray(array) for array in held)
        # XLA runs a convolution inside a loop ten times slower on a CPU, where starting a step from
        # Python costs next to nothing.
        self._by_step = feed.streamed or jax.default_backend() == "cpu"
        self._train: Any = jax.jit(self._step if self._by_step else self._epoch)
        self._single = jax.jit(self._step)
        self._test = jax.jit(self._test_step)

    def prepare(self, *, steps: int) -> None:
        """Compile the epoch, and the evaluation of a validation batch of each size.

        No step is taken for it, and once is enough: with `steps` of 0 there is nothing to do.
        """
        if not steps:
            return
        x, y, *_ = self._train_images
        self._build_metrics(x[:1], y[:1])
        order = jnp.zeros((self._feed.steps, self._feed.batch), jnp.int32)
        order = order[0] if self._by_step else order
        self._train = self._train.lower(self._state(), self._train_images, order).compile()
        for batch in {len(x): (x, y) for x, y in self._batches("validation")}.values():
            self._test(self._state(), *batch)

    def _build_metrics(self, x: jax.Array, y: jax.Array) -> None:
        """Keras makes the variables of a metric at its first update, which must not be traced."""
        trainable, non_trainable, *_ = self._state()
        call = self._model.stateless_call
        outputs, _ = jax.eval_shape(call, trainable, non_trainable, self._seen(x))
        empty = jax.tree.map(lambda output: jnp.zeros(output.shape, output.dtype), outputs)
        self._model.compute_metrics(None, y, empty)

    def train(
        self, order: np.ndarray, alive: Alive, *, hooks: StepHooks | None = None
    ) -> Mapping[str, float]:
        """Take a step for each row of image indices."""
        self._model.reset_metrics()
        if hooks is not None:
            return self._train_with(order, alive, hooks)
        state = self._state()
        for images, chosen in self._steps(order):
            state, logs = self._train(state, images, chosen)
            alive()
        self._keep(state)
        return numbers_of(logs)

    def _train_with(self, order: np.ndarray, alive: Alive, hooks: StepHooks) -> Mapping[str, float]:
        """Take the steps one by one, the model holding its variables at each."""
        train = self._train if self._by_step else self._single
        for step, (images, chosen) in enumerate(self._steps(order, by_step=True)):
            hooks.begin(step)
            state, logs = train(self._state(), images, chosen)
            self._keep(state)
            hooks.end(step, numbers_of(logs))
            alive()
        return numbers_of(logs)

    def evaluate(self, part: str) -> Mapping[str, float]:
        """Run the model in inference mode on every image of a part once."""
        self._model.reset_metrics()
        state = self._state()
        for x, y in self._batches(part):
            state, logs = self._test(state, x, y)
        return numbers_of(logs)

    def read(self, variables: Sequence[keras.Variable]) -> list[np.ndarray]:
        """Return copies of what variables hold."""
        return [np.array(variable.value) for variable in variables]

    def _steps(
        self, order: np.ndarray, *, by_step: bool = False
    ) -> Iterator[tuple[tuple[jax.Array, ...], np.ndarray]]:
        """Images, and which of them each step sees; all steps at once where a scan takes them."""
        if self._feed.streamed:
            own = np.arange(self._feed.batch, dtype=np.int32)
            for images in read_ahead(self._feed.read(rows) for rows in order):
                yield tuple(jnp.asarray(array) for array in images), own
        else:
            for chosen in order if self._by_step or by_step else [order]:
                yield self._train_images, chosen

    def _batches(self, part: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return self._feed.batches(part, self._batch)

    def _epoch(
        self, state: State, parts: tuple[jax.Array, ...], order: jax.Array
    ) -> tuple[State, Logs]:
        state, logs = jax.lax.scan(
            lambda state, chosen: self._step(state, parts, chosen), state, order
        )
        return state, jax.tree.map(lambda values: values[-1], logs)

    def _step(
        self, state: State, parts: tuple[jax.Array, ...], chosen: jax.Array
    ) -> tuple[State, Logs]:
        *own, streams = state
        x, y, *weights = (part[chosen] for part in parts)
        x, y, streams = self._augmented(self._seen(x), y, streams)
        logs, own = self._model.train_step(tuple(own), (x, y, *weights))
        return (*own, streams), logs

    def _augmented(
        self, x: jax.Array, y: jax.Array, streams: list[jax.Array]
    ) -> tuple[jax.Array, jax.Array, list[jax.Array]]:
        """A batch after augmentation, and the states of the random generators after it."""
        variables = self._feed.augmentation.variables
        with keras.StatelessScope(list(zip(variables, streams, strict=True))) as scope:
            x, y = self._feed.augmentation(x, y)
        return x, y, [scope.get_current_value(variable) for variable in variables]

    def _test_step(self, state: State, x: jax.Array, y: jax.Array) -> tuple[State, Logs]:
        trainable, non_trainable, optimizer, metrics, streams = state
        part = trainable, non_trainable, metrics
        logs, (_, _, metrics) = self._model.test_step(part, (self._seen(x), y))
        return (trainable, non_trainable, optimizer, metrics, streams), logs

    def _seen(self, x: jax.Array) -> jax.Array:
        """What the network sees of stored images: floats in [0, 1]."""
        return x.astype(jnp.float32) * self._feed.scale

    def _variables(self) -> tuple[list[keras.Variable], ...]:
        model = self._model
        return (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
            model.metrics_variables,
            self._feed.augmentation.variables,
        )

    def _state(self) -> State:
        return tuple([variable.value for variable in group] for group in self._variables())

    def _keep(self, state: State) -> None:
        for group, values in zip(self._variables(), state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)


ENGINE = JaxEngine
