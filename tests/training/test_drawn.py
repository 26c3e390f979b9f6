"""Values straight from initializers equal those of a remade layer to the last bit."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from ablate.training.drawn import LAYERS, drawn_values
from ablate.training.reset import fresh_values, own_weights
from tests.training.small_models import value_of

IMAGE = [layers.Conv2D(3, 2), layers.Conv2DTranspose(3, 2), layers.DepthwiseConv2D(2)]
OTHERS = [
    layers.Conv1D(3, 2, kernel_initializer="he_normal", bias_initializer="random_normal"),
    layers.Conv1DTranspose(3, 2),
    layers.DepthwiseConv1D(2),
    layers.SeparableConv1D(3, 2, pointwise_initializer="orthogonal"),
    layers.Dense(3, kernel_initializer=keras.initializers.TruncatedNormal(seed=3)),
    layers.EinsumDense("abc,cd->abd", (None, 5), bias_axes="d"),
    layers.BatchNormalization(gamma_initializer="random_uniform"),
    layers.GroupNormalization(1),
    layers.LayerNormalization(beta_initializer=keras.initializers.Constant(2.0)),
]
CASES = [
    *((layer, (2, 6, 6, 4)) for layer in (*IMAGE, layers.SeparableConv2D(3, 2))),
    *((layer, (2, 6, 6, 6, 4)) for layer in (layers.Conv3D(3, 2), layers.Conv3DTranspose(3, 2))),
    *((layer, (2, 6, 4)) for layer in OTHERS),
    (layers.Embedding(7, 3), (2, 6)),
]


def test_every_layer_has_its_case() -> None:
    assert {type(layer) for layer, _ in CASES} == LAYERS


@pytest.mark.parametrize(
    ("layer", "shape"), CASES, ids=[type(layer).__name__ for layer, _ in CASES]
)
def test_values_equal_those_of_a_remade_layer(layer: keras.Layer, shape: tuple[int, ...]) -> None:
    if not layer.built:
        layer.build(shape)
        layer.built = True
    own = own_weights(layer)
    drawn = drawn_values(layer, "model/x", seed=5, own=own)
    assert drawn is not None
    remade = fresh_values(layer, "model/x", seed=5, own=own)
    assert len(own) == len(drawn)
    for one, other in zip(drawn, remade, strict=True):
        assert np.asarray(one).tobytes() == value_of(other).tobytes()


def test_other_layers_are_remade() -> None:
    layer = layers.LSTM(3)
    layer.build((2, 6, 4))
    assert drawn_values(layer.cell, "x", seed=0, own=own_weights(layer.cell)) is None
