from __future__ import annotations

import keras
import pytest

from ablate.config.recipe import Recipe
from ablate.training.trainer import Trainer
from tests.training.small_models import convnet, images

jax = pytest.importorskip("jax")
pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="tests the JAX engine")

RECIPE = Recipe(epochs=2, batch_size=16, learning_rate=0.01)


def test_an_epoch_in_one_scan_is_the_same_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    stepped = list(Trainer(convnet(), images(), RECIPE).run(0))
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    scanned = list(Trainer(convnet(), images(), RECIPE).run(0))
    for one, other in zip(stepped, scanned, strict=True):
        assert one.numbers["loss"] == pytest.approx(other.numbers["loss"], rel=1e-4)
        assert one.numbers["val_loss"] == pytest.approx(other.numbers["val_loss"], rel=1e-3)
        assert one.numbers["accuracy"] == pytest.approx(other.numbers["accuracy"], abs=1e-6)
