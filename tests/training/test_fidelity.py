"""The trainer does what `model.fit` does with the same weights, batches and seeds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from ablate.config.recipe import Recipe
from ablate.training.kept import kept_values
from ablate.training.reset import reset
from ablate.training.trainer import Trainer
from tests.training.small_models import SHAPE, OwnModel, images, small, value_of

pytestmark = [
    pytest.mark.skipif(
        keras.backend.backend() != "tensorflow", reason="model.fit is compared under one backend"
    ),
    # Keras reads variables of TensorFlow in a way that NumPy 2 warns of.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]
SEED, EPOCHS, BATCH = 5, 3, 16
ADAMW = {"_target_": "keras.optimizers.AdamW", "weight_decay": 0.01, "clipnorm": 1.0}


def augmented() -> keras.Model:
    """A model that draws in each training step."""
    return keras.Sequential(
        [
            layers.Input(SHAPE),
            layers.RandomFlip(seed=1),
            layers.RandomTranslation(0.2, 0.2, seed=2),
            layers.Flatten(),
            layers.Dense(8, "relu"),
            layers.Dropout(0.3),
            layers.Dense(3),
        ]
    )


def compiled() -> keras.Model:
    """A model whose builder has chosen how it is trained."""
    model = small()
    rate = keras.optimizers.schedules.CosineDecay(0.01, decay_steps=12)
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=0.01),
        keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
        metrics=["accuracy"],
    )
    return model


def transfer(file: Path) -> keras.Model:
    """A model whose first layers are loaded from a file and frozen."""
    base = keras.models.load_model(file)
    base.trainable = False
    start = keras.Input(SHAPE)
    return keras.Model(start, layers.Dense(3, "softmax", name="head")(base(start)))


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("pretrained") / "base.keras"
    start = keras.Input(SHAPE)
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, activation="relu")(start))
    base = keras.Model(start, layers.Flatten()(x), name="base")
    for weight in base.weights:
        weight.assign(np.random.default_rng(0).random(weight.shape, np.float32))
    base.save(file)
    return file


def fit(
    model: keras.Model, trainer: Trainer, compile_: Callable[[keras.Model], None]
) -> dict[str, list[float]]:
    """What `model.fit` gives with the start and the batches of a run."""
    shared = images()
    compile_(model)
    reset(model, SEED, kept=trainer._kept.values)
    one_hot = isinstance(model.loss, keras.losses.CategoricalCrossentropy)
    encode = keras.ops.one_hot if one_hot else lambda y, _: y
    x, y = (
        {name: part.x * np.float32(shared.scale) for name, part in shared.parts.items()},
        {name: np.asarray(encode(part.y, 3)) for name, part in shared.parts.items()},
    )
    found: dict[str, list[float]] = {}
    for epoch in range(1, EPOCHS + 1):
        rows = trainer.feed.order(SEED, epoch).ravel()
        history = model.fit(
            x["train"][rows],
            y["train"][rows],
            batch_size=BATCH,
            shuffle=False,
            verbose=0,
            validation_data=(x["validation"], y["validation"]),
            validation_batch_size=256,
        ).history
        for name, (number,) in history.items():
            found.setdefault(name, []).append(number)
    return found


def sparse(optimizer: Callable[[], Any], *, logits: bool = False) -> Callable[[keras.Model], None]:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
    return lambda model: model.compile(optimizer(), loss, metrics=["accuracy"])


@pytest.mark.parametrize(
    ("name", "recipe", "compile_"),
    [
        ("functional", {}, sparse(lambda: keras.optimizers.Adam(0.01))),
        ("subclassed", {"optimizer": "sgd"}, sparse(lambda: keras.optimizers.SGD(0.01))),
        (
            "transfer",
            {"optimizer": ADAMW},
            sparse(lambda: keras.optimizers.AdamW(0.01, weight_decay=0.01, clipnorm=1.0)),
        ),
        ("augmented", {}, sparse(lambda: keras.optimizers.Adam(0.01), logits=True)),
        ("compiled", {"learning_rate": 0.003}, lambda model: None),
    ],
    ids=["functional", "subclassed", "transfer", "dropout_and_augmentation", "compiled"],
)
def test_training_equals_model_fit(
    name: str, recipe: dict, compile_: Callable[[keras.Model], None], pretrained: Path
) -> None:
    build: Callable[[], keras.Model] = {
        "functional": small,
        "subclassed": OwnModel,
        "transfer": lambda: transfer(pretrained),
        "augmented": augmented,
        "compiled": compiled,
    }[name]
    model = build()
    kept = kept_values(model, build, shape=SHAPE)
    own = Recipe(**{"epochs": EPOCHS, "batch_size": BATCH, "learning_rate": 0.01, **recipe})
    trainer = Trainer(model, images(), own, kept=kept)
    epochs = list(trainer.run(SEED))
    twin = build()
    if name == "subclassed":
        twin(keras.Input(SHAPE))
    expected = fit(twin, trainer, compile_)
    assert set(expected) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    for key, numbers in expected.items():
        assert len(numbers) == EPOCHS
        found = [epoch.numbers[key] for epoch in epochs]
        assert found == pytest.approx(numbers, rel=1e-4, abs=1e-6), key
    for one, other in zip(model.weights, twin.weights, strict=True):
        np.testing.assert_allclose(value_of(one), value_of(other), rtol=1e-3, atol=1e-5)
