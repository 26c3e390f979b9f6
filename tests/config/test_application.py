"""Hydra offers the plugins of this program to every application, which they refuse in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

OTHER = """
import hydra
from omegaconf import DictConfig

@hydra.main(version_base="1.3", config_path=None)
def main(config: DictConfig) -> None:
    print("ran")

main()
"""


@pytest.mark.parametrize(
    ("plugin", "nearest"),
    [
        ("hydra/launcher=local", "hydra/launcher=basic"),
        ("hydra/sweeper=design", "hydra/sweeper=basic"),
    ],
)
def test_another_application_is_refused(tmp_path: Path, plugin: str, nearest: str) -> None:
    (tmp_path / "other.py").write_text(OTHER)
    done = subprocess.run(
        [sys.executable, "other.py", "--multirun", plugin, "+x=1,2"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HYDRA_FULL_ERROR": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == (
        f"{plugin} trains the studies of `python -m ablate` and nothing else; this is another "
        f"application. Nearest choice: {nearest}."
    )
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
