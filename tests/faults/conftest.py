"""Fixtures of the fault tests: a study without faults, and databases of MLflow."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.faults.interruption import FOUR_RUNS, comparable_runs, write_study_files
from tests.faults.mlflow_store import replay
from tests.store.written import written


@pytest.fixture(scope="session")
def uninterrupted(ablate: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the study was trained without a fault. Read it only."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    write_study_files(folder)
    done = ablate(folder, *FOUR_RUNS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert comparable_runs(folder).count("complete") == 4
    return folder


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def new_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as MLflow creates it, which takes seconds, with another study in it."""
    folder = tmp_path_factory.mktemp("store")
    with contextlib.chdir(folder):
        replay(written(name="other").train())
    return folder / "mlflow.db"


@pytest.fixture
def folder_with_database(new_database: Path, working_folder: Path) -> Path:
    """A working directory with a database of MLflow."""
    shutil.copy(new_database, working_folder)
    return working_folder
