"""What the tests of faults share: the study as it comes out when nothing goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Command
from tests.faults.disturbed import DISTURBED, lay_out, table


@pytest.fixture(scope="session")
def undisturbed(ablate: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the study was trained without a fault. Read it only."""
    folder = tmp_path_factory.mktemp("undisturbed")
    lay_out(folder)
    done = ablate(folder, *DISTURBED)
    assert done.returncode == 0, done.stdout + done.stderr
    assert table(folder).count("complete") == 4
    return folder
