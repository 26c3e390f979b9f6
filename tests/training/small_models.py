"""Small models and images on which training is tested; the same in every process."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

from ablate.data.images import Images, Split

SHAPE = (6, 6, 1)


def images(*, train: int = 70, classes: int = 3, dtype: str = "uint8") -> Images:
    """Noise with a brighter corner for each class."""
    generator = np.random.default_rng(0)

    def part(number: int) -> Split:
        y = np.arange(number) % classes
        x = generator.integers(0, 100, (number, *SHAPE))
        x[:, :3, :3] += np.where(y == 1, 100, 0)[:, None, None, None]
        x[:, 3:, 3:] += np.where(y == 2, 100, 0)[:, None, None, None]
        if dtype == "uint8":
            return Split(x.astype(np.uint8), y)
        return Split((x / 255).astype(np.float32), y)

    return Images(
        train=part(train),
        validation=part(37),
        test=part(29),
        classes=tuple("abc"[:classes]),
        scale=1 / 255 if dtype == "uint8" else 1.0,
    )


def value_of(variable: Any) -> np.ndarray:
    """A copy of what a variable holds."""
    return np.asarray(variable).copy()


@keras.saving.register_keras_serializable("tests")
class BatchRecorder(layers.Layer):
    """Records a number for each of the last eight batches that it was trained on."""

    def build(self, input_shape: tuple[int, ...]) -> None:
        self.seen = self.add_weight(shape=(8,), initializer="zeros", trainable=False)

    def call(self, x: Any, training: bool | None = None) -> Any:
        if training:
            weight = keras.ops.arange(keras.ops.shape(x)[0], dtype="float32") + 1
            mark = keras.ops.sum(keras.ops.sum(x, axis=(1, 2, 3)) * weight)
            self.seen.assign(keras.ops.append(self.seen[1:], mark))
        return x


@keras.saving.register_keras_serializable("tests")
class NotANumber(layers.Layer):
    """Returns NaN for every input."""

    def call(self, x: Any) -> Any:
        return keras.ops.log(x * 0 - 1)


class White(layers.Layer):
    """Returns images of ones, in training as in inference."""

    def call(self, x: Any) -> Any:
        return keras.ops.ones_like(x)


@keras.saving.register_keras_serializable("tests")
class UnseededNoise(layers.Layer):
    """Draws from the global generator of Keras, whose state no layer owns."""

    def call(self, x: Any, training: bool | None = None) -> Any:
        return x + keras.random.normal(keras.ops.shape(x)) if training else x


@keras.saving.register_keras_serializable("tests")
class OwnModel(keras.Model):
    """A model of a class of its own, whose output shape is unknown until it is called."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.flat, self.head = layers.Flatten(), layers.Dense(3, "softmax")

    def call(self, x: Any) -> Any:
        return self.head(self.flat(x))


@keras.saving.register_keras_serializable("tests")
class Block(layers.Layer):
    """A custom layer with a weight of its own next to the layers that it holds."""

    def __init__(self, channels: int, *, skip: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels, self.skip = channels, skip
        self.shortcut = layers.Conv2D(channels, 1) if skip else None
        self.conv = layers.SeparableConv2D(channels, 3, padding="same")
        self.norms = [layers.BatchNormalization(momentum=0.8), layers.Dropout(0.2)]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.gain = self.add_weight(shape=(self.channels,), initializer="random_normal")
        super().build(input_shape)

    def call(self, x: Any, training: bool | None = None) -> Any:
        y = self.conv(x)
        for layer in self.norms:
            y = layer(y, training=training)
        y = keras.ops.relu(y * self.gain)
        return self.shortcut(x) + y if self.skip else y

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "channels": self.channels, "skip": self.skip}


def convnet(
    classes: int = 3, *, extra: bool = False, skip: bool = True, units: int | None = None
) -> keras.Model:
    """Convolutions, normalization, dropout, a custom layer and a model within the model."""
    inputs = x = layers.Input(SHAPE)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv1")(x)
    if extra:
        x = layers.Conv2D(4, 3, padding="same", activation="relu", name="extra")(x)
    x = layers.BatchNormalization(momentum=0.8, name="norm1")(x)
    x = Block(6, skip=skip, name="block")(x)
    x = layers.GlobalAveragePooling2D()(x)
    tail = keras.Sequential(
        [layers.Input((6,)), layers.Dropout(0.3), layers.Dense(8, "relu"), layers.Dropout(0.1)],
        name="tail",
    )
    x = tail(x)
    units = units or (1 if classes == 2 else classes)
    activation = "sigmoid" if units == 1 else "softmax"
    return keras.Model(inputs, layers.Dense(units, activation, name="head")(x))


def small(classes: int = 3) -> keras.Model:
    """A network with normalization and dropout that takes little time to compile."""
    return keras.Sequential(
        [
            layers.Input(SHAPE),
            layers.Conv2D(2, 3, activation="relu"),
            layers.BatchNormalization(momentum=0.8),
            layers.Dropout(0.2),
            layers.Flatten(),
            layers.Dense(1 if classes == 2 else classes, "sigmoid" if classes == 2 else "softmax"),
        ]
    )


def plain(classes: int = 3) -> keras.Model:
    """A network whose steps draw nothing; some of its layers have no name of their own."""
    return keras.Sequential(
        [
            layers.Input(SHAPE),
            layers.Conv2D(4, 3, kernel_constraint="max_norm", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(8, "relu"),
            layers.Dense(1 if classes == 2 else classes, "sigmoid" if classes == 2 else "softmax"),
        ]
    )
