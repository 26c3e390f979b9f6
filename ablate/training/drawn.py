"""Fresh values of Keras' usual layers straight from their initializers.

Remaking a layer takes ten times as long, which adds up over the runs of a study.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from ablate.seeds import stream_seed

LAYERS = frozenset(
    {
        layers.BatchNormalization, layers.Conv1D, layers.Conv1DTranspose, layers.Conv2D,
        layers.Conv2DTranspose, layers.Conv3D, layers.Conv3DTranspose, layers.Dense,
        layers.DepthwiseConv1D, layers.DepthwiseConv2D, layers.EinsumDense, layers.Embedding,
        layers.GroupNormalization, layers.LayerNormalization, layers.SeparableConv1D,
        layers.SeparableConv2D,
    }
)  # fmt: skip
"""Layers each of whose weights is made by the initializer of its name alone."""


def drawn_values(
    layer: keras.Layer, path: str, *, seed: int, own: Sequence[keras.Variable]
) -> list[Any] | None:
    """What the layer's own weights hold after a rebuild with a run seed.

    Returns:
        The values in the order of `own`; None for a layer for which only a rebuild tells.
    """
    if type(layer) not in LAYERS:
        return None
    values = []
    for weight in own:
        key = _initializer_key(layer, weight.name)
        initializer: Any = getattr(layer, key, None)
        kind: Any = type(initializer)
        if kind.__module__.partition(".")[0] != "keras" or kind is keras.initializers.Initializer:
            return None
        config = initializer.get_config()
        if any(isinstance(value, dict) for value in config.values()):
            return None
        if "seed" in config:
            config["seed"] = stream_seed(seed, f"init/{path}/{key}")
        values.append(kind.from_config(config)(tuple(weight.shape), dtype=weight.dtype))
    return values


def _initializer_key(layer: keras.Layer, weight: str) -> str:
    """What a layer calls the initializer of a weight."""
    if isinstance(layer, layers.DepthwiseConv1D | layers.DepthwiseConv2D) and weight == "kernel":
        return "depthwise_initializer"
    return f"{weight.removesuffix('_kernel')}_initializer"
