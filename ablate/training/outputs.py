"""What the outputs of a model are, as far as its layers and a few images tell."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from ablate.errors import RequestError
from ablate.tasks.task import Shape

KNOWN = ("linear", "sigmoid", "softmax")
"""Activations that tell what outputs are; others are judged by the outputs for some images."""
EXTREME = np.float32(1000)
SQUEEZED = 0.1
"""Images span 1. First layers that leave less than this were made for values up to 255."""


def output_shape(model: keras.Model, shape: tuple[int, int, int]) -> Shape:
    """The shape of a model's output.

    Args:
        model: The model.
        shape: Height, width and channels of an image.
    """
    # Only models made of layers know their shape; a call builds any other and returns it.
    found: Shape = getattr(model, "output_shape", None) or model(keras.Input(shape)).shape
    return found


def check_output_type(model: keras.Model) -> None:
    """Check that a model's outputs are not of a low precision.

    Raises:
        RequestError: They are, so that neither loss nor measures would be exact.
    """
    last = _last_operation(model)
    policy = getattr(last, "dtype_policy", None)
    compute = getattr(policy, "compute_dtype", "float32")
    if compute not in ("float32", "float64"):
        raise RequestError(
            f"Expected outputs in float32, whatever the precision of the layers before; layer "
            f"{getattr(last, 'name', '?')!r} computes in {compute}. Give it dtype='float32'."
        )


def final_activation(model: keras.Model) -> str | None:
    """The activation after which nothing changes a model's outputs; None if that is not known."""
    last = _last_operation(model)
    if isinstance(last, keras.layers.Softmax):
        return "softmax" if last.axis == -1 else None
    activation = getattr(last, "activation", None)
    name = getattr(activation, "__name__", None)
    name = name if name in KNOWN else type(last).__name__.lower()
    return name if name in KNOWN else None


def outputs_of(model: keras.Model, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """The outputs of a model in inference mode for a few images, as the network sees them.

    And for images far out of range, where probabilities stay in [0, 1] and logits do not.
    """
    found = model(np.concatenate([images, EXTREME * images, -EXTREME * images]), training=False)
    return np.asarray(found).astype(np.float32)


def squeezed_range(model: keras.Model, images: NDArray[np.float32]) -> tuple[float, float] | None:
    """The range to which a model's first layers squeeze images; None unless it is a small one.

    Args:
        model: A model.
        images: Images in [0, 1], as the network sees them.
    """
    found = _before_first_weight(model, images)
    if found is None or not found.size:
        return None
    low, high = float(found.min()), float(found.max())
    return (low, high) if 0 < high - low < SQUEEZED else None


def _before_first_weight(
    model: keras.Model, images: NDArray[np.float32]
) -> NDArray[np.float32] | None:
    """What reaches the first layer with weights; None if that is not known."""
    values: Any = images
    if isinstance(model, keras.Sequential):
        for layer in model.layers:
            if layer.weights:
                return _enter(layer, values)
            values = layer(values)
        return None
    if not isinstance(model, keras.Function):
        return None
    for operation in model.operations:
        if getattr(operation, "weights", None):
            (tensor, *_) = operation._inbound_nodes[0].input_tensors
            if not any(tensor is each for each in model.inputs):
                values = keras.Function(model.inputs, tensor)([values])
            return _enter(operation, values)
    return None


def _enter(layer: keras.Layer, values: Any) -> NDArray[np.float32] | None:
    """What reaches the first weights of a layer, which may be a model itself."""
    if isinstance(layer, keras.Model):
        return _before_first_weight(layer, values)
    return np.asarray(values).astype(np.float32)


def _last_operation(model: keras.Model) -> Any:
    """What computes a model's outputs, also inside a model; None for a class of a user's own."""
    if isinstance(model, keras.Sequential):
        layers = model.layers
        last = layers[-1] if layers else None
    elif isinstance(model, keras.Function):
        last = model.outputs[0]._keras_history.operation
    else:
        return None
    return _last_operation(last) if isinstance(last, keras.Model) else last
