"""The VGG network: that of the paper, and its number of convolutions a block."""

from __future__ import annotations

from typing import Any

import keras
import pytest

from ablate.errors import RequestError
from ablate.models.vgg import build


def kernels(model: keras.Model) -> list[tuple[str, int]]:
    found = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    return [(layer.name, layer.count_params()) for layer in found]


def test_the_papers_network_is_that_of_keras() -> None:
    known = keras.applications.VGG16(weights=None, include_top=False, input_shape=(32, 32, 3))
    filters, convolutions = [64, 128, 256, 512, 512], [2, 2, 3, 3, 3]
    model = build((32, 32, 3), 10, filters=filters, convolutions=convolutions)
    assert kernels(model) == kernels(known)
    assert model.count_params() == 14_714_688 + 512 * 10 + 10
    assert model.get_layer("block5_pool").output.shape == known.output_shape


def test_one_number_of_convolutions_is_that_of_every_block() -> None:
    model = build((8, 8, 1), 10, filters=[2, 4], convolutions=3)
    assert [name for name, _ in kernels(model)] == [
        f"block{block}_conv{place}" for block in (1, 2) for place in (1, 2, 3)
    ]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("filters", [], "Expected model.filters to list one or more whole numbers of 1 or more"),
        (
            "convolutions",
            0,
            "a list, one number a block, or a whole number of 1 or more; received 0",
        ),
        ("convolutions", [2, 2], "as many numbers in model.convolutions as in model.filters, 3"),
        ("convolutions", [2, 0, 2], r"received \[2, 0, 2\]"),
    ],
    ids=["no_filters", "none", "too_few", "zero"],
)
def test_a_bad_value_is_refused_in_one_line(key: str, value: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        build((8, 8, 1), 10, **{key: value})
