"""The ResNet for small images: the paper's networks, plain and residual, and its switches."""

from __future__ import annotations

from typing import Any

import keras
import pytest

from ablate.errors import RequestError
from ablate.models.resnet import build


def trainable(model: keras.Model) -> int:
    return sum(weight.shape.num_elements() for weight in model.trainable_weights)


def weighted(model: keras.Model) -> list[str]:
    """The layers that the paper counts: convolutions and the dense one, without projections."""
    kinds = (keras.layers.Conv2D, keras.layers.Dense)
    names = [layer.name for layer in model.layers if isinstance(layer, kinds)]
    return [name for name in names if not name.endswith("_0_conv")]


@pytest.mark.parametrize(("blocks", "depth", "millions"), [(3, 20, 0.27), (5, 32, 0.46)])
def test_the_papers_networks_have_the_papers_parameters(
    blocks: int, depth: int, millions: float
) -> None:
    """Table 6 of the paper, whose shortcuts have no weights."""
    plain = build((32, 32, 3), 10, blocks=blocks, residual=False)
    assert len(weighted(plain)) == depth
    assert round(trainable(plain) / 1e6, 2) == millions


def test_only_two_shortcuts_have_weights() -> None:
    plain, whole = (trainable(build((32, 32, 3), 10, residual=each)) for each in (False, True))
    assert whole - plain == 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64


def test_each_stage_but_the_first_halves_the_image() -> None:
    model = build((9, 9, 3), 3, filters=[4, 8, 8], blocks=1)
    sizes = [model.get_layer(f"stage{stage}_block1_out").output.shape[1:3] for stage in (1, 2, 3)]
    assert sizes == [(9, 9), (5, 5), (3, 3)]


def test_without_shortcuts_all_other_layers_are_the_same() -> None:
    whole, plain = (
        {layer.name for layer in build((8, 8, 1), 3, filters=[4, 8], residual=residual).layers}
        for residual in (True, False)
    )
    assert whole - plain == {
        *(f"stage{stage}_block{block}_add" for stage in (1, 2) for block in (1, 2, 3)),
        "stage2_block1_0_conv",
        "stage2_block1_0_norm",
    }
    assert plain < whole


def test_switches_of_norm_and_convolution_reach_the_blocks() -> None:
    model = build((8, 8, 1), 3, filters=[4, 8], blocks=1, norm="none", conv="separable")
    kinds = {layer.name: type(layer).__name__ for layer in model.layers}
    assert "BatchNormalization" not in kinds.values()
    assert (kinds["first_conv"], kinds["stage1_block1_2_conv"]) == ("Conv2D", "SeparableConv2D")
    assert all(layer.use_bias for layer in model.layers if layer.name.endswith("_conv"))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("filters", [], "Expected model.filters to list one or more whole numbers of 1 or more"),
        ("blocks", 0, "Expected model.blocks to be a whole number of 1 or more"),
        ("norm", "batch", "Unknown model.norm 'batch'"),
        ("conv", "seperable", "Did you mean 'separable'"),
        ("residual", "yes", "Expected model.residual to be true or false"),
    ],
)
def test_a_bad_value_is_refused_in_one_line(key: str, value: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        build((8, 8, 1), 10, **{key: value})
