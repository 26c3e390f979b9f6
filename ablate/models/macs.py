"""Multiply-accumulates of a forward pass, counted layer by layer."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from ablate.errors import RequestError

Shape = tuple[int | None, ...]

DENSE = (layers.Dense, layers.Conv1D, layers.Conv2D, layers.Conv3D)
DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)
TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)


def count_macs(model: keras.Model) -> int:
    """Multiply-accumulate operations of one forward pass over one image.

    Args:
        model: A built model.

    Raises:
        RequestError: The model takes images of no fixed size.
    """
    return sum(macs_by_layer(model).values())


def macs_by_layer(model: keras.Model) -> dict[str, int]:
    """Multiply-accumulates of each of the model's layers, by name.

    A convolution or dense layer does one for every weight that goes into every value it makes;
    positions that fall on padding count, biases do not. A layer counts as often as the graph of a
    functional model calls it, and a model or layer that holds others counts what they do. Layers
    held by a layer that is no functional model count once, for the input they were built with.
    All other layers count nothing (normalization, activation, pooling, addition, embedding,
    attention, recurrence, weights of a user's own layer): in convnets their arithmetic is small.

    Args:
        model: A built model.

    Raises:
        RequestError: The model takes images of no fixed size.
    """
    if isinstance(model, keras.Function):
        return dict(_called(model, model.inputs))
    return dict(_held(model))


def _called(graph: keras.Function, inputs: list[keras.KerasTensor]) -> Counter[str]:
    """Multiply-accumulates of every call in a functional model, for one input of that shape.

    Keras itself infers the shape of an output with `_run_through_graph`. It visits each call of a
    layer, where `layer.output` knows the first alone.
    """
    counts: Counter[str] = Counter()

    def counted(operation: Any) -> Callable[..., Any]:
        def infer(*args: Any, **kwargs: Any) -> Any:
            tensors = [x for x in keras.tree.flatten((args, kwargs)) if hasattr(x, "shape")]
            counts[operation.name] += _macs(operation, tensors)
            return operation.compute_output_spec(*args, **kwargs)

        return infer

    one = [keras.KerasTensor((1, *tensor.shape[1:]), tensor.dtype) for tensor in inputs]
    graph._run_through_graph(one, operation_fn=counted)
    return counts


def _held(layer: keras.Layer) -> Counter[str]:
    """Multiply-accumulates of the layers that a layer holds, for the shapes they were built with.

    Keras lists the layers of a model in public, but not those of a layer.
    """
    counts: Counter[str] = Counter()
    for child in layer._layers:
        shape = (child.get_build_config() or {}).get("input_shape")
        inputs = [keras.KerasTensor(shape)] if shape else []
        counts[child.name] += _macs(child, inputs) if child.built else 0
    return counts


def _macs(layer: Any, inputs: list[keras.KerasTensor]) -> int:
    """Multiply-accumulates of one call of a layer."""
    if isinstance(layer, keras.Function):
        return _called(layer, inputs or layer.inputs).total()
    if isinstance(layer, (*DENSE, *DEPTHWISE, *SEPARABLE, *TRANSPOSED)):
        return _weighted(layer, inputs[0].shape)
    return _held(layer).total() if isinstance(layer, keras.Layer) else 0


def _weighted(layer: Any, shape: Shape) -> int:
    """Multiply-accumulates of a dense layer or convolution."""
    if isinstance(layer, TRANSPOSED):
        # Each value of the input is spread over the kernel, whatever the strides.
        return _values(shape) * math.prod(layer.kernel.shape[:-1])
    made = _values(layer.compute_output_shape(shape))
    if isinstance(layer, SEPARABLE):
        kernels = (layer.depthwise_kernel, layer.pointwise_kernel)
        return made // layer.filters * sum(math.prod(kernel.shape) for kernel in kernels)
    own_axes = 2 if isinstance(layer, DEPTHWISE) else 1
    return made * math.prod(layer.kernel.shape[:-own_axes])


def _values(shape: Shape) -> int:
    """Values in one image of that shape, whose first axis is the batch."""
    sizes = [size for size in shape[1:] if size is not None]
    if len(sizes) < len(shape) - 1:
        raise RequestError(
            f"Expected a model of images of one fixed size, whose multiply-accumulates can be "
            f"counted; received one that takes {shape[1:]}."
        )
    return math.prod(sizes)
