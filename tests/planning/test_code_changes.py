"""Which edits of this program a finished study notices, with the command as users run it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT, Command

STUDY = "replicates: 1\nfactors:\n  residual: model.residual\n"
ARGUMENTS = ("--multirun", "study=small", "model.filters=[4,4]", "recipe.epochs=1")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A copy of this program that a test may edit."""
    copy = tmp_path / "program"
    for folder in ("ablate", "conf", "experiments", "hydra_plugins"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def append(file: Path, text: str) -> None:
    with file.open("a", encoding="utf-8") as stream:
        stream.write(text)


def test_only_an_edit_of_what_trained_the_runs_is_refused(
    ablate: Command, program: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    file = folder / "experiments" / "study" / "small.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(STUDY)
    first = ablate(folder, *ARGUMENTS, PYTHONPATH=str(program))
    assert first.returncode == 0, first.stdout + first.stderr
    package = program / "ablate"
    for name in ("data", "tasks", "report"):
        (package / name / "mine.py").write_text('"""A new module."""\n\nx = 1\n')
    append(package / "training" / "tensorflow.py", "# a comment\n")
    append(package / "training" / "jax.py", "x = 1\n")
    again = ablate(folder, *ARGUMENTS, PYTHONPATH=str(program))
    assert again.returncode == 0, again.stdout + again.stderr
    assert "2 of 2 done" in again.stdout
    edited = ("tasks/classification", "training/trainer", "training/tensorflow", "models/convnet")
    for name in edited:
        append(package / f"{name}.py", "x = 1\n")
    refused = ablate(folder, *ARGUMENTS, PYTHONPATH=str(program))
    assert refused.returncode == 2, refused.stdout + refused.stderr
    for name in edited:
        assert f"code: ablate/{name}.py was changed" in refused.stdout
    assert "code: ablate/models/convnet.py was changed" in refused.stderr
