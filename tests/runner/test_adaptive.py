"""Adaptive seeds: rounds are added while a verdict is undecided, and finished rounds are kept."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from tests.conftest import Command

STUDY = """
replicates: {min: 2, max: 4}
margin: 0.0001
factors:
  residual:
    levels:
      - {name: present, overrides: [model.residual=true]}
      - {name: absent, overrides: [model.residual=false]}
"""


def test_undecided_cells_get_more_seeds_up_to_the_most(ablate: Command, tmp_path: Path) -> None:
    file = tmp_path / "experiments" / "study" / "rounds.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(STUDY)
    arguments = ["--multirun", "study=rounds", "model.filters=[4,4]", "recipe.epochs=1"]
    first = ablate(tmp_path, *arguments)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "2 to 4 replicates in rounds (2, 3, 4)" in first.stdout
    runs = pd.read_csv(tmp_path / "reports" / "rounds" / "runs.csv")
    # With a margin that small, nothing is decided by four runs of an untrained model.
    assert runs.groupby("cell")["seed"].apply(list).tolist() == [[0, 1, 2, 3]] * 2
    plan = json.loads((tmp_path / "runs" / "rounds" / "plan.json").read_text())
    assert plan["study"]["replicates"] == {"min": 2, "max": 4}
    before = {path: path.read_bytes() for path in tmp_path.rglob("journal.jsonl")}
    second = ablate(tmp_path, *arguments)
    assert second.returncode == 0
    assert {path: path.read_bytes() for path in tmp_path.rglob("journal.jsonl")} == before
