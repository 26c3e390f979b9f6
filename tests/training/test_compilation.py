"""What a model is compiled with, and what is noted or refused before it is trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from ablate.config.recipe import Recipe
from ablate.errors import RequestError
from ablate.training.compilation import Compilation, compile_model, sample_of
from ablate.training.trainer import Trainer
from tests.training.small_models import SHAPE, images

SMOOTHED = Recipe(epochs=2, batch_size=16, label_smoothing=0.2)


def ending(*last: Any, first: Any = ()) -> keras.Model:
    return keras.Sequential([layers.Input(SHAPE), *first, layers.Flatten(), *last])


def compiled(model: keras.Model, recipe: Recipe | None = None, *, classes: int = 3) -> Compilation:
    shared = images(classes=classes)
    return compile_model(
        model,
        recipe or Recipe(),
        dataset=shared,
        steps=40,
        sample=sample_of(shared),
        optimizers={},
    )


class Subclassed(keras.Model):
    """A model of which no one knows the last activation."""

    def __init__(self, end: Callable[[Any], Any], units: int = 3) -> None:
        super().__init__()
        self.flat, self.head, self.end = layers.Flatten(), layers.Dense(units), end

    def call(self, x: Any) -> Any:
        return self.end(self.head(self.flat(x)))


@pytest.mark.parametrize(
    ("build", "classes", "logits"),
    [
        (lambda: ending(layers.Dense(3, "softmax")), 3, False),
        (lambda: ending(layers.Dense(3), layers.Softmax()), 3, False),
        (lambda: ending(layers.Dense(3), layers.Activation("softmax")), 3, False),
        (lambda: ending(layers.Dense(3)), 3, True),
        (lambda: keras.Sequential([layers.Input(SHAPE), ending(layers.Dense(3))]), 3, True),
        (lambda: ending(layers.Dense(1, "sigmoid")), 2, False),
        (lambda: ending(layers.Dense(1)), 2, True),
        (lambda: Subclassed(keras.ops.softmax), 3, False),
        (lambda: Subclassed(lambda x: x), 3, True),
        (lambda: Subclassed(keras.ops.sigmoid, 1), 2, False),
        (lambda: Subclassed(lambda x: x, 1), 2, True),
    ],
    ids=[
        "softmax", "softmax_layer", "activation_layer", "linear", "linear_inside", "sigmoid",
        "linear_one", "own_softmax", "own_linear", "own_sigmoid", "own_linear_one",
    ],
)  # fmt: skip
def test_outputs_are_read_for_what_they_are(
    build: Callable[[], keras.Model], classes: int, logits: bool
) -> None:
    model = build()
    notes = compiled(model, classes=classes).notes
    assert any("logits" in note for note in notes) == logits
    assert model.loss.get_config()["from_logits"] == logits


@pytest.mark.parametrize(
    "end", [layers.Dense(3, "sigmoid"), layers.Dense(3, "hard_sigmoid")], ids=["sigmoid", "hard"]
)
def test_outputs_that_are_neither_are_refused(end: layers.Layer) -> None:
    with pytest.raises(RequestError, match=r"add up to .* instead of 1\. End the model in softmax"):
        compiled(ending(end))


@pytest.mark.parametrize("classes", [3, 2])
def test_logits_train_as_well_as_probabilities(classes: int) -> None:
    units = 1 if classes == 2 else classes
    activation = "sigmoid" if classes == 2 else "softmax"
    recipe = Recipe(epochs=3, batch_size=16, learning_rate=0.01)
    finals = []
    for end in (layers.Dense(units, name="head"), layers.Dense(units, activation, name="head")):
        trainer = Trainer(ending(end), images(classes=classes), recipe)
        list(trainer.run(0))
        finals.append(trainer.final())
    for name, value in finals[0].items():
        assert value == pytest.approx(finals[1][name], rel=1e-3, abs=1e-6), name


@pytest.mark.parametrize(
    ("first", "warned"),
    [
        ([layers.Rescaling(1 / 255)], True),
        ([layers.Rescaling(1 / 127.5, offset=-1), layers.RandomFlip()], True),
        ([layers.Rescaling(2.0, offset=-1)], False),
        ([], False),
    ],
    ids=["to_one", "to_minus_one", "around_zero", "none"],
)
def test_layers_that_squeeze_images_are_noted(first: list, warned: bool) -> None:
    notes = compiled(ending(layers.Dense(3, "softmax"), first=first)).notes
    assert any("squeeze images" in note for note in notes) == warned


def test_squeezing_is_noted_inside_a_functional_model() -> None:
    start = keras.Input(SHAPE)
    base = keras.Model(start, layers.Conv2D(2, 3)(start / 127.5 - 1.0))
    model = keras.Sequential(
        [layers.Input(SHAPE), base, layers.Flatten(), layers.Dense(3, "softmax")]
    )
    assert any("to -0.992" in note for note in compiled(model).notes)


def test_a_compiled_model_keeps_its_optimizer_loss_and_metrics() -> None:
    model = ending(layers.Dense(3, "softmax"))
    optimizer = keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(0.01, 12))
    metrics = ["accuracy", "top_k_categorical_accuracy", keras.metrics.F1Score(average="macro")]
    model.compile(optimizer, "categorical_crossentropy", metrics=metrics)
    assert "compiled by its builder" in compiled(model).notes[0]
    trainer = Trainer(model, images(), Recipe(epochs=2, batch_size=16))
    epochs = list(trainer.run(0))
    assert model.optimizer is optimizer
    assert set(epochs[0].numbers) >= {"val_f1_score", "f1_score", "top_k_categorical_accuracy"}
    final = trainer.final()
    outputs = np.asarray(model(images().test.x / np.float32(255)))
    f1 = keras.metrics.F1Score(average="macro")
    f1.update_state(np.eye(3, dtype=np.float32)[images().test.y], outputs)
    assert final["test_f1_score"] == pytest.approx(float(f1.result()), rel=1e-5)
    assert list(final)[:2] == ["test_accuracy", "test_loss"]


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"optimizer": "sgd"}, "no recipe.optimizer, since the builder compiles"),
        ({"learning_rate": 0.1, "label_smoothing": 0.1}, "recipe.learning_rate, recipe.label_sm"),
    ],
    ids=["optimizer", "two"],
)
def test_keys_that_a_compiled_model_ignores_are_refused(recipe: dict, message: str) -> None:
    model = ending(layers.Dense(3, "softmax"))
    model.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(RequestError, match=message):
        compiled(model, Recipe(**recipe))


def test_a_compile_without_a_loss_or_of_ones_own_is_refused() -> None:
    model = ending(layers.Dense(3, "softmax"))
    model.compile("adam")
    with pytest.raises(RequestError, match="compile with one loss"):
        compiled(model)

    class Own(keras.Sequential):
        def compile(self, **given: Any) -> None:
            super().compile(**given)

    own = Own([layers.Input(SHAPE), layers.Flatten(), layers.Dense(3, "softmax")])
    own.compile(optimizer="adam", loss="mse")
    with pytest.raises(RequestError, match="Own with one of its own"):
        compiled(own)


def test_outputs_of_low_precision_are_refused() -> None:
    low = layers.Dense(3, "softmax", dtype="mixed_bfloat16", name="head")
    with pytest.raises(RequestError, match=r"'head' computes in bfloat16\. Give it dtype"):
        compiled(ending(low))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer": {"_target_": "keras.optimizers.AdamW", "decay": 1}}, "Cannot make recipe.o"),
        ({"optimizer": {"_target_": "keras.optimizers.Adm"}}, "no callable .Adm.* mean .Adam"),
        ({"optimizer": {"_target_": "tests.conftest.nothing_was_trained"}}, "Cannot make|kind of"),
        ({"loss": {"_target_": "keras.losses.Poisson"}}, "takes no logits"),
        (
            {"schedule": {"_target_": "keras.optimizers.schedules.CosineDecay",
                          "initial_learning_rate": 1}},
            "as recipe.learning_rate; received recipe.schedule.initial_learning_rate=1",
        ),
    ],
    ids=["argument", "class", "no_optimizer", "loss_without_logits", "rate_of_a_schedule"],
)  # fmt: skip
def test_nodes_that_do_not_fit_are_refused_in_a_line(changes: dict, message: str) -> None:
    with pytest.raises(RequestError, match=message) as refused:
        compiled(ending(layers.Dense(3)), Recipe(**changes))
    assert "\n" not in str(refused.value)


def test_label_smoothing_is_that_of_keras() -> None:
    for classes, kind in ((3, "Categorical"), (2, "Binary")):
        units = 1 if classes == 2 else 3
        model = ending(layers.Dense(units, "sigmoid" if units == 1 else "softmax"))
        trainer = Trainer(model, images(classes=classes), SMOOTHED)
        list(trainer.run(0))
        y = images(classes=classes).test.y
        targets = y[:, None].astype(np.float32) if units == 1 else np.eye(3, dtype=np.float32)[y]
        loss = getattr(keras.losses, f"{kind}Crossentropy")(label_smoothing=0.2)
        outputs = model(images(classes=classes).test.x / np.float32(255))
        assert trainer.final()["test_loss"] == pytest.approx(
            float(loss(targets, outputs)), rel=1e-4
        )
