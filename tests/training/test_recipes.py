"""What a recipe can ask for besides epochs: weights, callbacks, the best epoch, precision."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from ablate.config.recipe import Recipe
from ablate.errors import RequestError
from ablate.store.checkpoint import Checkpoint, load_newest, save
from ablate.store.events import EpochEnded
from ablate.training.callbacks import Callbacks, check_callbacks
from ablate.training.initial_state import Epoch, InitialState
from ablate.training.nodes import make_rate
from ablate.training.reset import reset
from ablate.training.schedules import Cosine, Steps
from ablate.training.trainer import Trainer
from tests.training.small_models import SHAPE, images, small, value_of

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

STOP = {
    "_target_": "keras.callbacks.EarlyStopping",
    "monitor": "val_accuracy",
    "min_delta": 0.001,
    "patience": 2,
    "restore_best_weights": True,
}
PLATEAU = {"_target_": "keras.callbacks.ReduceLROnPlateau", "patience": 1, "min_delta": 0.05}
RECIPE = Recipe(epochs=4, batch_size=16, learning_rate=0.05)


class StepCounter(keras.callbacks.Callback):
    """Counts steps, and halves the learning rate at each second one."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[list[float]] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen.append([batch, logs["loss"]])
        if batch % 2:
            optimizer = self.model.optimizer
            optimizer.learning_rate = float(np.asarray(optimizer.learning_rate)) / 2


class Unplain(keras.callbacks.Callback):
    """Keeps what no checkpoint holds, and needs what the trainer does not offer."""

    def __init__(self) -> None:
        super().__init__()
        self.things = {object()}

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Do nothing."""


def dense() -> keras.Model:
    return keras.Sequential([layers.Input(SHAPE), layers.Flatten(), layers.Dense(3, "softmax")])


def without_seconds(epochs: Any) -> list[Epoch]:
    return [dataclasses.replace(epoch, seconds=0) for epoch in epochs]


def rates(schedule: Any, steps: int) -> list[float]:
    return [float(np.asarray(schedule(step))) for step in range(steps)]


def test_cosine_grows_then_falls_to_its_share() -> None:
    found = rates(Cosine(0.1, 20, warmup=0.2, final=0.1), 21)
    assert found[:4] == pytest.approx([0.025, 0.05, 0.075, 0.1])
    assert found[4] == pytest.approx(0.1)
    assert found[12] == pytest.approx(0.055)
    assert found[20] == pytest.approx(0.01)
    assert found[4:] == sorted(found[4:], reverse=True)


def test_steps_divide_the_rate_at_their_points() -> None:
    assert rates(Steps(0.1, 8), 8) == pytest.approx([0.1] * 4 + [0.01] * 2 + [0.001] * 2)


def test_a_schedule_of_keras_gets_the_rate_and_the_steps() -> None:
    node = {"_target_": "keras.optimizers.schedules.CosineDecay", "alpha": 0.5}
    found = make_rate(Recipe(learning_rate=0.2, schedule=node), 10).get_config()
    assert (found["initial_learning_rate"], found["decay_steps"], found["alpha"]) == (0.2, 10, 0.5)


@pytest.mark.parametrize("share", [-0.1, 1.0, "a"])
def test_bad_shares_of_a_schedule_are_refused(share: Any) -> None:
    node = {"_target_": "ablate.training.schedules.Cosine", "warmup": share}
    with pytest.raises(RequestError, match=r"recipe\.schedule\.warmup to be a number from 0"):
        make_rate(Recipe(schedule=node), 10)


def test_class_weights_are_those_of_keras() -> None:
    shared = images(train=64)
    weights = {"a": 3.0, "1": 0.5}
    trainer = Trainer(dense(), shared, dataclasses.replace(RECIPE, class_weight=weights))
    epochs = list(trainer.run(1))
    twin = dense()
    twin.compile(
        keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    reset(twin, 1)
    x = shared.train.x * np.float32(shared.scale)
    for epoch in epochs:
        rows = trainer.feed.order(1, epoch.epoch).ravel()
        history = twin.fit(
            x[rows],
            shared.train.y[rows],
            batch_size=16,
            shuffle=False,
            verbose=0,
            class_weight={0: 3.0, 1: 0.5, 2: 1.0},
        ).history
        assert epoch.numbers["loss"] == pytest.approx(history["loss"][0], rel=1e-4)
        assert epoch.numbers["accuracy"] == pytest.approx(history["accuracy"][0], rel=1e-6)


def test_balanced_weights_give_each_class_the_same_sum() -> None:
    shared = images(train=70)
    trainer = Trainer(dense(), shared, dataclasses.replace(RECIPE, class_weight="balanced"))
    weights = trainer.feed.parts["train"][2]
    sums = [weights[shared.train.y == label].sum() for label in range(3)]
    assert sums == pytest.approx([70 / 3] * 3)


def test_the_weight_of_an_unknown_class_is_refused() -> None:
    with pytest.raises(RequestError, match=r"class of recipe.class_weight 'd'.* Known: 0, 1, 2, a"):
        Trainer(dense(), images(), dataclasses.replace(RECIPE, class_weight={"d": 1.0}))


@pytest.mark.parametrize(
    "changes",
    [
        {"select": "best"},
        {"callbacks": (STOP, PLATEAU)},
        {"callbacks": {"stop": STOP, "off": None}, "select": "best", "schedule": "warmup_cosine"},
        {"optimizer": {"_target_": "keras.optimizers.AdamW", "use_ema": True, "ema_momentum": 0.5}},
        {"callbacks": [{"_target_": f"{__name__}.StepCounter"}]},
    ],
    ids=["best", "stop_and_plateau", "all", "average", "steps"],
)
def test_a_resumed_run_equals_the_uninterrupted_run(changes: dict, tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, **changes)
    first, second = (Trainer(small(), images(), recipe) for _ in range(2))
    states, epochs = [], []
    for epoch in first.run(4):
        epochs.append(epoch)
        states.append(first.state())
    next(second.run(9))
    for left in states[0], states[-1]:
        history = tuple(EpochEnded(each.epoch, each.numbers, each.seconds) for each in left.epochs)
        save(tmp_path, Checkpoint(history, left.arrays), fingerprint="print")
        loaded, _ = load_newest(tmp_path, fingerprint="print")
        assert loaded is not None
        state = InitialState(left.epochs, loaded.arrays)
        assert second.fits(state)
        assert second.fits(InitialState(left.epochs, loaded.arrays[:-1])) is False
        done = len(state.epochs)
        resumed = without_seconds(second.run(4, start=state))
        assert resumed == without_seconds(epochs)[done:]
        assert second.final() == first.final()
        for one, other in zip(second._variables(), first._variables(), strict=True):
            assert value_of(one).tobytes() == value_of(other).tobytes()


def test_early_stopping_ends_a_run_and_restores_its_best_weights() -> None:
    recipe = dataclasses.replace(RECIPE, epochs=30, callbacks=(STOP,))
    trainer = Trainer(dense(), images(), recipe)
    epochs = list(trainer.run(0))
    accuracy = [epoch.numbers["val_accuracy"] for epoch in epochs]
    assert len(epochs) < 30
    assert len(epochs) == accuracy.index(max(accuracy)) + 1 + 2
    assert trainer.final()["val_accuracy"] == max(accuracy)


def test_the_best_epoch_is_judged_with_its_own_weights() -> None:
    recipe = dataclasses.replace(RECIPE, epochs=6, learning_rate=0.3, select="best")
    trainer = Trainer(dense(), images(), recipe)
    epochs = list(trainer.run(3))
    best = max(epochs, key=lambda epoch: epoch.numbers["val_accuracy"])
    assert best.epoch < 6  # else the test shows nothing
    final = trainer.final()
    assert final["val_loss"] == best.numbers["val_loss"]
    assert final["train_loss"] == best.numbers["loss"]
    assert trainer._evaluate("validation")["loss"] == pytest.approx(final["val_loss"], rel=1e-6)


def test_steps_with_callbacks_give_the_same_numbers() -> None:
    watched = Trainer(dense(), images(), dataclasses.replace(RECIPE, epochs=2))
    seen: list[float] = []

    class Watcher(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append(logs["loss"])

    watched._new_callbacks = lambda: type(watched._callbacks)(
        [Watcher()], watched._model, epochs=2, steps=4
    )
    plain = Trainer(dense(), images(), dataclasses.replace(RECIPE, epochs=2))
    assert without_seconds(watched.run(0)) == without_seconds(plain.run(0))
    assert len(seen) == 2 * 4


def test_what_a_callback_costs_is_noted() -> None:
    (steps,) = check_callbacks([StepCounter()])
    assert "StepCounter is called at each step" in steps
    with pytest.raises(RequestError, match="needs on_test_batch_end"):
        check_callbacks([Unplain()])
    Unplain.on_test_batch_end = keras.callbacks.Callback.on_test_batch_end
    (lost,) = check_callbacks([Unplain()])
    assert "keeps things, which no checkpoint can hold" in lost


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_a_model_of_mixed_precision_can_be_trained(precision: str) -> None:
    def build() -> keras.Model:
        keras.config.set_dtype_policy(precision)
        try:
            head = layers.Dense(3, "softmax", dtype="float32")
            return keras.Sequential(
                [layers.Input(SHAPE), layers.Flatten(), layers.Dense(8, "relu"), head]
            )
        finally:
            keras.config.set_dtype_policy("float32")

    recipe = dataclasses.replace(RECIPE, learning_rate=0.01)
    trainer = Trainer(build(), images(), recipe)
    first = without_seconds(trainer.run(0))
    assert first[-1].numbers["loss"] < first[0].numbers["loss"]
    assert without_seconds(trainer.run(0)) == first
    next(trainer.run(1))
    run = trainer.run(0)
    next(run)
    state = trainer.state()
    other = Trainer(build(), images(), recipe)
    assert without_seconds(other.run(0, start=state)) == first[1:]


def test_a_metric_of_the_recipe_is_a_response() -> None:
    node = {"_target_": "keras.metrics.F1Score", "average": "macro"}
    trainer = Trainer(dense(), images(), dataclasses.replace(RECIPE, metrics={"f1": node}))
    epochs = list(trainer.run(0))
    final = trainer.final()
    assert final["val_f1"] == epochs[-1].numbers["val_f1"]
    assert {"test_f1", "train_f1", "train_f1_inference"} <= final.keys()


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"[]",
        b'{"stopped": 1, "callbacks": [{"set_up": false, "memory": {}}]}',
        b'{"stopped": true, "callbacks": []}',
        b'{"stopped": true, "callbacks": [{"set_up": false, "memory": []}]}',
        b'{"stopped": true, "callbacks": [{"set_up": false, "memory": {"a": {"<array>": 7}}}]}',
    ],
    ids=["no_json", "a_list", "no_truth_value", "no_callback", "no_memory", "no_such_array"],
)
def test_a_state_that_cannot_be_restored_does_not_fit(text: bytes) -> None:
    callbacks = Callbacks([StepCounter()], dense(), epochs=1, steps=1)
    assert not callbacks.fits([np.frombuffer(text, np.uint8)])
    assert callbacks.fits(callbacks_of(7).state())


def test_what_a_callback_remembers_is_restored() -> None:
    callbacks = callbacks_of(7)
    fresh = callbacks_of(0)
    fresh.restore(callbacks.state())
    own, other = fresh._callbacks[0], callbacks._callbacks[0]
    assert (own.number, own.words, own.pair) == (7, {"a": [1.5, None]}, (1, "x"))
    np.testing.assert_array_equal(own.array, other.array)
    assert own.scalar == np.float32(2.5)
    assert own.on_epoch_end.__func__ is Remembering.on_epoch_end


class Remembering(keras.callbacks.Callback):
    """Holds every kind of value that a checkpoint can hold."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number, self.words, self.pair = number, {"a": [1.5, None]}, (1, "x")
        self.array, self.scalar = np.arange(3), np.float32(2.5)


def callbacks_of(number: int) -> Callbacks:
    model = dense()
    model.compile("sgd", "mse")
    return Callbacks([Remembering(number)], model, epochs=1, steps=1)
