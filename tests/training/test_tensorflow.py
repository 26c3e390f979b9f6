from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from typing import Any

import keras
import pytest
from keras import layers

from ablate.config.recipe import Recipe
from ablate.errors import RequestError
from ablate.training.initial_state import Epoch
from ablate.training.trainer import Trainer
from tests.conftest import ROOT
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


def slice_projections(model: keras.Model) -> None:
    from ablate.training.tensorflow import _slice_before_strided_projections

    _slice_before_strided_projections(model)


@pytest.mark.parametrize(
    ("size", "strides", "padding"),
    [(8, (2, 2), "valid"), (7, (2, 2), "same"), (7, (3, 2), "valid"), (1, (2, 2), "same")],
)
def test_a_strided_projection_stays_the_same_function(
    size: int, strides: tuple[int, int], padding: str
) -> None:
    projection = layers.Conv2D(4, 1, strides=strides, padding=padding, activation="relu")
    inner = keras.Sequential([projection])  # at any depth
    model = keras.Sequential([layers.Input((size, size, 3)), inner])
    x = keras.random.normal((2, size, size, 3), seed=0)

    def outputs_and_gradients() -> list[Any]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = model(x)
            loss = tf.reduce_sum(outputs**2)
        weights = [weight.value for weight in model.trainable_variables]
        return [outputs.numpy(), *(each.numpy() for each in tape.gradient(loss, [x, *weights]))]

    before = outputs_and_gradients()
    slice_projections(model)
    assert "convolution_op" in vars(projection)
    for old, new in zip(before, outputs_and_gradients(), strict=True):
        assert new == pytest.approx(old, rel=1e-5, abs=1e-6)


def test_other_convolutions_are_left_as_they_are() -> None:
    class Own(layers.Conv2D):  # type: ignore[misc]
        def convolution_op(self, inputs: Any, kernel: Any) -> Any:
            return inputs

    untouched = [layers.Conv2D(3, 3, strides=2, padding="same"), layers.Conv2D(3, 1)]
    untouched += [layers.SeparableConv2D(3, 1, strides=2), Own(3, 1, strides=2)]
    slice_projections(keras.Sequential([layers.Input((8, 8, 3)), *untouched[:3]]))
    slice_projections(keras.Sequential([layers.Input((8, 8, 3)), untouched[3]]))
    assert all("convolution_op" not in vars(layer) for layer in untouched)


@pytest.mark.parametrize("onednn", ["0", "1"])
def test_a_strided_projection_trains_with_onednn_and_without(onednn: str) -> None:
    """In a process of its own, because the setting is read once and a crash ends the process."""
    program = (
        "from ablate.training.trainer import Trainer\n"
        "from tests.training.engine_suite import RECIPE\n"
        "from ablate.models.convnet import build\n"
        "from tests.training.small_models import SHAPE, images\n"
        "trainer = Trainer(build(SHAPE, 3, filters=[4, 4]), images(), RECIPE)\n"
        "print([epoch.epoch for epoch in trainer.run(0)][-1])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": onednn, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == str(RECIPE.epochs), done.stderr


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
