"""The multilayer perceptron: that of the book, and its hidden layers."""

from __future__ import annotations

import pytest

from ablate.errors import RequestError
from ablate.models.mlp import build


def test_the_books_network_for_mnist_has_its_parameters() -> None:
    model = build((28, 28, 1), 10)
    assert [layer.count_params() for layer in model.layers if layer.weights] == [401_920, 5_130]


def test_there_is_a_layer_for_each_number_of_units() -> None:
    model = build((8, 8, 1), 10, units=[16, 4])
    assert [layer.name for layer in model.layers] == [
        "images",
        "flatten",
        "dense1",
        "dense2",
        "head",
    ]
    assert model.get_layer("dense2").units == 4


@pytest.mark.parametrize("units", [[], [0], 512], ids=["none", "zero", "a_number"])
def test_bad_units_are_refused_in_one_line(units: object) -> None:
    with pytest.raises(RequestError, match=r"Expected model\.units to list one or more whole"):
        build((8, 8, 1), 10, units=units)  # type: ignore[arg-type]
