"""The tests of the JAX engine run in a process of their own: a process has one Keras backend."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

RESUMED = "tests/training/test_recipes.py::test_a_resumed_run_equals_the_uninterrupted_run"
MODULES = ["tests/training/jax_engine.py", "tests/training/test_reset.py", RESUMED]
PROGRAM = f"""
import sys
import pytest

class NoTensorFlow:
    # As if it were not installed. Keras asks sys.modules as well, so None there is no answer.
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "tensorflow":
            raise ModuleNotFoundError("not installed", name=name)

sys.meta_path.insert(0, NoTensorFlow())
sys.exit(pytest.main(["-q", "-p", "no:xdist", "-p", "no:cacheprovider", *{MODULES!r}]))
"""


@pytest.mark.timeout(900)
def test_jax_engine_passes_its_tests_without_tensorflow() -> None:
    # Tiny models take longer to optimize than to train.
    settings = {"KERAS_BACKEND": "jax", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
