from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np
import pytest

from ablate.config.recipe import Recipe
from ablate.errors import RequestError
from ablate.seeds import stream_seed
from ablate.training import trainer as trainer_module
from ablate.training.trainer import Trainer
from tests.training.small_models import convnet, images, plain

RECIPE = Recipe(epochs=2, batch_size=16, learning_rate=0.01)


def test_state_of_another_model_does_not_fit() -> None:
    state = Trainer(plain(3), images(), RECIPE).state()
    shorter = dataclasses.replace(state, arrays=state.arrays[:-1])
    assert not Trainer(convnet(), images(), RECIPE).fits(state)
    assert not Trainer(plain(3), images(), RECIPE).fits(shorter)


def test_placebo_is_a_run_with_another_seed_and_nothing_else() -> None:
    placebo = Trainer(plain(), images(), dataclasses.replace(RECIPE, placebo=True))
    trainer = Trainer(plain(), images(), RECIPE)
    found, expected, same_seed = (
        [epoch.numbers for epoch in each.run(seed)]
        for each, seed in ((placebo, 4), (trainer, stream_seed(4, "placebo")), (trainer, 4))
    )
    assert found == expected
    assert found != same_seed


def test_final_needs_a_run_that_was_trained_to_its_end() -> None:
    trainer = Trainer(plain(), images(), RECIPE)
    next(trainer.run(0))
    with pytest.raises(RuntimeError, match="trained to its end"):
        trainer.final()


@pytest.mark.parametrize(
    ("train", "batch", "shape"),
    [(70, 16, (4, 16)), (64, 16, (4, 16)), (16, 16, (1, 16)), (7, 16, (1, 7)), (5, 1, (5, 1))],
    ids=[
        "remainder_is_left_out",
        "even",
        "one_batch",
        "fewer_images_than_a_batch",
        "single_images",
    ],
)
def test_epoch_sees_no_image_twice_and_fills_its_batches(
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


def test_test_images_are_not_used_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer(plain(), images(), RECIPE)
    evaluated: list[str] = []
    evaluate = trainer._engine.evaluate
    monkeypatch.setattr(
        trainer._engine, "evaluate", lambda part: (evaluated.append(part), evaluate(part))[1]
    )
    list(trainer.run(0))
    assert evaluated == ["validation", "validation"]
    trainer.final()
    assert "test" in evaluated


def test_seconds_count_training_only(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def lasting(seconds: float, method: Any) -> Any:
        def call(*arguments: Any, **keywords: Any) -> Any:
            nonlocal now
            now += seconds
            return method(*arguments, **keywords)

        return call

    trainer = Trainer(plain(), images(), RECIPE)
    for name, seconds in {"prepare": 100.0, "train": 3.0, "evaluate": 20.0}.items():
        method = getattr(trainer._engine, name)
        monkeypatch.setattr(trainer._engine, name, lasting(seconds, method))
    monkeypatch.setattr(trainer_module.time, "perf_counter", lambda: now)
    assert [epoch.seconds for epoch in trainer.run(0)] == [3, 3]


@pytest.mark.parametrize(
    ("classes", "units"), [(2, 1), (2, 2), (3, 3)], ids=["one_of_two", "two_of_two", "three"]
)
def test_outputs_that_fit_the_classes_are_accepted(classes: int, units: int) -> None:
    Trainer(convnet(units=units), images(classes=classes), RECIPE)


@pytest.mark.parametrize(("classes", "units"), [(3, 1), (3, 4), (2, 3)], ids=str)
def test_outputs_that_do_not_fit_the_classes_are_refused(classes: int, units: int) -> None:
    with pytest.raises(RequestError, match=rf"{classes} classes; received \(None, {units}\)"):
        Trainer(convnet(units=units), images(classes=classes), RECIPE)


def test_backend_without_an_engine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(RequestError, match="tensorflow or jax; received 'torch'"):
        Trainer(plain(), images(), RECIPE)
