"""What tests share: the command in a directory of its own, and a study small enough to train."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ablate.process import stop
from ablate.study.response import Response

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"
TINY = ("model.filters=[4,4]", "recipe.epochs=1", "recipe.batch_size=256", "study.replicates=2")
"""Overrides that make the default study train in seconds."""
ACCURACY = Response("test_accuracy", "higher", "fraction")
"""What the runs of most tests are judged by."""

# As in every process that trains; TensorFlow reads it once, when a test imports Keras.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"

Command = Callable[..., subprocess.CompletedProcess[str]]


# Processes inherit what is ignored, and a shell ignores both where it runs tests in the background.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def nothing_was_trained(folder: Path) -> bool:
    return not list(folder.rglob("result.json")) and not list(folder.rglob("journal.jsonl"))


@pytest.fixture(scope="session")
def ablate() -> Command:
    """Runs `python -m MODULE ARGUMENTS` in a folder, as a user would; returns what it printed."""

    def run(
        folder: Path, *arguments: str, module: str = "ablate", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def tiny_study(ablate: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the default study has been run once, on a tiny scale. Read it only."""
    folder = tmp_path_factory.mktemp("tiny")
    done = ablate(folder, "--multirun", *TINY)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def new_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as MLflow creates it, which takes seconds, with another study in it."""
    from tests.faults.mlflow_store import replay  # what both need imports this file
    from tests.store.written import written

    folder = tmp_path_factory.mktemp("store")
    with contextlib.chdir(folder):
        replay(written(name="other").train())
    return folder / "mlflow.db"


@pytest.fixture
def folder_with_database(new_database: Path, working_folder: Path) -> Path:
    """A working directory with a database of MLflow."""
    shutil.copy(new_database, working_folder)
    return working_folder


@pytest.fixture
def pending_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C was pressed, and the program has not reached a safe point since."""
    monkeypatch.setattr(stop._stop, "code", stop.INTERRUPTED)


@pytest.fixture
def cifar_sample() -> Path:
    """A small part of CIFAR-10 as a user's own `.npz` file, where this machine has it."""
    path = SHARED / "cifar10-sample.npz"
    if not path.is_file():
        pytest.skip("the sample of CIFAR-10 next to the project is missing")
    return path
