"""What every engine owes the trainer: one suite, run once under each backend of Keras.

A module subclasses `EngineSuite`: `test_tensorflow.py` in the process of pytest, `jax_engine.py` in
a process of its own, because a process has one Keras backend.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
from keras import layers
from numpy.lib.format import open_memmap

from ablate.config.recipe import Recipe
from ablate.data import stored
from ablate.data.images import Images, Split
from ablate.data.info import DatasetInfo
from ablate.errors import RequestError
from ablate.store import image_cache
from ablate.store.checkpoint import Checkpoint, load_newest, save
from ablate.store.events import EpochEnded
from ablate.tasks.task import task_of
from ablate.training import engine
from ablate.training.augmentation import NO_AUGMENTATION, Augmentation
from ablate.training.feed import Feed
from ablate.training.initial_state import Epoch, InitialState
from ablate.training.reset import reset
from ablate.training.trainer import DivergedError, Trainer
from tests.conftest import ROOT
from tests.training.small_models import (
    SHAPE,
    BatchRecorder,
    NotANumber,
    OwnModel,
    UnseededNoise,
    White,
    convnet,
    images,
    plain,
    small,
    value_of,
)

RECIPE = Recipe(epochs=2, batch_size=16, learning_rate=0.01)
OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}


class Trained(NamedTuple):
    """A trainer, what it was made of, and the outcome of each seed it trained, in that order."""

    trainer: Trainer
    model: keras.Model
    images: Images
    outcomes: dict[int, dict[str, Any]]


def outcome(trainer: Trainer, model: keras.Model, seed: int) -> dict[str, Any]:
    """Everything that a run gives except its duration, bit for bit."""
    epochs = [
        {name: float(number).hex() for name, number in epoch.numbers.items()}
        for epoch in trainer.run(seed)
    ]
    weights = b"".join(value_of(variable).tobytes() for variable in model.variables)
    return {
        "epochs": epochs,
        "final": {name: float(number).hex() for name, number in trainer.final().items()},
        "weights": hashlib.blake2s(weights).hexdigest(),
    }


def outcome_in_a_new_process(seed: int) -> dict[str, Any]:
    program = (
        "import json; from tests.training import engine_suite as suite; model = suite.convnet(); "
        "trainer = suite.Trainer(model, suite.images(), suite.RECIPE); "
        f"print(json.dumps(suite.outcome(trainer, model, {seed})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def without_seconds(epochs: Any) -> list[Epoch]:
    return [dataclasses.replace(epoch, seconds=0) for epoch in epochs]


def random_flips() -> Augmentation:
    """Layers of Keras that flip images, each in a stream of its own."""
    made = [
        layers.RandomFlip("horizontal"),
        layers.RandomFlip("vertical"),
        layers.RandomRotation(1),
    ]
    return Augmentation(made, task=task_of("classification"))


MEMORY_PROGRAM = """
import sys
from pathlib import Path
import keras
from ablate.config.recipe import Recipe
from ablate.store import image_cache
from ablate.training.trainer import Trainer

def train(folder, most_bytes):
    images = image_cache.load(folder, "images", most_bytes=most_bytes)
    pooled = [keras.layers.AveragePooling2D(64), keras.layers.Flatten()]
    head = keras.layers.Dense(2, "softmax")
    model = keras.Sequential([keras.Input((64, 64, 3)), *pooled, head])
    trainer = Trainer(model, images, Recipe(epochs=1, batch_size=100, learning_rate=0.01))
    list(trainer.run(0))
    trainer.final()

def peak_bytes():
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("VmHWM:")]
    return 1024 * int(line.split()[1])

train(Path(sys.argv[1]) / "small", 0)  # what is loaded once belongs to no data set
Path("/proc/self/clear_refs").write_text("5")
before = peak_bytes()
train(Path(sys.argv[1]) / "large", 0)
print(peak_bytes() - before)
"""


def write_cache(folder: Path, *, train: int) -> None:
    """Write a cache of black images of 12 kB, which takes no room on the disk."""
    parts = {"train": train, "validation": 100, "test": 100}
    few = Split(np.zeros((4, 64, 64, 3), np.uint8), np.arange(4) % 2)
    own = Images(few, few, few, classes=("a", "b"), scale=1 / 255)
    image_cache.save(folder, own)
    (folder / own.fingerprint).rename(folder / "images")
    for part, count in parts.items():
        open_memmap(folder / "images" / f"{part}_x.npy", "w+", np.uint8, (count, 64, 64, 3))
        np.save(folder / "images" / f"{part}_y.npy", np.arange(count) % 2)


def recorded_batches(*, wide: bool, augmentation: Augmentation = NO_AUGMENTATION) -> np.ndarray:
    """What a `BatchRecorder` recorded in a model with or without further layers behind it."""
    further = [layers.Conv2D(2, 3, name="extra"), layers.Dropout(0.5)] if wide else []
    recorder = BatchRecorder()
    head = [layers.Flatten(), layers.Dense(3, "softmax")]
    model = keras.Sequential([layers.Input(SHAPE), recorder, *further, *head])
    list(Trainer(model, images(), RECIPE, augmentation=augmentation).run(3))
    return value_of(recorder.seen)


def pixel_feed() -> Feed:
    """Images whose target is a class for each pixel: whether it is bright."""
    parts = {name: (part.x, part.x[..., 0] // 100) for name, part in images().parts.items()}
    return Feed({name: (x, y.astype(np.int32)) for name, (x, y) in parts.items()}, 1 / 255, 16)


@keras.saving.register_keras_serializable("tests")
class PixelShares(keras.metrics.Metric):
    """A metric with two results: the share of the pixels of class 0 and of class 1."""

    def __init__(self) -> None:
        super().__init__(name="shares")
        self.counts = self.add_weight(shape=(2,), initializer="zeros", name="counts")

    def update_state(self, targets: Any, outputs: Any, sample_weight: Any = None) -> None:
        ones = keras.ops.sum(keras.ops.cast(targets == 1, "float32"))
        zeros = keras.ops.sum(keras.ops.cast(targets == 0, "float32"))
        self.counts.assign_add(keras.ops.stack([zeros, ones]))

    def result(self) -> dict[str, Any]:
        total = keras.ops.sum(self.counts)
        return {"share_0": self.counts[0] / total, "share_1": self.counts[1] / total}


class EngineSuite:
    """What every engine owes the trainer. Subclass it where the backend is the one to test."""

    @pytest.fixture(scope="class")
    @classmethod
    def trained(cls) -> Trained:
        model, shared = convnet(), images()
        trainer = Trainer(model, shared, RECIPE)
        outcomes = {seed: outcome(trainer, model, seed) for seed in (0, 1)}
        return Trained(trainer, model, shared, outcomes)

    @pytest.fixture(scope="class")
    @classmethod
    def plain_trainer(cls) -> Trainer:
        return Trainer(plain(), images(), RECIPE)

    @pytest.mark.parametrize("classes", [3, 2])
    @pytest.mark.parametrize("optimizer", OPTIMIZERS)
    def test_epoch_equals_the_training_steps_of_keras(self, optimizer: str, classes: int) -> None:
        recipe, shared = dataclasses.replace(RECIPE, optimizer=optimizer), images(classes=classes)
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
            np.testing.assert_allclose(value_of(left), value_of(right), rtol=1e-3, atol=1e-5)

    @pytest.mark.parametrize(
        ("build", "classes", "dtype"),
        [(convnet, 3, "uint8"), (small, 2, "uint8"), (small, 3, "float32")],
        ids=["bytes", "two_classes", "floats"],
    )
    def test_evaluation_is_exact_over_every_image(
        self, build: Callable[[int], keras.Model], classes: int, dtype: str
    ) -> None:
        # More images than one evaluation batch, and no multiple of it.
        shared, model = images(train=301, classes=classes, dtype=dtype), build(classes)
        trainer = Trainer(model, shared, RECIPE)
        last = list(trainer.run(0))[-1].numbers
        final = trainer.final()
        assert (final["val_loss"], final["val_accuracy"]) == (
            last["val_loss"],
            last["val_accuracy"],
        )
        assert (final["train_loss"], final["train_accuracy"]) == (last["loss"], last["accuracy"])
        parts = {"test": shared.test, "val": shared.validation, "train": shared.train}
        stored = np.concatenate([part.x for part in parts.values()])
        outputs = np.asarray(model(stored * np.float32(shared.scale), training=False))
        for prefix, part in parts.items():
            output, outputs = outputs[: len(part.y)], outputs[len(part.y) :]
            suffix = "_inference" if prefix == "train" else ""
            guess = output.argmax(axis=1) if classes > 2 else (output[:, 0] > 0.5).astype(int)
            p = output if classes > 2 else np.hstack([1 - output, output])
            loss = -np.log(p[np.arange(len(part.y)), part.y]).mean()
            accuracy = (guess == part.y).mean()
            assert final[f"{prefix}_accuracy{suffix}"] == pytest.approx(accuracy, abs=1e-7)
            assert final[f"{prefix}_loss{suffix}"] == pytest.approx(loss, rel=1e-4)

    def test_targets_and_metrics_of_any_shape_are_supported(self) -> None:
        feed = pixel_feed()
        model = keras.Sequential([layers.Input(SHAPE), layers.Conv2D(2, 1, activation="softmax")])
        trainer = Trainer(plain(), images(), RECIPE)  # only for its kind of engine and optimizer
        optimizer = type(trainer._model.optimizer)(0.01)
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=[PixelShares()])
        optimizer.build(model.trainable_variables)
        own = type(trainer._engine)(model, feed, jit=False)
        own.prepare(steps=1)
        own.train(feed.order(0, 1), lambda: None)
        for part, (_, y) in feed.parts.items():
            numbers = own.evaluate(part)
            assert set(numbers) == {"loss", "share_0", "share_1"}
            assert numbers["share_1"] == pytest.approx((y == 1).mean() / (y < 2).mean(), abs=1e-6)

    @pytest.mark.parametrize("task", ["multilabel", "boxes"])
    def test_a_part_is_judged_as_keras_judges_all_of_its_images_at_once(
        self, task: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        info = DatasetInfo(task, SHAPE, ("a", "b", "c"), 40, 29, 29, "f")
        parts = {name: task_of(task).noise(info, 40) for name in images().parts}
        shared = Images(**parts, classes=info.classes, scale=1 / 255, task=task)
        output = task_of(task).output(info)
        head = layers.Dense(output.units, output.activation)
        model = keras.Sequential([layers.Input(SHAPE), layers.Flatten(), head])
        monkeypatch.setattr(engine, "EVALUATION_BYTES", 7 * 4 * math.prod(SHAPE))
        trainer = Trainer(model, shared, RECIPE)
        epochs = list(trainer.run(0))
        final = trainer.final()
        objective = task_of(task).objective((None, output.units), shared)
        outputs = np.asarray(model(shared.test.x * np.float32(shared.scale)))
        for metric in objective.metrics:
            metric.update_state(shared.test.y, outputs)
            expected = float(metric.result())
            assert final[f"test_{metric.name}"] == pytest.approx(expected, rel=1e-5)
            assert math.isfinite(epochs[0].numbers[metric.name])
        loss = float(objective.loss(shared.test.y, outputs))
        assert final["test_loss"] == pytest.approx(loss, rel=1e-5)

    def test_seed_gives_equal_bits_in_a_new_process(self, trained: Trained) -> None:
        assert trained.outcomes[1] == outcome_in_a_new_process(1)

    def test_seed_gives_equal_bits_after_an_interrupted_run(self, trained: Trained) -> None:
        next(trained.trainer.run(5))
        assert outcome(trained.trainer, trained.model, 0) == trained.outcomes[0]

    @pytest.mark.parametrize("piece_bytes", [1, 10_000])
    def test_images_on_the_disk_give_equal_bits(
        self, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece_bytes: int
    ) -> None:
        image_cache.save(tmp_path, trained.images)
        on_disk = image_cache.load(tmp_path, trained.images.fingerprint, most_bytes=0)
        monkeypatch.setattr(stored, "PIECE_BYTES", piece_bytes)
        model = convnet()
        trainer = Trainer(model, on_disk, RECIPE)
        assert trainer.feed.streamed
        assert outcome(trainer, model, 1) == trained.outcomes[1]

    def test_memory_is_bounded_however_many_images_there_are(self, tmp_path: Path) -> None:
        write_cache(tmp_path / "small", train=2_000)
        write_cache(tmp_path / "large", train=60_000)  # 737 MB
        program = [sys.executable, "-c", MEMORY_PROGRAM, str(tmp_path)]
        done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        # Compiling another model takes 40 to 50 MB of it, however many images there are.
        assert int(done.stdout.splitlines()[-1]) < 200_000_000

    def test_another_seed_gives_other_numbers(self, trained: Trained) -> None:
        zero, one = trained.outcomes[0], trained.outcomes[1]
        assert zero["weights"] != one["weights"]
        assert zero["epochs"] != one["epochs"]

    @pytest.mark.parametrize(
        ("build", "optimizer", "interrupted_after"),
        [(convnet, "adam", 1), (small, "rmsprop", 2), (small, "sgd", 3)],
        ids=["adam_early", "rmsprop_late", "sgd_before_the_test_images"],
    )
    def test_resumed_run_equals_the_uninterrupted_run_bit_for_bit(
        self,
        tmp_path: Path,
        build: Callable[[], keras.Model],
        optimizer: str,
        interrupted_after: int,
    ) -> None:
        # The models have dropout and normalization, and images are augmented: their states are
        # resumed as well.
        recipe = dataclasses.replace(RECIPE, epochs=3, optimizer=optimizer)
        first = Trainer(build(), images(), recipe, augmentation=random_flips())
        epochs = first.run(4)
        expected = [next(epochs) for _ in range(interrupted_after)]
        state = first.state()
        history = tuple(EpochEnded(each.epoch, each.numbers, each.seconds) for each in state.epochs)
        save(tmp_path, Checkpoint(history, state.arrays), fingerprint="print")
        # Neither what the first trainer does from here on nor what the second did before matters.
        expected = without_seconds([*expected, *epochs])
        second = Trainer(build(), images(), recipe, augmentation=random_flips())
        next(second.run(9))
        loaded, _ = load_newest(tmp_path, fingerprint="print")
        assert loaded is not None
        read = [Epoch(each.epoch, each.numbers, each.seconds) for each in loaded.history]
        start = InitialState(tuple(read), loaded.arrays)
        assert second.fits(start)
        assert without_seconds(second.run(4, start=start)) == expected[interrupted_after:]
        assert second.final() == first.final()
        for one, other in zip(second.state().arrays, first.state().arrays, strict=True):
            assert one.tobytes() == other.tobytes()

    def test_variants_see_equal_batches_in_equal_order(self, plain_trainer: Trainer) -> None:
        shared = images()
        rows = [row for epoch in (1, 2) for row in plain_trainer.feed.order(3, epoch)]
        x = shared.train.x.astype(np.float64) * shared.scale
        expected = [(x[row].sum(axis=(1, 2, 3)) * (np.arange(len(row)) + 1)).sum() for row in rows]
        narrow, wide = recorded_batches(wide=False), recorded_batches(wide=True)
        np.testing.assert_array_equal(narrow, wide)
        np.testing.assert_allclose(narrow, expected, rtol=1e-5)

    def test_augmented_batches_are_those_of_the_seed_the_epoch_and_the_step(self) -> None:
        shared, flips = images(), random_flips()
        narrow, wide = (recorded_batches(wide=wide, augmentation=flips) for wide in (False, True))
        feed = Trainer(plain(), shared, RECIPE).feed
        x, expected = shared.train.x * np.float32(shared.scale), []
        for epoch in (1, 2):
            flips.start(3, epoch)
            for row in feed.order(3, epoch):
                seen, _ = flips(x[row], shared.train.y[row])
                seen = keras.ops.convert_to_numpy(seen)
                expected.append((seen.sum(axis=(1, 2, 3)) * (np.arange(len(row)) + 1)).sum())
        np.testing.assert_array_equal(narrow, wide)
        np.testing.assert_allclose(narrow, expected, rtol=1e-4)
        assert not np.allclose(narrow, recorded_batches(wide=False), rtol=1e-3)

    def test_images_are_not_augmented_where_a_model_is_judged(self) -> None:
        white = Augmentation([White()], task=task_of("classification"))
        shared, model = images(), small()
        trainer = Trainer(model, shared, RECIPE, augmentation=white)
        list(trainer.run(0))
        outputs = np.asarray(model(shared.test.x * np.float32(shared.scale), training=False))
        loss = -np.log(outputs[np.arange(len(outputs)), shared.test.y]).mean()
        assert trainer.final()["test_loss"] == pytest.approx(loss, rel=1e-4)

    @pytest.mark.parametrize("train", [16, 7], ids=["one_batch", "fewer_images_than_a_batch"])
    def test_few_images_can_be_trained_on(self, train: int) -> None:
        epochs = list(Trainer(plain(), images(train=train), RECIPE).run(0))
        assert [epoch.epoch for epoch in epochs] == [1, 2]
        for epoch in epochs:
            right = epoch.numbers["accuracy"] * train
            assert right == pytest.approx(round(right), abs=1e-4)

    def test_heartbeat_is_called_during_a_long_epoch(self) -> None:
        recipe = dataclasses.replace(RECIPE, epochs=1, batch_size=2)
        trainer = Trainer(plain(), images(train=70), recipe)
        beats: list[str] = []
        list(trainer.run(0, alive=lambda: beats.append("trainer")))
        trainer._engine.train(trainer.feed.order(0, 1), lambda: beats.append("engine"))
        assert beats.count("trainer") >= 2 + 2  # before and after the epoch, and during it
        assert beats.count("engine") >= 2  # 35 steps

    def test_variables_are_read_as_copies(self, plain_trainer: Trainer) -> None:
        list(plain_trainer.run(0))
        variables = plain_trainer._model.variables
        read = plain_trainer._engine.read(variables)
        before = [value_of(variable) for variable in variables]
        plain_trainer._engine.train(plain_trainer.feed.order(0, 1), lambda: None)
        assert any(
            not np.array_equal(old, value_of(variable))
            for old, variable in zip(before, variables, strict=True)
        )
        for one, other in zip(read, before, strict=True):
            np.testing.assert_array_equal(one, other)

    def test_preparing_without_steps_leaves_the_model_unchanged(
        self, plain_trainer: Trainer
    ) -> None:
        list(plain_trainer.run(0))
        before = plain_trainer.state().arrays
        plain_trainer._engine.prepare(steps=0)
        for one, other in zip(before, plain_trainer.state().arrays, strict=True):
            np.testing.assert_array_equal(one, other)

    def test_evaluation_leaves_the_model_unchanged(self, trained: Trained) -> None:
        list(trained.trainer.run(0))
        before = trained.trainer.state().arrays
        trained.trainer.final()
        for one, other in zip(before, trained.trainer.state().arrays, strict=True):
            np.testing.assert_array_equal(one, other)

    def test_images_are_not_changed_by_training(self, trained: Trained) -> None:
        assert trained.images.fingerprint == images().fingerprint

    def test_output_that_is_not_a_number_diverges(self) -> None:
        zeros = images()
        for part in zeros.parts.values():
            part.y[:] = 0  # accuracy would be 1: the largest of three NaN is the first
        model = keras.Sequential([plain(), NotANumber()])
        with pytest.raises(DivergedError, match=r"training loss .* epoch 1\b") as caught:
            list(Trainer(model, zeros, RECIPE).run(0))
        assert caught.value.epoch == 1

    @pytest.mark.parametrize("optimizer", ["sgd", "adam"])
    def test_run_after_a_diverged_run_starts_fresh(self, optimizer: str) -> None:
        recipe = Recipe(epochs=12, batch_size=16, learning_rate=1e9, optimizer=optimizer)
        deep = [layers.Dense(8, "relu") for _ in range(5)]
        head = [layers.Dense(3, "softmax")]
        model = keras.Sequential([layers.Input(SHAPE), layers.Flatten(), *deep, *head])
        trainer = Trainer(model, images(), recipe)
        seen: list[list[Epoch]] = [[], []]
        for epochs in seen:
            with pytest.raises(DivergedError) as caught:
                epochs.extend(trainer.run(0))
            assert caught.value.epoch == len(epochs) + 1
            with pytest.raises(RuntimeError):
                trainer.final()
        assert without_seconds(seen[0]) == without_seconds(seen[1])

    def test_model_of_a_class_of_its_own_can_be_trained(self) -> None:
        model = OwnModel()
        trainer = Trainer(model, images(), RECIPE)
        assert outcome(trainer, model, 0) == outcome(trainer, model, 0)

    def test_unseeded_noise_is_refused(self) -> None:
        # No one could reset its state, so a run would depend on the runs before it.
        body = [UnseededNoise(), layers.Flatten(), layers.Dense(3, "softmax")]
        model = keras.Sequential([layers.Input(SHAPE), *body])
        with pytest.raises((RequestError, ValueError), match="SeedGenerator"):
            next(Trainer(model, images(), RECIPE).run(0))
