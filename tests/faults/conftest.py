"""Fixtures of the fault tests: a study without faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Command
from tests.faults.interruption import FOUR_RUNS, comparable_runs, write_study_files


@pytest.fixture(scope="session")
def uninterrupted(ablate: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the study was trained without a fault. Read it only."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    write_study_files(folder)
    done = ablate(folder, *FOUR_RUNS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert comparable_runs(folder).count("complete") == 4
    return folder
