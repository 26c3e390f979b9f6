"""Random changes of the training images, from a stream that depends on no model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from ablate.errors import RequestError
from ablate.seeds import stream_seed
from ablate.tasks.task import Task
from ablate.training.reset import generators, layers_by_path
from ablate.wording import error_summary

MIXING = (keras.layers.MixUp, keras.layers.CutMix)
"""Layers that mix the targets of images as well."""
CHECKS = 4
"""Batches that are augmented to check the layers."""
TOLERANCE = 1e-3
"""How far values of an image may leave [0, 1] by rounding."""


class Augmentation:
    """Layers that change each batch of training images at random, and their targets with them.

    The random numbers of a layer are a function of the run seed, the epoch, the step and the name
    of the layer. So two runs with the same seed see the same images, whatever their models are, and
    a run that is resumed needs no state.
    """

    def __init__(self, layers: Sequence[keras.Layer] = (), *, task: Task | None = None) -> None:
        """Remember the layers.

        Args:
            layers: Keras layers from images to images of the same shape, in their order.
            task: What the targets are for; needed with layers.
        """
        self.layers, self._task = tuple(layers), task
        # Layers of the same name are numbered in their order.
        self._streams = {
            f"{path.removeprefix('model/')}/{name}": generator.state
            for path, layer in layers_by_path(keras.layers.Pipeline(list(layers))).items()
            for name, generator in generators(layer).items()
        }

    @property
    def variables(self) -> list[keras.Variable]:
        """The states of the random generators, which each batch changes."""
        return list(self._streams.values())

    def start(self, seed: int, epoch: int) -> None:
        """Set the random generators to the start of an epoch, counted from 1."""
        for name, state in self._streams.items():
            state.assign([stream_seed(seed, f"augment/{epoch}/{name}"), 0])

    def __call__(self, images: Any, targets: Any) -> tuple[Any, Any]:
        """Augment a batch.

        Args:
            images: As the network sees them, float32, shape `(batch, height, width, channels)`.
            targets: As the task encodes them.
        """
        if self._task is None or not self.layers:
            return images, targets
        return self._task.augment(self._move, images=images, targets=targets)

    def _move(self, batch: dict[str, Any]) -> dict[str, Any]:
        for layer in self.layers:
            if set(batch) == {"images"}:  # which a layer of any kind takes
                batch = {"images": layer(batch["images"], training=True)}
            else:
                batch = layer(dict(batch), training=True)
        return batch


NO_AUGMENTATION = Augmentation()
"""Training images as they are."""


def check_augmentation(
    augmentation: Augmentation, *, images: NDArray[np.float32], targets: NDArray[Any], jit: bool
) -> None:
    """Check that layers keep shape and range, move targets, and are the same for the same seed.

    Args:
        augmentation: The layers.
        images: Some images as the network sees them, shape `(images, height, width, channels)`.
        targets: Their encoded targets.
        jit: Whether XLA compiles them for TensorFlow.

    Raises:
        RequestError: They do not.
    """
    for layer in augmentation.layers:
        _check_kind(layer, jit=jit)
    first, second = (_checked_batches(augmentation, images) for _ in range(2))
    if not np.allclose(first, second, rtol=0, atol=TOLERANCE):
        raise RequestError(
            f"Expected layers in augment that draw from a keras.random.SeedGenerator of their own "
            f"alone; received other images for the same seed from {_kinds(augmentation)}."
        )
    _check_targets(augmentation, images, targets)


def _check_kind(layer: keras.Layer, *, jit: bool) -> None:
    if isinstance(layer, MIXING):
        raise RequestError(
            f"Expected layers in augment that leave each image to itself; received "
            f"{type(layer).__name__}, which mixes the targets of images."
        )
    if jit and not layer.supports_jit:
        raise RequestError(
            f"Expected recipe.jit=false with {type(layer).__name__} in augment, which XLA cannot "
            f"compile."
        )


def _kinds(augmentation: Augmentation) -> str:
    return ", ".join(type(layer).__name__ for layer in augmentation.layers)


def _checked_batches(
    augmentation: Augmentation, images: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The images of some steps of an epoch, each augmented further than the one before."""
    augmentation.start(0, 1)
    batches = []
    for _ in range(CHECKS):
        for layer in augmentation.layers:
            images = _checked_output(layer, images, augmentation=augmentation)
        batches.append(images)
    return np.stack(batches)


def _checked_output(
    layer: keras.Layer, images: NDArray[np.float32], *, augmentation: Augmentation
) -> NDArray[np.float32]:
    kind = type(layer).__name__
    try:
        output: NDArray[np.float32] = keras.ops.convert_to_numpy(layer(images, training=True))
    except Exception as error:  # Keras and a user's layers may raise anything
        raise RequestError(
            f"Layer {kind} of augment fails on images of shape {images.shape[1:]}: "
            f"{error_summary(error, limit=300)}"
        ) from error
    _check_variables(layer, augmentation)
    if output.shape != images.shape:
        raise RequestError(
            f"Expected layers in augment that keep the shape {images.shape[1:]} of images; "
            f"received {output.shape[1:]} from {kind}."
        )
    low, high = float(output.min()), float(output.max())
    if not (low >= -TOLERANCE and high <= 1 + TOLERANCE):
        raise RequestError(
            f"Expected layers in augment that keep images in [0, 1]; received values from "
            f"{low:.3g} to {high:.3g} from {kind}. Layers of Keras that change colours take "
            f"value_range=(0, 1)."
        )
    return output


def _check_variables(layer: keras.Layer, augmentation: Augmentation) -> None:
    """Refuse weights, and random generators that `start` does not set."""
    known = {id(variable) for variable in augmentation.variables}
    if others := [variable for variable in layer.variables if id(variable) not in known]:
        raise RequestError(
            f"Expected layers without weights in augment, each random generator an attribute that "
            f"is made in __init__; received {type(layer).__name__} with {others[0].name}."
        )


def _check_targets(
    augmentation: Augmentation, images: NDArray[np.float32], targets: NDArray[Any]
) -> None:
    try:
        _, moved = augmentation(*map(keras.ops.convert_to_tensor, (images, targets)))
    except Exception as error:  # Keras and a user's layers may raise anything
        raise RequestError(
            f"Expected layers in augment that move the targets of images with them, as Keras' "
            f"image preprocessing layers do with bounding_box_format='xyxy'; "
            f"{_kinds(augmentation)} failed: {error_summary(error, limit=300)}"
        ) from error
    shape = tuple(moved.shape)
    if shape != targets.shape:
        raise RequestError(
            f"Expected layers in augment that keep targets of shape {targets.shape[1:]}; received "
            f"{shape[1:]}."
        )
