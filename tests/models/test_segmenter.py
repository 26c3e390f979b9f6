"""The segmenter: the book's network, any image size, and its two switches."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import yaml

from ablate.config.locate import locate
from ablate.errors import RequestError
from ablate.models.segmenter import build

BOOK = [1792, 36928, 73856, 147584, 295168, 590080,
        590080, 590080, 295040, 147584, 73792, 36928, 1731]  # fmt: skip
CONFIGURATION = Path(__file__).parents[2] / "conf" / "model" / "segmenter.yaml"


def parameters(model: keras.Model) -> list[int]:
    return [layer.count_params() for layer in model.layers if layer.count_params()]


@pytest.mark.parametrize("downsampling", ["strides", "max_pool"])
def test_the_books_network_has_the_books_parameters(downsampling: str) -> None:
    model = build((200, 200, 3), 3, downsampling=downsampling)
    assert parameters(model) == BOOK
    assert model.count_params() == 2_880_643
    assert model.output_shape == (None, 200, 200, 3)


@pytest.mark.parametrize("downsampling", ["strides", "max_pool"])
def test_each_block_halves_the_image_once(downsampling: str) -> None:
    model = build((24, 16, 1), 2, filters=[2, 3, 4], downsampling=downsampling)
    sizes = [model.get_layer(f"down{block}_conv2").output.shape[1:3] for block in (1, 2, 3)]
    assert sizes == [(12, 8), (6, 4), (3, 2)]
    sizes = [model.get_layer(f"up{block}_conv2").output.shape[1:3] for block in (1, 2, 3)]
    assert sizes == [(6, 4), (12, 8), (24, 16)]


@pytest.mark.parametrize(
    "size", [(45, 60), (1, 1), (7, 9), (16, 17)], ids=lambda size: "x".join(map(str, size))
)
@pytest.mark.parametrize("downsampling", ["strides", "max_pool"])
def test_the_output_has_the_size_of_the_image(size: tuple[int, int], downsampling: str) -> None:
    model = build((*size, 3), 4, filters=[2, 2], downsampling=downsampling)
    output = np.asarray(model(np.random.default_rng(0).random((2, *size, 3), np.float32)))
    assert output.shape == (2, *size, 4)
    np.testing.assert_allclose(output.sum(axis=-1), 1, rtol=1e-5)


def test_a_layer_has_one_name_in_all_variants() -> None:
    strided, pooled = (
        {layer.name for layer in build((8, 8, 1), 2, filters=[2], downsampling=name).layers}
        for name in ("strides", "max_pool")
    )
    assert pooled - strided == {"down1_pool"}
    assert strided <= pooled


@pytest.mark.parametrize(
    ("switches", "added"),
    [
        ({"residual": True}, {"add": 4, "projection": 4, "repeat": 2}),
        ({"norm": "before_activation"}, {"norm1": 4, "norm2": 4}),
        ({"norm": "after_activation"}, {"norm1": 4, "norm2": 4}),
        ({"conv": "separable"}, {}),
    ],
    ids=["residual", "before", "after", "separable"],
)
def test_a_switch_adds_its_layers_and_changes_no_name(
    switches: dict[str, Any], added: dict[str, int]
) -> None:
    plain, whole = (
        {layer.name for layer in build((9, 7, 3), 2, filters=[2, 3], **each).layers}
        for each in ({}, switches)
    )
    assert plain <= whole
    assert Counter(name.split("_")[1] for name in whole - plain) == added


def test_shortcuts_fit_images_of_any_size() -> None:
    model = build((9, 7, 3), 2, filters=[2, 3], residual=True, norm="before_activation")
    assert model.get_layer("down1_add").output.shape == (None, 5, 4, 2)
    assert model.get_layer("up2_add").output.shape == (None, 12, 8, 2)
    assert model.output_shape == (None, 9, 7, 2)


def test_separable_convolutions_are_in_the_blocks_that_halve_the_image() -> None:
    model = build((8, 8, 1), 2, filters=[2], conv="separable", norm="before_activation")
    kinds = {layer.name: type(layer).__name__ for layer in model.layers}
    assert kinds["down1_conv1"] == kinds["down1_conv2"] == "SeparableConv2D"
    assert kinds["up1_conv1"] == "Conv2DTranspose"
    assert not any(layer.use_bias for layer in model.layers if layer.name[:-1].endswith("_conv"))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("norm", "before", "Unknown model.norm 'before'"),
        ("conv", "seperable", "Did you mean 'separable'"),
        ("residual", "present", "Expected model.residual to be true or false"),
        ("norm_momentum", 1, "such as 0.9; received 1"),
        ("downsampling", "stride", "Unknown model.downsampling 'stride'. Did you mean 'strides'"),
        ("downsampling", None, "Unknown model.downsampling None"),
        ("filters", [], "Expected model.filters to list one or more whole numbers of 1 or more"),
        ("filters", [0], "such as \\[64, 128, 256\\]; received \\[0\\]"),
    ],
    ids=["norm", "conv", "residual", "momentum", "near", "null", "empty", "zero"],
)
def test_a_bad_value_is_refused_in_one_line(key: str, value: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        build((8, 8, 1), 2, **{key: value})


def test_the_shipped_configuration_states_every_switch() -> None:
    node = yaml.safe_load(CONFIGURATION.read_text())
    assert locate(node.pop("_target_"), ()) is build
    assert (node["filters"], node["downsampling"]) == ([64, 128, 256], "strides")
