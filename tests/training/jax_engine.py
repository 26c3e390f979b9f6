"""The engine suite for JAX, and what is JAX's own; run by `test_jax.py` with KERAS_BACKEND=jax."""

from __future__ import annotations

import jax
import pytest

from ablate.training.trainer import Trainer
from tests.training.engine_suite import RECIPE, EngineSuite
from tests.training.small_models import images, small


class TestJaxEngine(EngineSuite):
    pass


def test_scanned_epoch_equals_single_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    by_step = list(Trainer(small(), images(), RECIPE).run(0))
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    scanned = list(Trainer(small(), images(), RECIPE).run(0))
    for one, other in zip(by_step, scanned, strict=True):
        assert one.numbers["loss"] == pytest.approx(other.numbers["loss"], rel=1e-4)
        assert one.numbers["val_loss"] == pytest.approx(other.numbers["val_loss"], rel=1e-3)
        assert one.numbers["accuracy"] == pytest.approx(other.numbers["accuracy"], abs=1e-6)
