"""The examples do what they say: each is run as its README says, on a small scale."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import re
import shlex
import shutil
import sqlite3
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


def test_the_cells_of_the_notebook_run_in_order(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = json.loads((folder / "notebook" / "study.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert {each["output_type"] for cell in cells for each in cell["outputs"]} >= {"stream"}
    code = "\n".join("".join(cell["source"]) for cell in cells)
    small, changes = re.subn(r"\"study\.replicates=\d+\"", ", ".join(map(repr, SMALL)), code)
    assert changes == 1
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert "Keep random_features" in finish(folder / "notebook", "-c", small)


def without_keras(folder: Path) -> dict[str, str]:
    """An environment with this Python in PATH, where importing Keras or a backend is an error."""
    for name in ("keras", "tensorflow", "jax"):
        module = folder / "refused" / name / "__init__.py"
        module.parent.mkdir(parents=True)
        module.write_text(f"raise RuntimeError('{name} is imported')")
    return {
        "PYTHONPATH": f"{folder / 'refused'}{os.pathsep}{ROOT}",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }


def test_a_program_is_the_cells_of_a_study(ablate: Command, folder: Path) -> None:
    example, arguments = folder / "program_sklearn", command_of("program_sklearn")
    done = ablate(example, *arguments, "study.replicates=1", **without_keras(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Report: reports/forest/index.html" in done.stdout
    runs = rows_of(example / "reports" / "forest" / "runs.csv")
    assert [run["status"] for run in runs] == ["complete"] * 4
    assert all(0.5 < float(run["accuracy"]) < 1 for run in runs)


def test_a_script_with_argparse_reports_its_epochs(ablate: Command, folder: Path) -> None:
    example, arguments = folder / "program_argparse", command_of("program_argparse")
    few = ["study.replicates=1", "cell.options.epochs=2"]
    done = ablate(example, *arguments, *few, **without_keras(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    runs = rows_of(example / "reports" / "network" / "runs.csv")
    assert [(run["status"], run["parameters"]) for run in runs] == [("complete", "2368")] * 4
    assert (example / "reports" / "network" / "figures" / "learning_curves.png").is_file()
    with contextlib.closing(sqlite3.connect(example / "mlflow.db")) as store:
        query = "select step, value from metrics where key = ? order by step"
        curve = store.execute(query, ("val_accuracy",)).fetchall()
        final = store.execute(query, ("test_accuracy",)).fetchall()
    assert [step for step, _ in curve] == [1, 1, 1, 1, 2, 2, 2, 2]
    assert sorted(value for _, value in final) == sorted(
        float(run["test_accuracy"]) for run in runs
    )
