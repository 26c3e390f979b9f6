"""Runs that go wrong: each is recorded with its reason, and the study goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from tests.conftest import Command


def why(place: Path) -> str:
    return str(json.loads((place / "result.json").read_text())["error"])


def test_a_diverging_run_is_no_number_and_is_not_tried_again(
    ablate: Command, tmp_path: Path
) -> None:
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
        place = tmp_path / "runs" / "xyz" / run["cell"] / str(run["seed"])
        assert "not finite after epoch" in why(place)
    assert "test_accuracy" not in runs or diverged["test_accuracy"].isna().all()
    again = ablate(tmp_path, *arguments)
    assert again.returncode == 1
    assert "8 of 8 done" in again.stdout


def test_other_launchers_train_the_same_numbers(
    ablate: Command, tiny_study: Path, tmp_path: Path
) -> None:
    from tests.conftest import TINY

    answer = ablate(tmp_path, "--multirun", *TINY, "hydra/launcher=basic", "device.threads=1")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    theirs, ours = (
        {
            path.parent.parent.name + path.parent.name: json.loads(path.read_text())["responses"]
            for path in (folder / "runs" / "xyz").rglob("result.json")
        }
        for folder in (tmp_path, tiny_study)
    )
    assert theirs == ours
