from __future__ import annotations

import pytest
from pytest import param

from ablate.config.recipe import Recipe, recipe_from_mapping
from ablate.errors import RequestError


def test_a_recipe_without_keys_is_the_default() -> None:
    assert recipe_from_mapping({}) == Recipe()


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        param({"epochs": 0}, "recipe.epochs to be a whole number", id="no_epochs"),
        param({"epochs": 2.5}, "received 2.5", id="half_an_epoch"),
        param({"batch_size": True}, "received True", id="boolean"),
        param({"learning_rate": float("inf")}, "finite number above 0", id="infinite_rate"),
        param({"learning_rate": -1}, "finite number above 0; received -1", id="negative_rate"),
        param({"learning_rate": "fast"}, "received 'fast'", id="rate_in_words"),
        param({"optimizer": "adm"}, "Did you mean 'adam'", id="optimizer"),
        param({"jit": "yes"}, "true or false", id="jit"),
        param({"epoch": 3}, "Did you mean 'epochs'", id="unknown_key"),
    ],
)
def test_a_bad_recipe_is_refused_in_one_line(mapping: dict, message: str) -> None:
    with pytest.raises(RequestError) as refused:
        recipe_from_mapping(mapping)
    assert message in str(refused.value)
