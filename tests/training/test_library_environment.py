"""What libraries read during their import is decided by this program, the same in each process."""

from __future__ import annotations

import os
import sys

import pytest

from ablate.errors import RequestError
from ablate.training.library_environment import ONEDNN, check_environment, pin_environment


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
@pytest.mark.parametrize("asked", ["0", "1", "maybe"])
def test_the_program_replaces_what_the_user_has_set(
    monkeypatch: pytest.MonkeyPatch, asked: str, backend: str
) -> None:
    for name in (ONEDNN, "KERAS_BACKEND", "KERAS_NNX_ENABLED"):
        monkeypatch.setenv(name, asked)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    pin_environment(backend)
    assert os.environ[ONEDNN] == "1"
    assert os.environ["KERAS_BACKEND"] == backend
    assert os.environ["KERAS_NNX_ENABLED"] == "0"
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"


@pytest.mark.skipif(sys.platform != "linux", reason="TensorFlow has oneDNN on Linux")
@pytest.mark.parametrize("enabled", [True, False])
def test_a_process_that_computes_otherwise_trains_nothing(
    monkeypatch: pytest.MonkeyPatch, enabled: bool
) -> None:
    pytest.importorskip("tensorflow")
    from tensorflow.python.util import _pywrap_util_port

    monkeypatch.setattr(_pywrap_util_port, "IsMklEnabled", lambda: enabled)
    check_environment("jax")
    if enabled:
        check_environment("tensorflow")
        return
    with pytest.raises(RequestError, match="it was imported without"):
        check_environment("tensorflow")
