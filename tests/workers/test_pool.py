"""Runs that fail in worker processes, and other launchers than the pool."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from tests.conftest import TINY, Command


def responses(folder: Path) -> dict[str, dict[str, float]]:
    """The responses of all runs, by cell and seed."""
    return {
        f"{path.parent.parent.name}/{path.parent.name}": json.loads(path.read_text())["responses"]
        for path in (folder / "runs" / "xyz").rglob("result.json")
    }


def test_a_diverging_run_has_no_numbers_and_is_not_retried(ablate: Command, tmp_path: Path) -> None:
    arguments = [
        "--multirun", "model.filters=[4,4]", "study.replicates=1", "recipe.optimizer=sgd",
        "recipe.learning_rate=1e30", "recipe.epochs=2",
    ]  # fmt: skip
    answer = ablate(tmp_path, *arguments)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    runs = pd.read_csv(tmp_path / "reports" / "xyz" / "runs.csv")
    diverged = runs[runs["status"] == "diverged"]
    assert len(diverged) >= 1
    for _, run in diverged.iterrows():
        path = tmp_path / "runs" / "xyz" / run["cell"] / str(run["seed"]) / "result.json"
        assert "not finite after epoch" in json.loads(path.read_text())["error"]
    assert "test_accuracy" not in runs or diverged["test_accuracy"].isna().all()
    again = ablate(tmp_path, *arguments)
    assert again.returncode == 1
    assert "8 of 8 done" in again.stdout


def test_other_launchers_train_the_same_numbers(
    ablate: Command, tiny_study: Path, tmp_path: Path
) -> None:
    answer = ablate(tmp_path, "--multirun", *TINY, "hydra/launcher=basic", "device.threads=1")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert responses(tmp_path) == responses(tiny_study)
