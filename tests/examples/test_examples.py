"""The examples do what they say: each is run as its README says, on a small scale."""

from __future__ import annotations

import csv
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ablate.report.command import main
from tests.conftest import ROOT, Command

EXAMPLES = ROOT / "examples"
README = (EXAMPLES / "README.md").read_text(encoding="utf-8")
SMALL = ["recipe.epochs=1", "recipe.batch_size=256", "study.replicates=1"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the examples, without what was written when they were tried by hand."""
    written = shutil.ignore_patterns("runs", "reports", "mlflow.db", "mlartifacts", "__pycache__")
    return Path(shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=written))


def command_of(example: str) -> list[str]:
    """The arguments of the command that the table names for an example."""
    (row,) = re.findall(rf"^\| \[{example}\].*$", README, flags=re.MULTILINE)
    return shlex.split(row.rsplit("`", 2)[1])[3:]


def finish(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> str:
    """What a Python program prints that ends well."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_example_is_in_the_table() -> None:
    named = re.findall(r"^\| \[(\w+)\]", README, flags=re.MULTILINE)
    assert sorted(named) == sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())


def test_a_model_of_ones_own_is_studied(ablate: Command, folder: Path) -> None:
    done = ablate(folder / "own_model", *command_of("own_model"), *SMALL)
    assert done.returncode == 0, done.stdout + done.stderr
    runs = rows_of(folder / "own_model" / "reports" / "parts" / "runs.csv")
    assert [run["status"] for run in runs] == ["complete"] * 4


def test_results_of_another_program_are_those_it_writes(folder: Path) -> None:
    committed = rows_of(EXAMPLES / "own_results" / "results.csv")
    finish(folder / "own_results", "forest.py", "1")
    written = rows_of(folder / "own_results" / "results.csv")
    kept = [row for row in committed if row["seed"] == "0"]
    for row, expected in zip(written, kept, strict=True):
        # Another version of scikit-learn may draw other trees.
        assert float(row.pop("accuracy")) == pytest.approx(float(expected.pop("accuracy")), abs=0.1)
        assert row == expected


def test_results_of_another_program_are_reported(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder / "own_results")
    with pytest.raises(SystemExit) as ended:
        main(command_of("own_results"))
    assert ended.value.code == 0
    assert "Keep random_features" in capsys.readouterr().out
    assert Path("reports/results/index.html").is_file()
