"""Multiply-accumulates of a forward pass, counted layer by layer."""

from __future__ import annotations

import math

import keras
from keras import layers


def count_macs(model: keras.Model) -> int:
    """Multiply-accumulate operations of one forward pass over one image.

    Args:
        model: A built functional or sequential model.
    """
    return sum(macs_by_layer(model).values())


def macs_by_layer(model: keras.Model) -> dict[str, int]:
    """Multiply-accumulates of every layer, by name; models within the model are counted whole.

    Convolutions and dense layers count a multiply-accumulate a weight and output position, biases
    not. Everything else (normalization, activation, pooling, addition, unknown layers) counts
    nothing: there, memory traffic is the cost and not arithmetic.
    """
    return {layer.name: _macs(layer) for layer in model.layers}


def _macs(layer: keras.Layer) -> int:
    if isinstance(layer, keras.Model):
        return count_macs(layer)
    if isinstance(layer, layers.SeparableConv1D | layers.SeparableConv2D):
        kernels = (layer.depthwise_kernel, layer.pointwise_kernel)
        return sum(math.prod(kernel.shape) for kernel in kernels) * _positions(layer.output)
    if isinstance(layer, layers.Conv1DTranspose | layers.Conv2DTranspose | layers.Conv3DTranspose):
        # Each input position is spread over the kernel, so the input's positions count.
        return math.prod(layer.kernel.shape) * _positions(layer.input)
    if isinstance(layer, layers.DepthwiseConv1D | layers.DepthwiseConv2D):
        return math.prod(layer.kernel.shape) * _positions(layer.output)
    if isinstance(layer, layers.Conv1D | layers.Conv2D | layers.Conv3D | layers.Dense):
        return math.prod(layer.kernel.shape) * _positions(layer.output)
    return 0


def _positions(tensor: keras.KerasTensor) -> int:
    """Places at which a kernel is applied to one image: all axes but batch and channels."""
    return math.prod(size for size in tensor.shape[1:-1])
