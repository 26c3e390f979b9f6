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
from ablate.workers.model_checks import _check

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
    return model


def check(part: str = "", **recipe: Any) -> ModelSize:
    node = {"_target_": f"{__name__}.build", "part": part}
    variant = Variant(node, {}, Recipe(**recipe), allow=(__name__,))
    return _check(PlannedCell(Cell((("part", part),)), variant, "f", (0,)), INFO)


def test_a_plain_model_has_no_notes() -> None:
    assert check() == ModelSize(16 * 4 + 4 + 4 * 3 + 3, 16 * 4 + 4 * 3)


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
