"""The lock of MLflow's database."""

from __future__ import annotations

import os
from pathlib import Path

from ablate.tracking.mlflow.database import database_lock


def test_a_pipe_in_place_of_the_lock_file_is_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".mlflow.db.lock")
    with database_lock(tmp_path / "mlflow.db"):
        assert (tmp_path / ".mlflow.db.lock").is_file()


def test_a_link_in_place_of_the_lock_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / ".mlflow.db.lock").symlink_to("precious")
    with database_lock(tmp_path / "mlflow.db"):
        assert (tmp_path / "precious").read_text() == "precious"
        assert not (tmp_path / ".mlflow.db.lock").is_symlink()
