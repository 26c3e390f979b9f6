"""Checkpoints in a real study: a damaged one costs epochs and is reported; no number changes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest import param

from tests.conftest import Command
from tests.faults.interruption import (
    FOUR_RUNS,
    all_ended,
    child_processes,
    comparable_runs,
    count_epochs,
    read_events,
    start_command,
    wait_for,
    write_study_files,
)


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the command was killed during training. Copy it."""
    folder = tmp_path_factory.mktemp("interrupted")
    write_study_files(folder)
    with start_command(folder, *FOUR_RUNS) as process:
        wait_for(lambda: count_epochs(folder) >= 20, "twenty epochs")
        children = child_processes(process)
        process.kill()
        wait_for(lambda: all_ended(children), "the end of all children")
    return folder


def newest_checkpoints(folder: Path) -> list[Path]:
    """The newest checkpoint of every run that has two."""
    checkpoints = [
        sorted(file for file in path.iterdir() if file.name.isdigit())
        for path in folder.rglob("checkpoints")
    ]
    return [files[-1] for files in checkpoints if len(files) == 2]


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:100])


def damage_all(file: Path) -> None:
    for checkpoint in file.parent.iterdir():
        checkpoint.write_bytes(b"not a checkpoint")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        param(truncate, "truncated or altered, its checksum does not fit", id="the_newest"),
        param(damage_all, "started again", id="all"),
    ],
)
def test_a_damaged_checkpoint_is_skipped_and_reported(
    ablate: Command,
    uninterrupted: Path,
    interrupted: Path,
    tmp_path: Path,
    damage: Callable[[Path], None],
    words: str,
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(interrupted, folder)
    newest = newest_checkpoints(folder)
    assert newest
    for file in newest:
        damage(file)
    done = ablate(folder, *FOUR_RUNS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" in done.stdout
    assert comparable_runs(folder) == comparable_runs(uninterrupted)
    faults = [fault for event in read_events(folder) for fault in event.get("skipped", [])]
    assert len(faults) >= len(newest)
    report = (folder / "reports" / "interrupted" / "report.md").read_text()
    assert words in report


def test_checkpoints_are_kept_on_request(ablate: Command, tmp_path: Path) -> None:
    write_study_files(tmp_path)
    arguments = [*FOUR_RUNS[:-1], "recipe.epochs=3", "store.keep_checkpoints=true"]
    done = ablate(tmp_path, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    for path in (tmp_path / "runs" / "interrupted").glob("part=*/*/checkpoints"):
        assert sorted(file.name for file in path.iterdir()) == ["000002", "000003"]
    assert len(list(tmp_path.rglob("checkpoints"))) == 4
