"""What a plan says of a model, and what it refuses before any training."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from ablate.config.recipe import Recipe
from ablate.config.variant import Variant
from ablate.data.info import DatasetInfo
from ablate.errors import RequestError
from ablate.store.plan import ModelSize, PlannedCell
from ablate.study.design import Cell
from ablate.training.rehearsal import rehearse
from ablate.training.trainer import Trainer
from ablate.workers.model_checks import _check, _noise
from tests.training.small_models import value_of

INFO = DatasetInfo("classification", (4, 4, 1), ("a", "b", "c"), 20, 3, 3, "f")
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


class Unrebuildable(layers.Layer):
    """A layer whose argument Keras cannot record."""

    def __init__(self, size: object) -> None:
        super().__init__()

    def build(self, shape: Any) -> None:
        self.w = self.add_weight(shape=(shape[-1],))

    def call(self, x: Any) -> Any:
        return x * self.w


class Counter(keras.callbacks.Callback):
    """Counts steps."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Do nothing."""


class Writer(keras.callbacks.Callback):
    """Fails where it is called."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        raise OSError("a file")


def build(shape: tuple[int, int, int], classes: int, *, part: str = "") -> keras.Model:
    if part == "precision":
        keras.config.set_dtype_policy("mixed_float16")
    first = layers.Dense(4, name="first")
    last = layers.Dense(classes, None if part == "logits" else "softmax", dtype="float32")
    middle = [Unrebuildable(object())] if part == "layer" else []
    model = keras.Sequential([layers.Input(shape), layers.Flatten(), first, *middle, last])
    if part == "weights":
        first.set_weights([np.ones((16, 4), np.float32), np.zeros(4, np.float32)])
    if part == "compiled":
        model.compile("adamw", "categorical_crossentropy", metrics=["accuracy"])
    if part == "compiled_badly":
        model.compile("adamw", "categorical_crossentropy", metrics=[keras.metrics.F1Score()])
    return model


def check(part: str = "", **recipe: Any) -> ModelSize:
    node = {"_target_": f"{__name__}.build", "part": part}
    variant = Variant(node, {}, Recipe(**recipe), allow=(__name__,))
    return _check(PlannedCell(Cell((("part", part),)), variant, "f", (0,)), INFO)


def test_a_plain_model_has_no_notes() -> None:
    assert check() == ModelSize(16 * 4 + 4 + 4 * 3 + 3, 16 * 4 + 4 * 3, output=(3,))


@pytest.mark.parametrize(
    ("part", "note"),
    [
        ("weights", "put into 1 layer stay in every run: first"),
        ("logits", "outputs are logits"),
        ("compiled", "compiled by its builder"),
        ("precision", "sets the precision mixed_float16"),
    ],
)
def test_what_is_not_obvious_is_noted(part: str, note: str) -> None:
    (found,) = check(part).notes
    assert note in found


def test_a_callback_that_needs_the_steps_is_noted() -> None:
    (found,) = check(callbacks=[{"_target_": f"{__name__}.Counter"}]).notes
    assert "Counter is called at each step" in found


@pytest.mark.parametrize(
    ("part", "recipe", "message"),
    [
        ("layer", {}, "get_config from which layer model/unrebuildable can be rebuilt"),
        ("compiled", {"schedule": "cosine"}, "Expected no recipe.schedule"),
        ("", {"metrics": {"accuracy": {"_target_": "keras.metrics.AUC"}}}, "another name"),
        ("", {"callbacks": [{"_target_": f"{__name__}.build"}]}, "Cannot make recipe.callbacks"),
    ],
    ids=["layer", "ignored_key", "name_of_a_measure", "no_callback"],
)
def test_what_cannot_be_trained_is_refused(part: str, recipe: dict, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        check(part, **recipe)


def of_keras(kind: str, **arguments: Any) -> dict[str, Any]:
    return {"_target_": f"keras.{kind}", **arguments}


STOP, PLATEAU = "callbacks.EarlyStopping", "callbacks.ReduceLROnPlateau"
F1 = of_keras("metrics.F1Score")
UNKNOWN = "Unknown monitor 'val_acc' of {} in recipe.callbacks. Did you mean 'val_accuracy'"


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"class_weight": {"foo": 2}}, "class of recipe.class_weight 'foo'"),
        ({"metrics": {"f1": F1}}, r"received f1 with an array of shape \(3,\)"),
        ({"callbacks": [of_keras(STOP, monitor="val_acc")]}, UNKNOWN.format("EarlyStopping")),
        (
            {"callbacks": [of_keras(PLATEAU, monitor="val_acc", mode="max")]},
            UNKNOWN.format("ReduceLROnPlateau"),
        ),
        (
            {"callbacks": [of_keras(PLATEAU)], "schedule": "cosine"},
            "ReduceLROnPlateau without a schedule .* received Cosine",
        ),
        ({"optimizer": of_keras("optimizers.Adam", beta_1="a")}, "A training step .* fails: "),
        ({"callbacks": [of_keras("callbacks.SwapEMAWeights")]}, "fails: ValueError: .*use_ema"),
    ],
    ids=["weights", "metric", "stop", "plateau", "schedule", "optimizer", "average"],
)
def test_what_would_fail_in_every_run_is_refused(recipe: dict, message: str) -> None:
    with pytest.raises(RequestError, match=message) as refused:
        check(**recipe)
    assert "\n" not in str(refused.value)


def test_what_a_builder_compiles_is_tried_as_well() -> None:
    with pytest.raises(RequestError, match="received f1_score with an array"):
        check("compiled_badly")


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_what_fits_is_not_refused(precision: str) -> None:
    recipe = Recipe(
        optimizer=of_keras("optimizers.SGD", momentum=0.9, use_ema=True),
        loss=of_keras("losses.CategoricalFocalCrossentropy"),
        metrics={"f1": of_keras("metrics.F1Score", average="macro")},
        class_weight={"a": 2, "1": 0.5},
        callbacks={
            "stop": of_keras(STOP, monitor="val_f1"),
            "plateau": of_keras(PLATEAU),
            "average": of_keras("callbacks.SwapEMAWeights"),
            "nan": of_keras("callbacks.TerminateOnNaN"),
            "own": {"_target_": f"{__name__}.Writer"},
        },
        precision=precision,
    )
    check(**{name: getattr(recipe, name) for name in recipe.given()})


def test_a_rehearsal_leaves_the_model_as_it_was() -> None:
    model, noise = build(INFO.shape, 3), _noise(INFO, train=8, validation=8)
    recipe = Recipe(class_weight="balanced")
    trainer = Trainer(model, noise, recipe)
    before = [value_of(variable) for variable in trainer._variables()]
    rehearse(model, recipe, images=noise, shape=(None, 3), callbacks=[])
    for one, other in zip(before, trainer._variables(), strict=True):
        np.testing.assert_array_equal(one, value_of(other))
