"""The configuration, the code or the images change between two commands of a study."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pytest import param

from tests.conftest import Command
from tests.faults.interruption import (
    MODEL_ARGUMENTS,
    comparable_runs,
    count_epochs,
    write_study_files,
)

SHORT = ("--multirun", "study=interrupted", *MODEL_ARGUMENTS, "data=npz", "data.path=mine.npz")


@pytest.fixture(scope="module")
def trained(ablate: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished study of one epoch. Copy it."""
    folder = tmp_path_factory.mktemp("trained")
    write_study_files(folder)
    save_images(folder, 0)
    done = ablate(folder, *SHORT, "recipe.epochs=1")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def save_images(folder: Path, seed: int) -> None:
    generator = np.random.default_rng(seed)
    y = np.arange(90) % 3
    x = generator.random((90, 8, 8, 1), dtype=np.float32) / 2 + y[:, None, None, None] / 6
    np.savez(folder / "mine.npz", x_train=x[:60], y_train=y[:60], x_test=x[60:], y_test=y[60:])


def change_code(folder: Path) -> list[str]:
    file = folder / "user_model.py"
    file.write_text(
        file.read_text().replace('Dropout(0.3, name="dropout")', 'Dropout(0.4, name="dropout")')
    )
    return ["recipe.epochs=1"]


def change_images(folder: Path) -> list[str]:
    save_images(folder, 1)
    return ["recipe.epochs=1"]


def change_recipe(folder: Path) -> list[str]:
    return ["recipe.epochs=2"]


CHANGES = [
    param(change_recipe, "recipe.epochs: 1 -> 2", id="configuration"),
    param(change_code, "code: user_model.py was changed", id="code"),
    param(change_images, "images: 48 + 12 + 30 of 8 x 8 x 1", id="images"),
]


@pytest.mark.parametrize(("change", "message"), CHANGES)
def test_a_change_is_listed_and_refused_and_rerun_trains_again(
    ablate: Command,
    trained: Path,
    tmp_path: Path,
    change: Callable[[Path], list[str]],
    message: str,
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(trained, folder)
    arguments = [*SHORT, *change(folder)]
    refused = ablate(folder, *arguments)
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert message in refused.stdout
    assert message in refused.stderr
    assert "on_change=rerun" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert comparable_runs(folder) == comparable_runs(trained)
    rerun = ablate(folder, *arguments, "on_change=rerun")
    assert rerun.returncode == 0, rerun.stdout + rerun.stderr
    assert "0 of 4 done" in rerun.stdout
    assert comparable_runs(folder) != comparable_runs(trained)


def test_kept_results_are_used_and_marked_in_the_report(
    ablate: Command, trained: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(trained, folder)
    kept = ablate(folder, *SHORT, "recipe.epochs=2", "study.replicates=3", "on_change=keep")
    assert kept.returncode == 0, kept.stdout + kept.stderr
    assert "4 of 6 done" in kept.stdout
    assert count_epochs(folder) == 4 * 1 + 2 * 2
    report = (folder / "reports" / "interrupted" / "report.md").read_text()
    assert "Results of other settings" in report
    assert "recipe.epochs: 1 -&gt; 2" in report


def test_added_seeds_and_factors_retrain_nothing(
    ablate: Command, trained: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(trained, folder)
    # Clocks may have jumped: no decision depends on the time of a file.
    for path in folder.rglob("*"):
        os.utime(path, (4e9, 4e9))
    file = folder / "experiments" / "study" / "interrupted.yaml"
    file.write_text(
        file.read_text()
        + "  size:\n    levels:\n"
        + "      - {name: usual, overrides: [recipe.batch_size=64]}\n"
        + "      - {name: small, overrides: [recipe.batch_size=16]}\n"
    )
    wider = ablate(folder, *SHORT, "recipe.epochs=1", "study.replicates=3")
    assert wider.returncode == 0, wider.stdout + wider.stderr
    assert "4 of 12 done" in wider.stdout
    assert count_epochs(folder) == 12
    runs = pd.read_csv(folder / "reports" / "interrupted" / "runs.csv")
    assert (runs["status"] == "complete").all()
    before = pd.read_csv(trained / "reports" / "interrupted" / "runs.csv")
    usual = runs[(runs["size"] == "usual") & (runs["seed"] < 2)]
    assert usual["test_loss"].tolist() == before["test_loss"].tolist()


def test_code_that_is_edited_during_a_study_fails_the_next_runs(
    ablate: Command, tmp_path: Path
) -> None:
    write_study_files(tmp_path, "edit", "late")
    arguments = [
        "--multirun",
        "study=faulty",
        *MODEL_ARGUMENTS,
        "recipe.epochs=1",
        "device.workers=1",
    ]
    done = ablate(tmp_path, *arguments)
    assert done.returncode == 1, done.stdout + done.stderr
    runs = pd.read_csv(tmp_path / "reports" / "faulty" / "runs.csv", keep_default_na=False)
    assert runs["status"].tolist() == ["complete"] * 4 + ["failed"] * 2
    assert "changed since then: user_model.py. The next command shows" in done.stdout
    refused = ablate(tmp_path, *arguments)
    assert refused.returncode == 2
    assert "code: user_model.py was changed" in refused.stderr
    write_study_files(tmp_path, "edit", "late")
    done = ablate(tmp_path, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 of 6 done" in done.stdout
