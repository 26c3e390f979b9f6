"""TensorFlow: an epoch is one compiled function over images that stay on the device."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ablate.data.stored import rows_at_once
from ablate.errors import RequestError
from ablate.training.engine import Alive, StepHooks, evaluation_batch, numbers_of
from ablate.training.feed import Feed, read_ahead
from ablate.training.reset import layers_by_path

HEARTBEAT_STEPS = 32
"""Training steps between two heartbeats; leaving the loop for one costs about a millisecond."""
UNSEEDED = {
    "Multinomial",
    "ParameterizedTruncatedNormal",
    "RandomGamma",
    "RandomPoissonV2",
    "RandomShuffle",
    "RandomStandardNormal",
    "RandomUniform",
    "RandomUniformInt",
    "TruncatedNormal",
}
"""Operations of `tf.random` whose state cannot be reset."""


class TensorFlowEngine:
    """Keras' own `train_step` and `test_step` in a loop that Python does not enter."""

    def __init__(self, model: keras.Model, feed: Feed, *, jit: bool) -> None:
        if not tf.config.list_physical_devices("GPU"):
            # Rewriting the graph takes a second a model and does not make steps faster on a CPU.
            tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
        _slice_before_strided_projections(model)
        self._model, self._feed, self._scale = model, feed, feed.scale
        self._augmentation = feed.augmentation
        self._batch = evaluation_batch(model)
        held = np.asanyarray if feed.streamed else tf.constant
        self._parts = {
            name: tuple(held(array) for array in part) for name, part in feed.parts.items()
        }
        x, y, *_ = self._parts["train"]
        images, steps = (None, None) if feed.streamed else (len(x), feed.steps)
        self._train = tf.function(
            self._epoch,
            input_signature=[
                tuple(
                    tf.TensorSpec([images, *part.shape[1:]], part.dtype)
                    for part in self._parts["train"]
                ),
                tf.TensorSpec([steps, feed.batch], tf.int32),
                tf.TensorSpec([], tf.int32),
                tf.TensorSpec([], tf.int32),
            ],
            jit_compile=jit,
            autograph=False,
        )
        # XLA cannot slice to a size that it learns at run time, so evaluation is not compiled.
        self._evaluate = tf.function(
            self._evaluation,
            input_signature=[
                tf.TensorSpec([None, *x.shape[1:]], x.dtype),
                tf.TensorSpec([None, *y.shape[1:]], y.dtype),
            ],
            autograph=False,
        )

    def prepare(self, *, steps: int) -> None:
        """Trace and load both functions, where TensorFlow has not done so yet.

        Args:
            steps: Training steps to take for it; as many validation images are evaluated.

        Raises:
            RequestError: The model keeps state where the trainer cannot reset it.
        """
        order = np.zeros((self._feed.steps, self._feed.batch), np.int32)
        _, (parts, own_order, *_) = next(self._chunks(order, 1))
        self._train(parts, own_order, 0, steps)
        x, y = self._parts["validation"]
        self._evaluate(x[:steps], y[:steps])
        if steps:
            self._refuse_hidden_state()

    def train(
        self, order: np.ndarray, alive: Alive, *, hooks: StepHooks | None = None
    ) -> Mapping[str, float]:
        """Take a step for each row of image indices."""
        self._model.reset_metrics()
        for first, chunk in self._chunks(order, HEARTBEAT_STEPS if hooks is None else 1):
            if hooks is not None:
                hooks.begin(first)
            numbers = self._train(*chunk)
            if hooks is not None:
                hooks.end(first, numbers_of(numbers))
            alive()
        return numbers_of(numbers)

    def evaluate(self, part: str) -> Mapping[str, float]:
        """Run the model in inference mode on every image of a part once."""
        self._model.reset_metrics()
        x, y, *_ = self._parts[part]
        if not self._feed.streamed:
            return numbers_of(self._evaluate(x, y))
        at_once = max(1, rows_at_once(x) // self._batch) * self._batch
        for images, targets in self._feed.batches(part, at_once):
            numbers = self._evaluate(images, targets)
        return numbers_of(numbers)

    def read(self, variables: Sequence[keras.Variable]) -> list[np.ndarray]:
        """Return copies of what variables hold."""
        # The conversions of Keras and TensorFlow take four times as long, which is a part of the
        # time of a short epoch.
        held = [variable.value for variable in variables]
        read = tf.raw_ops.ReadVariableOp
        return [read(resource=item.handle, dtype=item.dtype).numpy() for item in held]

    def _chunks(self, order: np.ndarray, size: int) -> Iterator[tuple[int, Any]]:
        """The first step of some steps at a time, and the arguments of `_epoch` for them."""
        if self._feed.streamed:
            size = min(size, self._feed.steps_at_once)
            yield from read_ahead(self._read_chunks(order, size))
        else:
            for first in range(0, len(order), size):
                last = min(first + size, len(order))
                yield first, (self._parts["train"], order, first, last)

    def _read_chunks(self, order: np.ndarray, size: int) -> Iterator[tuple[int, Any]]:
        for first in range(0, len(order), size):
            rows = order[first : first + size]
            own = np.arange(rows.size, dtype=np.int32).reshape(rows.shape)
            yield first, (self._feed.read(rows.ravel()), own, 0, len(rows))

    def _epoch(
        self, parts: tuple[tf.Tensor, ...], order: tf.Tensor, first: tf.Tensor, last: tf.Tensor
    ) -> dict[str, Any]:
        def step(index: tf.Tensor) -> list[tf.Tensor]:
            chosen = tf.gather(order, index)
            x, y, *weights = (tf.gather(part, chosen) for part in parts)
            x, y = self._augmentation(self._seen(x), y)
            self._model.train_step((x, y, *weights))
            return [index + 1]

        tf.while_loop(lambda index: index < last, step, [first], parallel_iterations=1)
        return self._results()

    def _evaluation(self, x: tf.Tensor, y: tf.Tensor) -> dict[str, Any]:
        def step(start: tf.Tensor) -> list[tf.Tensor]:
            end = start + self._batch
            self._model.test_step((self._seen(x[start:end]), y[start:end]))
            return [end]

        tf.while_loop(lambda start: start < tf.shape(x)[0], step, [0], parallel_iterations=1)
        return self._results()

    def _seen(self, x: tf.Tensor) -> tf.Tensor:
        """What the network sees of stored images: floats in [0, 1]."""
        return tf.cast(x, tf.float32) * self._scale

    def _results(self) -> dict[str, Any]:
        results: dict[str, Any] = self._model.get_metrics_result()
        return results

    def _refuse_hidden_state(self) -> None:
        """State that no layer or optimizer owns cannot be reset: a run would depend on the last."""
        model = self._model
        owned = (*model.variables, *model.optimizer.variables, *model.metrics_variables)
        owned = (*owned, *self._augmentation.variables)
        if (change := getattr(model.optimizer, "change", None)) is not None:
            owned = (*owned, change)
        known = {id(variable.value) for variable in owned}
        function = self._train.get_concrete_function()
        hidden = {item.name for item in function.variables if id(item) not in known}
        for part in function.graph.as_graph_def().library.function:
            hidden |= {node.op for node in part.node_def if node.op in UNSEEDED}
        if hidden:
            raise RequestError(
                f"Expected a model and an augmentation whose layers own their variables, and a "
                f"keras.random.SeedGenerator each for what they draw; received "
                f"{', '.join(sorted(hidden))}."
            )


def _slice_before_strided_projections(model: keras.Model) -> None:
    """Let a 1x1 convolution with strides see only the pixels that it uses, without strides.

    That is the same function. On a CPU without AVX-512, oneDNN's weight gradient of the other form
    overwrites foreign memory, which kills the process (TensorFlow 2.21).
    """
    for layer in layers_by_path(model).values():
        if (
            isinstance(layer, keras.layers.Conv2D)
            and type(layer).convolution_op is keras.layers.Conv2D.convolution_op
            and tuple(layer.kernel_size) == (1, 1)
            and max(layer.strides) > 1
            and layer.data_format == "channels_last"
        ):
            layer.convolution_op = functools.partial(_convolve_slice, layer)


def _convolve_slice(layer: keras.layers.Conv2D, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    rows, columns = layer.strides
    return keras.ops.conv(
        inputs[:, ::rows, ::columns],
        kernel,
        strides=1,
        padding=layer.padding,
        dilation_rate=layer.dilation_rate,
        data_format=layer.data_format,
    )


class _Flat(keras.optimizers.Optimizer):
    """An optimizer that updates all weights as one long vector.

    Adam, RMSprop and SGD treat each number independently, so the updates are the same. A few
    operations on one vector replace thirty on each weight, which on small images saves half of the
    time that preparing takes and a part of each step.
    """

    def build(self, variables: Sequence[keras.Variable]) -> None:
        self._sizes = [math.prod(variable.shape) for variable in variables]
        self.change = keras.Variable(np.zeros(sum(self._sizes), np.float32), name="change")
        super().build([self.change])

    def apply(
        self,
        grads: Sequence[tf.Tensor | None],
        trainable_variables: Sequence[keras.Variable] | None = None,
    ) -> None:
        weights = list(trainable_variables or ())
        flat = tf.concat([_as_vector(*pair) for pair in zip(grads, weights, strict=True)], 0)
        self.change.assign(tf.zeros_like(flat))
        super().apply([flat], [self.change])
        parts = tf.split(self.change.value, self._sizes)
        for weight, part in zip(weights, parts, strict=True):
            weight.assign_add(tf.cast(tf.reshape(part, weight.shape), weight.dtype))
            if weight.constraint is not None:
                weight.assign(weight.constraint(weight))


def _as_vector(gradient: tf.Tensor | None, weight: keras.Variable) -> tf.Tensor:
    if gradient is None:  # the loss does not depend on this weight
        return tf.zeros([math.prod(weight.shape)])
    return tf.cast(tf.reshape(gradient, [-1]), tf.float32)


class _Adam(_Flat, keras.optimizers.Adam):
    pass


class _RMSprop(_Flat, keras.optimizers.RMSprop):
    pass


class _SGD(_Flat, keras.optimizers.SGD):
    pass


OPTIMIZERS = {"adam": _Adam, "rmsprop": _RMSprop, "sgd": _SGD}
ENGINE = TensorFlowEngine
