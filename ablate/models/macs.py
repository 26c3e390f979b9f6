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
        RequestError: The model does not fix the size of its images.
    """
    return sum(macs_by_layer(model).values())


def macs_by_layer(model: keras.Model) -> dict[str, int]:
    """Multiply-accumulates of each of the model's layers, by name.

    A convolution or dense layer does one operation for each weight that contributes to each value
    of its output; padding counts, biases do not. In a functional model a layer counts once for each
    call, and a layer that contains other layers counts what they do. Layers inside a layer that is
    not a functional model count once, for the input they were built with. All other layers count
    as 0 (normalization, activation, pooling, addition, embedding, attention, recurrence, weights of
    a user's own layer): in convnets their arithmetic is small.

    Args:
        model: A built model.

    Raises:
        RequestError: The model does not fix the size of its images.
    """
    if isinstance(model, keras.Function):
        return dict(_calls(model, model.inputs))
    return dict(_inner(model))


def _calls(graph: keras.Function, inputs: list[keras.KerasTensor]) -> Counter[str]:
    """Multiply-accumulates of every call in a functional model, for one input of that shape.

    `_run_through_graph`, with which Keras infers the shape of an output, visits every call of a
    layer; `layer.output` knows only the first call.
    """
    counts: Counter[str] = Counter()

    def count(operation: Any) -> Callable[..., Any]:
        def infer(*args: Any, **kwargs: Any) -> Any:
            tensors = [x for x in keras.tree.flatten((args, kwargs)) if hasattr(x, "shape")]
            counts[operation.name] += _macs(operation, tensors)
            return operation.compute_output_spec(*args, **kwargs)

        return infer

    one = [keras.KerasTensor((1, *tensor.shape[1:]), tensor.dtype) for tensor in inputs]
    graph._run_through_graph(one, operation_fn=count)
    return counts


def _inner(layer: keras.Layer) -> Counter[str]:
    """Multiply-accumulates of the layers inside a layer, for the shapes they were built with.

    Keras has a public list of the layers of a model, but not of the layers inside a layer.
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
        return _calls(layer, inputs or layer.inputs).total()
    if isinstance(layer, (*DENSE, *DEPTHWISE, *SEPARABLE, *TRANSPOSED)):
        return _weighted(layer, inputs[0].shape)
    return _inner(layer).total() if isinstance(layer, keras.Layer) else 0


def _weighted(layer: Any, shape: Shape) -> int:
    """Multiply-accumulates of a dense layer or convolution."""
    if isinstance(layer, TRANSPOSED):
        # Each value of the input meets the whole kernel, independent of the strides.
        return _values(shape) * int(math.prod(layer.kernel.shape[:-1]))
    outputs: int = _values(layer.compute_output_shape(shape))
    if isinstance(layer, SEPARABLE):
        kernels = (layer.depthwise_kernel, layer.pointwise_kernel)
        return outputs // int(layer.filters) * sum(int(math.prod(each.shape)) for each in kernels)
    own_axes = 2 if isinstance(layer, DEPTHWISE) else 1
    return outputs * int(math.prod(layer.kernel.shape[:-own_axes]))


def _values(shape: Shape) -> int:
    """Values in one image of that shape, whose first axis is the batch."""
    sizes = [size for size in shape[1:] if size is not None]
    if len(sizes) < len(shape) - 1:
        raise RequestError(
            f"Expected a model for images of one fixed size, whose multiply-accumulates can be "
            f"counted; received one for {shape[1:]}."
        )
    return math.prod(sizes)
