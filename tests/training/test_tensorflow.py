from __future__ import annotations

import dataclasses
from typing import Any

import keras
import pytest
from keras import layers

from ablate.config.recipe import Recipe
from ablate.errors import RequestError
from ablate.training.initial_state import Epoch
from ablate.training.trainer import Trainer
from tests.training.engine_suite import RECIPE, EngineSuite
from tests.training.small_models import SHAPE, convnet, images, plain

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="tests the TensorFlow engine"
)


class TestTensorFlowEngine(EngineSuite):
    pass


def test_each_function_is_traced_once_for_all_seeds_and_parts() -> None:
    trainer = Trainer(plain(), images(), RECIPE)
    for seed in (0, 1):
        list(trainer.run(seed))
        trainer.final()
    engine: Any = trainer._engine
    assert engine._train.experimental_get_tracing_count() == 1
    assert engine._evaluate.experimental_get_tracing_count() == 1


def test_nothing_is_traced_before_the_first_run() -> None:
    engine: Any = Trainer(plain(), images(), RECIPE)._engine
    assert engine._train.experimental_get_tracing_count() == 0


def test_training_compiled_with_xla_gives_similar_numbers() -> None:
    left, right = (
        list(Trainer(plain(), images(), dataclasses.replace(RECIPE, jit=jit)).run(0))
        for jit in (False, True)
    )
    for one, other in zip(left, right, strict=True):
        assert one.numbers["loss"] == pytest.approx(other.numbers["loss"], rel=1e-2)
        assert one.numbers["val_loss"] == pytest.approx(other.numbers["val_loss"], rel=1e-2)


def keras_noise(x: Any) -> Any:
    return keras.random.normal(keras.ops.shape(x))


def tensorflow_noise(x: Any) -> Any:
    return tf.random.normal(tf.shape(x))


@pytest.mark.parametrize(
    ("noise", "found"),
    [(keras_noise, "seed_generator_state"), (tensorflow_noise, "RandomStandardNormal")],
    ids=["keras", "tensorflow"],
)
def test_randomness_that_cannot_be_reset_is_named(noise: Any, found: str) -> None:
    @keras.saving.register_keras_serializable("tests")
    class Noise(layers.Layer):
        def call(self, x: Any, training: bool | None = None) -> Any:
            return x + noise(x) if training else x

    model = keras.Sequential(
        [layers.Input(SHAPE), Noise(), layers.Flatten(), layers.Dense(3, "softmax")]
    )
    with pytest.raises(
        RequestError, match=f"SeedGenerator each for what they draw; received .*{found}"
    ):
        next(Trainer(model, images(), RECIPE).run(0))


def test_heartbeat_is_called_after_each_part_of_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe(epochs=1, batch_size=2, learning_rate=0.01)
    whole = [dataclasses.replace(epoch, seconds=0) for epoch in epochs_of(recipe, [])]
    monkeypatch.setattr("ablate.training.tensorflow.HEARTBEAT_STEPS", 10)
    beats: list[int] = []
    parts = [dataclasses.replace(epoch, seconds=0) for epoch in epochs_of(recipe, beats)]
    assert parts == whole  # 35 steps as 32 + 3, or as 10 + 10 + 10 + 5
    assert len(beats) == 1 + 4 + 1


def epochs_of(recipe: Recipe, beats: list[int]) -> list[Epoch]:
    trainer = Trainer(convnet(), images(), recipe)
    return list(trainer.run(0, alive=lambda: beats.append(1)))
