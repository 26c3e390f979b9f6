"""TensorFlow: an epoch is one compiled function over images that stay on the device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

EVALUATION_BATCH = 256


class TensorFlowEngine:
    """Keras' own `train_step` and `test_step` in a loop that Python does not enter."""

    def __init__(
        self, model: keras.Model, parts: Mapping[str, tuple[Any, Any]], *, scale: float, jit: bool
    ) -> None:
        self._model, self._scale = model, scale
        self._parts = {
            name: (tf.constant(x), tf.constant(y)) for name, (x, y) in parts.items()
        }
        x, y = self._parts["train"]
        images = tf.TensorSpec([None, *x.shape[1:]], x.dtype)
        labels = tf.TensorSpec([None, *y.shape[1:]], y.dtype)
        order = tf.TensorSpec([None, None], tf.int32)
        # XLA cannot slice to a size that it learns at run time, so evaluation goes without it.
        self._train = tf.function(
            self._epoch, input_signature=[images, labels, order], jit_compile=jit, autograph=False
        )
        self._evaluate = tf.function(
            self._passage, input_signature=[images, labels], autograph=False
        )

    def train(self, order: np.ndarray) -> tuple[float, float]:
        """A step for each row of image indices; mean loss and accuracy on the way."""
        return _numbers(self._train(*self._parts["train"], tf.constant(order)))

    def evaluate(self, part: str) -> tuple[float, float]:
        """Mean loss and accuracy in inference mode, every image once."""
        return _numbers(self._evaluate(*self._parts[part]))

    def _epoch(self, x: tf.Tensor, y: tf.Tensor, order: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        def step(index: tf.Tensor) -> list[tf.Tensor]:
            chosen = order[index]
            batch = (self._seen(tf.gather(x, chosen)), tf.gather(y, chosen))
            self._model.train_step(batch)
            return [index + 1]

        self._reset_metrics()
        tf.while_loop(lambda index: index < tf.shape(order)[0], step, [0], parallel_iterations=1)
        return self._metrics()

    def _passage(self, x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        def step(start: tf.Tensor) -> list[tf.Tensor]:
            end = start + EVALUATION_BATCH
            self._model.test_step((self._seen(x[start:end]), y[start:end]))
            return [end]

        self._reset_metrics()
        tf.while_loop(lambda start: start < tf.shape(x)[0], step, [0], parallel_iterations=1)
        return self._metrics()

    def _seen(self, x: tf.Tensor) -> tf.Tensor:
        """What the network sees of stored images: floats in [0, 1]."""
        return tf.cast(x, tf.float32) * self._scale

    def _reset_metrics(self) -> None:
        for metric in self._model.metrics:
            metric.reset_state()

    def _metrics(self) -> tuple[tf.Tensor, tf.Tensor]:
        results = self._model.get_metrics_result()
        return results["loss"], results["accuracy"]


def _numbers(pair: tuple[tf.Tensor, tf.Tensor]) -> tuple[float, float]:
    loss, accuracy = pair
    return float(loss), float(accuracy)
