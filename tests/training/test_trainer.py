from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from ablate.config.recipe import Recipe
from ablate.data.images import Images
from ablate.errors import RequestError
from ablate.store.checkpoint import Checkpoint, load_newest, save
from ablate.training.initial_state import Epoch, InitialState
from ablate.training.reset import reset
from ablate.training.trainer import DivergedError, Trainer
from tests.training.small_models import SHAPE, convnet, held, images, plain

RECIPE = Recipe(epochs=2, batch_size=16, learning_rate=0.01)


def outcome(trainer: Trainer, model: keras.Model, seed: int) -> dict[str, Any]:
    """All that a run leaves, bit for bit, but not how long it took."""
    epochs = [[epoch.epoch, *epoch.numbers.values()] for epoch in trainer.run(seed)]
    weights = b"".join(held(variable).tobytes() for variable in model.variables)
    return {
        "epochs": [[float(number).hex() for number in epoch] for epoch in epochs],
        "final": {name: value.hex() for name, value in trainer.final().items()},
        "weights": hashlib.blake2s(weights).hexdigest(),
    }


def in_a_new_process(seed: int) -> dict[str, Any]:
    here = Path(__file__)
    program = (
        f"import json, sys; sys.path[:0] = {[str(here.parent), str(here.parents[2])]}; "
        f"import test_trainer as t; m = t.convnet(); "
        f"print(json.dumps(t.outcome(t.Trainer(m, t.images(), t.RECIPE), m, {seed})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def trained() -> tuple[Trainer, keras.Model, dict[int, dict[str, Any]]]:
    """A trainer that has trained seeds 0 and 1, one after the other."""
    model = convnet()
    trainer = Trainer(model, images(), RECIPE)
    return trainer, model, {seed: outcome(trainer, model, seed) for seed in (0, 1)}


def test_a_seed_trained_second_is_bit_for_bit_one_trained_first_in_a_new_process(
    trained: Any,
) -> None:
    assert trained[2][1] == in_a_new_process(1)


def test_a_seed_can_be_trained_again_also_after_a_run_that_was_broken_off(trained: Any) -> None:
    trainer, model, outcomes = trained
    next(trainer.run(5))
    assert outcome(trainer, model, 0) == outcomes[0]


@pytest.mark.parametrize(
    ("optimizer", "broken_off"),
    [("adam", 1), ("rmsprop", 2), ("sgd", 3)],
    ids=["adam_early", "rmsprop_late", "sgd_before_the_test_images"],
)
def test_a_run_that_goes_on_elsewhere_is_bit_for_bit_the_run_that_never_stopped(
    tmp_path: Path, optimizer: str, broken_off: int
) -> None:
    # The model has dropout and normalization: their states go on as well.
    recipe = dataclasses.replace(RECIPE, epochs=3, optimizer=optimizer)
    whole = Trainer(convnet(), images(), recipe)
    expected = [dataclasses.replace(epoch, seconds=0) for epoch in whole.run(4)]
    first = Trainer(convnet(), images(), recipe)
    epochs = first.run(4)
    for _ in range(broken_off):
        next(epochs)
    state = first.state()
    history = tuple(dataclasses.asdict(epoch) for epoch in state.epochs)
    save(tmp_path, Checkpoint(history, state.arrays), fingerprint="print")
    # Whatever the first one does from here on, and the second did before, does not count.
    list(epochs)
    second = Trainer(convnet(), images(), recipe)
    next(second.run(9))
    found, _ = load_newest(tmp_path, fingerprint="print")
    assert found is not None
    start = InitialState(tuple(Epoch(**numbers) for numbers in found.history), found.arrays)
    assert second.fits(start)
    rest = [dataclasses.replace(epoch, seconds=0) for epoch in second.run(4, start=start)]
    assert rest == expected[broken_off:]
    assert second.final() == whole.final()
    for one, other in zip(second.state().arrays, whole.state().arrays, strict=True):
        assert one.tobytes() == other.tobytes()


def test_the_state_of_another_model_does_not_fit() -> None:
    state = Trainer(plain(3), images(), RECIPE).state()
    shorter = dataclasses.replace(state, arrays=state.arrays[:-1])
    assert not Trainer(convnet(), images(), RECIPE).fits(state)
    assert not Trainer(plain(3), images(), RECIPE).fits(shorter)


def test_another_seed_is_another_run(trained: Any) -> None:
    _, _, outcomes = trained
    assert outcomes[0]["weights"] != outcomes[1]["weights"]
    assert outcomes[0]["epochs"] != outcomes[1]["epochs"]


def test_final_needs_a_run_that_was_trained_to_its_end(trained: Any) -> None:
    trainer, _, _ = trained
    next(trainer.run(0))
    with pytest.raises(RuntimeError, match="trained to its end"):
        trainer.final()


@pytest.mark.parametrize(
    ("train", "batch", "shape"),
    [(70, 16, (4, 16)), (64, 16, (4, 16)), (16, 16, (1, 16)), (7, 16, (1, 7)), (5, 1, (5, 1))],
    ids=["remainder_sits_out", "even", "one_batch", "fewer_images_than_a_batch", "single_images"],
)
def test_an_epoch_sees_no_image_twice_and_as_many_as_fill_batches(
    train: int, batch: int, shape: tuple[int, int]
) -> None:
    recipe = dataclasses.replace(RECIPE, batch_size=batch)
    trainer = Trainer(plain(), images(train=train), recipe)
    orders = [trainer.feed.order(0, epoch) for epoch in (1, 2)]
    for order in orders:
        assert order.shape == shape
        assert len(np.unique(order)) == order.size
        assert order.min() >= 0
        assert order.max() < train
    if train > 1:
        assert not np.array_equal(*orders)


@pytest.mark.parametrize("train", [16, 7], ids=["one_batch", "fewer_images_than_a_batch"])
def test_few_images_can_be_trained_on(train: int) -> None:
    trainer = Trainer(plain(), images(train=train), RECIPE)
    epochs = list(trainer.run(0))
    assert [epoch.epoch for epoch in epochs] == [1, 2]
    for epoch in epochs:
        assert (epoch.numbers["accuracy"] * train) == pytest.approx(
            round(epoch.numbers["accuracy"] * train), abs=1e-4
        )


@keras.saving.register_keras_serializable("tests")
class Recorder(layers.Layer):
    """Remembers a number for each of the last eight batches that it was trained on."""

    def build(self, input_shape: tuple[int, ...]) -> None:
        self.seen = self.add_weight(shape=(8,), initializer="zeros", trainable=False)

    def call(self, x: Any, training: bool | None = None) -> Any:
        if training:
            weight = keras.ops.arange(keras.ops.shape(x)[0], dtype="float32") + 1
            mark = keras.ops.sum(keras.ops.sum(x, axis=(1, 2, 3)) * weight)
            self.seen.assign(keras.ops.append(self.seen[1:], mark))
        return x


def recorded(*, wide: bool) -> np.ndarray:
    body = [layers.Conv2D(2, 3, name="extra"), layers.Dropout(0.5)] if wide else []
    recorder = Recorder()
    head = [layers.Flatten(), layers.Dense(3, "softmax")]
    model = keras.Sequential([layers.Input(SHAPE), recorder, *body, *head])
    list(Trainer(model, images(), RECIPE).run(3))
    return held(recorder.seen)


def test_two_variants_see_equal_batches_in_equal_order() -> None:
    shared = images()
    trainer = Trainer(plain(), shared, RECIPE)
    rows = [row for epoch in (1, 2) for row in trainer.feed.order(3, epoch)]
    x = shared.train.x.astype(np.float64) * shared.scale
    expected = [(x[row].sum(axis=(1, 2, 3)) * (np.arange(len(row)) + 1)).sum() for row in rows]
    narrow, wide = recorded(wide=False), recorded(wide=True)
    np.testing.assert_array_equal(narrow, wide)
    np.testing.assert_allclose(narrow, expected, rtol=1e-5)


OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}


@pytest.mark.parametrize("classes", [3, 2])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_an_epoch_is_as_many_steps_of_keras_own(optimizer: str, classes: int) -> None:
    shared, recipe = images(classes=classes), dataclasses.replace(RECIPE, optimizer=optimizer)
    model, twin = plain(classes), plain(classes)
    trainer = Trainer(model, shared, recipe)
    epochs = list(trainer.run(2))
    reset(twin, 2)
    kind = "binary" if classes == 2 else "sparse_categorical"
    twin.compile(
        OPTIMIZERS[optimizer](recipe.learning_rate),
        f"{kind}_crossentropy",
        metrics=[f"{kind}_accuracy"],
    )
    x, y = shared.train.x * np.float32(shared.scale), shared.train.y
    for epoch in epochs:
        rows = trainer.feed.order(2, epoch.epoch)
        steps = [twin.train_on_batch(x[row], y[row].reshape(-1, 1)) for row in rows]
        loss, accuracy = np.array(steps, np.float64).mean(axis=0)
        assert epoch.numbers["loss"] == pytest.approx(loss, rel=1e-4)
        assert epoch.numbers["accuracy"] == pytest.approx(accuracy, abs=1e-6)
    for left, right in zip(model.variables, twin.variables, strict=True):
        np.testing.assert_allclose(held(left), held(right), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("classes", "dtype"), [(3, "uint8"), (2, "uint8"), (3, "float32")], ids=str
)
def test_evaluation_is_exact_over_every_image(classes: int, dtype: str) -> None:
    # More images than an evaluation takes at once, and no multiple of that.
    shared, model = images(train=301, classes=classes, dtype=dtype), convnet(classes)
    trainer = Trainer(model, shared, RECIPE)
    last = list(trainer.run(0))[-1]
    final = trainer.final()
    assert (final["val_loss"], final["val_accuracy"]) == (
        last.numbers["val_loss"],
        last.numbers["val_accuracy"],
    )
    assert (final["train_loss"], final["train_accuracy"]) == (
        last.numbers["loss"],
        last.numbers["accuracy"],
    )
    stored = {"test": "test", "val": "validation", "train": "train"}
    for prefix, name in stored.items():
        part, suffix = shared.parts[name], "_inference" if prefix == "train" else ""
        output = np.asarray(model(part.x * np.float32(shared.scale), training=False))
        guess = output.argmax(axis=1) if classes > 2 else (output[:, 0] > 0.5).astype(int)
        p = output if classes > 2 else np.hstack([1 - output, output])
        loss = -np.log(p[np.arange(len(part.y)), part.y]).mean()
        accuracy = (guess == part.y).mean()
        assert final[f"{prefix}_accuracy{suffix}"] == pytest.approx(accuracy, abs=1e-7)
        assert final[f"{prefix}_loss{suffix}"] == pytest.approx(loss, rel=1e-4)


def test_the_test_images_are_left_alone_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer(plain(), images(), RECIPE)
    asked: list[str] = []
    evaluate = trainer._engine.evaluate
    monkeypatch.setattr(
        trainer._engine, "evaluate", lambda part: (asked.append(part), evaluate(part))[1]
    )
    list(trainer.run(0))
    assert asked == ["validation", "validation"]
    trainer.final()
    assert "test" in asked


def test_seconds_do_not_count_preparing() -> None:
    epochs = list(Trainer(convnet(), images(), RECIPE).run(0))
    assert 0 < epochs[0].seconds < max(20 * epochs[1].seconds, 0.2)


@keras.saving.register_keras_serializable("tests")
class Nothing(layers.Layer):
    """Not a number, whatever comes."""

    def call(self, x: Any) -> Any:
        return keras.ops.log(x * 0 - 1)


def test_outputs_that_are_not_numbers_diverge() -> None:
    model = keras.Sequential([plain(), Nothing()])
    zeros = images()
    for part in zeros.parts.values():
        part.y[:] = 0  # accuracy would be 1: the argument of the largest of three NaN is the first
    with pytest.raises(DivergedError, match=r"training loss .* epoch 1\b") as caught:
        list(Trainer(model, zeros, RECIPE).run(0))
    assert caught.value.epoch == 1


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_an_excessive_learning_rate_diverges_and_the_next_run_is_sound(optimizer: str) -> None:
    recipe = Recipe(epochs=12, batch_size=16, learning_rate=1e9, optimizer=optimizer)
    deep = [layers.Dense(8, "relu") for _ in range(5)]
    head = [layers.Dense(3, "softmax")]
    model = keras.Sequential([layers.Input(SHAPE), layers.Flatten(), *deep, *head])
    trainer = Trainer(model, images(), recipe)
    seen: list[Epoch] = []

    def follow() -> None:
        seen.extend(trainer.run(0))

    with pytest.raises(DivergedError) as caught:
        follow()
    assert caught.value.epoch == len(seen) + 1
    with pytest.raises(RuntimeError):
        trainer.final()
    with pytest.raises(DivergedError) as again:
        list(trainer.run(0))
    assert again.value.epoch == caught.value.epoch


def test_a_model_of_the_users_own_class_is_trained_too() -> None:
    @keras.saving.register_keras_serializable("tests")
    class Own(keras.Model):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.flat, self.head = layers.Flatten(), layers.Dense(3, "softmax")

        def call(self, x: Any) -> Any:
            return self.head(self.flat(x))

    model = Own()
    trainer = Trainer(model, images(), RECIPE)
    assert outcome(trainer, model, 0) == outcome(trainer, model, 0)


@pytest.mark.parametrize(
    ("classes", "units"), [(2, 1), (2, 2), (3, 3)], ids=["one_of_two", "two_of_two", "three"]
)
def test_outputs_that_fit_the_classes_are_taken(classes: int, units: int) -> None:
    Trainer(convnet(units=units), images(classes=classes), RECIPE)


@pytest.mark.parametrize(("classes", "units"), [(3, 1), (3, 4), (2, 3)], ids=str)
def test_outputs_that_do_not_fit_the_classes_are_refused(classes: int, units: int) -> None:
    with pytest.raises(RequestError, match=rf"{classes} classes; received \(None, {units}\)"):
        Trainer(convnet(units=units), images(classes=classes), RECIPE)


def test_a_backend_without_an_engine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(RequestError, match="tensorflow or jax; received 'torch'"):
        Trainer(plain(), images(), RECIPE)


def test_images_are_not_changed_by_training() -> None:
    shared: Images = images()
    before = images().fingerprint
    list(Trainer(convnet(), shared, RECIPE).run(0))
    assert dataclasses.replace(shared).fingerprint == before
