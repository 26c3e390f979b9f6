"""The small Xception: that of the book, and its switches."""

from __future__ import annotations

from typing import Any

import keras
import pytest

from ablate.errors import RequestError
from ablate.models.xception_small import build


def kinds(**switches: Any) -> dict[str, str]:
    model = build((9, 9, 3), 3, filters=[4, 8], **switches)
    return {layer.name: type(layer).__name__ for layer in model.layers}


def test_the_books_network_has_the_books_parameters() -> None:
    model = build((180, 180, 3), 2)
    assert model.count_params() == 721_857
    counts = {layer.name: layer.count_params() for layer in model.layers if layer.weights}
    assert counts["first_conv"] == 5 * 5 * 3 * 32  # a regular convolution: all colours at once
    assert counts["block5_conv2"] == 3 * 3 * 512 + 512 * 512  # separable


def test_every_block_halves_the_image() -> None:
    model = build((9, 9, 3), 3, filters=[4, 8])
    sizes = [model.get_layer(f"block{block}_add").output.shape[1:3] for block in (1, 2)]
    assert sizes == [(5, 5), (3, 3)]


@pytest.mark.parametrize(
    ("switches", "endings"),
    [
        ({"residual": False}, ("_add", "_projection")),
        ({"norm": "none"}, ("_norm1", "_norm2")),
    ],
    ids=["residual", "norm"],
)
def test_a_switch_removes_its_layers_and_no_other(
    switches: dict[str, Any], endings: tuple[str, ...]
) -> None:
    whole = kinds()
    left = {name: kind for name, kind in whole.items() if not name.endswith(endings)}
    assert kinds(**switches) == left != whole


def test_the_kinds_of_convolution_are_switched_apart() -> None:
    conv = ["block1_conv1", "block1_conv2", "block2_conv1", "block2_conv2"]
    plain, separable = kinds(conv="conv2d"), kinds(first_conv="separable")
    assert {plain[name] for name in conv} == {plain["first_conv"]} == {"Conv2D"}
    assert {separable[name] for name in conv} == {separable["first_conv"]} == {"SeparableConv2D"}


def test_only_convolutions_without_normalization_have_a_bias() -> None:
    for norm, expected in (("before_activation", False), ("none", True)):
        model = build((8, 8, 1), 3, filters=[4], norm=norm)
        found = {layer.use_bias for layer in model.layers if "conv" in layer.name}
        assert found == {expected}


def test_normalization_has_the_given_momentum() -> None:
    model = build((8, 8, 1), 3, filters=[4], norm_momentum=0.75)
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert [layer.momentum for layer in norms] == [0.75] * 2


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("filters", [0], "Expected model.filters to list one or more whole numbers of 1 or more"),
        ("norm", "after_activation", "Unknown model.norm 'after_activation'"),
        ("norm_momentum", 1.0, "such as 0.9; received 1.0"),
        ("conv", "seperable", "Did you mean 'separable'"),
        ("first_conv", "conv", "Unknown model.first_conv 'conv'"),
        ("residual", 1, "Expected model.residual to be true or false"),
    ],
)
def test_a_bad_value_is_refused_in_one_line(key: str, value: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        build((8, 8, 1), 10, **{key: value})
