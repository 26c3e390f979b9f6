"""Frozen layers keep the values with which they were drawn, and normalization adapts."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from pytest import param

from ablate.config.recipe import Recipe
from ablate.errors import RequestError
from ablate.models.convnet import build as convnet
from ablate.models.frozen import freeze, frozen_layers, frozen_note
from ablate.training.initial_state import FRESH
from ablate.training.trainer import Trainer
from tests.training.small_models import SHAPE, OwnModel, images, value_of

RECIPE = Recipe(epochs=1, batch_size=16, learning_rate=0.01)


def block_net() -> keras.Model:
    return convnet(SHAPE, 3, filters=(3, 4), conv="conv2d", norm="before_activation")


def nested() -> keras.Model:
    tail = keras.Sequential([layers.Dense(4, name="one"), layers.Dense(3, name="two")], name="tail")
    return keras.Sequential([layers.Input(SHAPE), layers.Flatten(), tail, layers.Softmax()])


def test_frozen_weights_stay_as_they_were_drawn_and_the_others_learn() -> None:
    values = []
    for frozen in ({}, {"block1": "random"}):
        model = block_net()
        freeze(model, frozen, shape=SHAPE)
        trainer = Trainer(model, images(), RECIPE)
        trainer._set_up(3, FRESH)
        start = {weight.path: value_of(weight) for weight in model.weights}
        list(trainer.run(3))
        end = {weight.path: value_of(weight) for weight in model.weights}
        values.append((start, {path for path in end if (end[path] != start[path]).any()}))
    (free, changed), (drawn, learned) = values
    for path, value in free.items():  # pairs: frozen layers start as those that are trained
        np.testing.assert_array_equal(value, drawn[path])
    assert changed == set(free)
    still = {path for path in drawn if path.startswith("block1_")}
    moving = {path for path in still if "moving" in path}
    assert learned == (set(drawn) - still) | moving
    assert len(moving) == 4


@pytest.mark.parametrize(
    ("build", "frozen", "names"),
    [
        param(block_net, {"block2_conv1": "random"}, ["block2_conv1"], id="layer"),
        param(
            block_net,
            {"block*_conv2": "random", "head": None},
            ["block1_conv2", "block2_conv2"],
            id="pattern",
        ),
        param(
            block_net,
            {"block2": "random"},
            [
                "block2_conv1",
                "block2_norm1",
                "block2_conv2",
                "block2_norm2",
                "block2_projection",
            ],
            id="block",
        ),
        param(nested, {"tail": "random", "two": None}, ["tail"], id="model_in_a_model"),
        param(nested, {"one": "random"}, ["one"], id="layer_in_a_layer"),
        param(block_net, {"block1": None}, [], id="nothing"),
    ],
)
def test_layers_are_found_by_their_names(build: Any, frozen: dict, names: list[str]) -> None:
    model = build()
    assert sorted(layer.name for layer in frozen_layers(model, frozen)) == sorted(names)


def test_everything_inside_a_frozen_layer_is_frozen() -> None:
    model = nested()
    freeze(model, {"one": "random"}, shape=SHAPE)
    trained = [weight.path.rpartition("tail/")[2] for weight in model.trainable_variables]
    assert trained == ["two/kernel", "two/bias"]
    assert frozen_note(model, {"one": "random"}) == (
        "The weights of 1 layer stay random (one): 15 of 163 parameters are trained."
    )


def test_a_model_that_is_built_when_it_is_called_can_be_frozen() -> None:
    model = OwnModel()
    with pytest.raises(RequestError, match="leaves none"):
        freeze(model, {"dense*": "random"}, shape=SHAPE)


@pytest.mark.parametrize(
    ("frozen", "message"),
    [
        param(
            {"blok2": "random"},
            "Unknown layer or block 'blok2' in model.frozen. Nearest: block2",
            id="unknown",
        ),
        param({"block1_relu1": "random"}, "'block1_relu1' in model.frozen", id="no_weights"),
        param(
            {"bloc": "random"},
            "'bloc' in model.frozen. Nearest: block2, block1",
            id="part_of_a_name",
        ),
        param({"block1": "zeros"}, "model.frozen.block1 to be random or null", id="value"),
        param("block1", r"model.frozen as {NAME: random}; received 'block1'", id="word"),
        param({"*": "random"}, "leaves none", id="all"),
    ],
)
def test_what_cannot_be_frozen_is_refused(frozen: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        freeze(block_net(), frozen, shape=SHAPE)
