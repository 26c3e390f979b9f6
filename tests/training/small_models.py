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


def held(variable: Any) -> np.ndarray:
    """What a variable holds."""
    return np.asarray(variable).copy()


@keras.saving.register_keras_serializable("tests")
class Block(layers.Layer):
    """A custom layer with a weight of its own beside the layers that it holds."""

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


def plain(classes: int = 3) -> keras.Model:
    """A network without chance in its steps, some of whose layers have no name of their own."""
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
