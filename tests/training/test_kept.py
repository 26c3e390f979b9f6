"""What a builder put into a model stays; what a fresh build draws is seeded."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from ablate.config.recipe import Recipe
from ablate.errors import RequestError
from ablate.training.kept import NOTHING, kept_values
from ablate.training.reset import reset
from ablate.training.trainer import Trainer
from tests.training.small_models import SHAPE, OwnModel, convnet, images, plain, value_of

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def two_layers() -> keras.Model:
    first = layers.Dense(4, name="first")
    return keras.Sequential(
        [layers.Input(SHAPE), layers.Flatten(), first, layers.Dense(3, "softmax", name="head")]
    )


def set_by_hand() -> keras.Model:
    model = two_layers()
    kernel, bias = model.get_layer("first").get_weights()
    model.get_layer("first").set_weights([np.full_like(kernel, 0.123), bias])
    model.get_layer("first").trainable = False
    return model


@pytest.mark.parametrize("build", [plain, OwnModel, two_layers])
def test_a_model_that_is_only_drawn_keeps_nothing(build: Callable[[], keras.Model]) -> None:
    def again() -> keras.Model:
        raise AssertionError("A second build is not needed.")

    assert kept_values(build(), again, shape=SHAPE) == NOTHING


def test_weights_of_a_layer_of_ones_own_are_drawn() -> None:
    assert kept_values(convnet(), convnet, shape=SHAPE) == NOTHING


def test_weights_set_by_hand_stay_in_every_run() -> None:
    model = set_by_hand()
    kept = kept_values(model, set_by_hand, shape=SHAPE)
    assert kept.layers == ("model/first",)
    heads = []
    for seed in (0, 1):
        list(Trainer(model, images(), Recipe(epochs=1), kept=kept).run(seed))
        assert (value_of(model.get_layer("first").kernel) == np.float32(0.123)).all()
        heads.append(value_of(model.get_layer("head").kernel))
    assert not np.array_equal(*heads)


def test_loaded_weights_are_trained_from_where_they_were(tmp_path: Path) -> None:
    file = str(tmp_path / "first.weights.npy")
    loaded = np.random.default_rng(0).random((36, 4), np.float32)
    np.save(file, loaded)

    def build() -> keras.Model:
        model = two_layers()
        model.get_layer("first").kernel.assign(np.load(file))
        return model

    model = build()
    kept = kept_values(model, build, shape=SHAPE)
    reset(model, 3, kept=kept.values)
    np.testing.assert_array_equal(value_of(model.get_layer("first").kernel), loaded)
    trainer = Trainer(model, images(), Recipe(epochs=1, batch_size=16), kept=kept)
    list(trainer.run(3))
    assert not np.array_equal(value_of(model.get_layer("first").kernel), loaded)


def test_a_builder_that_fixes_the_seed_has_drawn_all_the_same() -> None:
    def build() -> keras.Model:
        keras.utils.set_random_seed(1)
        return two_layers()

    assert kept_values(build(), build, shape=SHAPE) == NOTHING


def test_what_a_layer_of_ones_own_draws_is_not_kept() -> None:
    @keras.saving.register_keras_serializable("tests")
    class Own(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.drawn = self.add_weight(shape=(4,), initializer="random_normal")
            self.gain = self.add_weight(shape=(4,), initializer="ones")

        def call(self, x: Any) -> Any:
            return x * self.gain + self.drawn

    def build() -> keras.Model:
        return keras.Sequential([layers.Input(SHAPE), layers.Flatten(), layers.Dense(4), Own()])

    assert kept_values(build(), build, shape=SHAPE) == NOTHING


def test_a_builder_with_other_layers_each_time_is_refused() -> None:
    count = itertools.count()

    def build() -> keras.Model:
        model = keras.Sequential(
            [
                layers.Input((4,)),
                layers.Dense(2, name="first"),
                layers.Dense(2, name=f"d{next(count)}"),
            ]
        )
        model.get_layer("first").set_weights([np.ones((4, 2)), np.ones(2)])
        return model

    with pytest.raises(RequestError, match="same layers each time"):
        kept_values(build(), build, shape=SHAPE)


def test_the_note_names_the_layers() -> None:
    (note,) = kept_values(set_by_hand(), set_by_hand, shape=SHAPE).notes()
    assert note.endswith("into 1 layer stay in every run: first.")
