"""Checkpoints in a real study: broken ones fall back and say so; whole ones change no bit."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest import param

from tests.conftest import Command
from tests.faults.disturbed import (
    DISTURBED,
    descendants,
    epochs_of,
    events_of,
    gone,
    lay_out,
    started,
    table,
    until,
)


@pytest.fixture(scope="module")
def broken_off(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the command was killed at work. Copy it."""
    folder = tmp_path_factory.mktemp("broken_off")
    lay_out(folder)
    with started(folder, *DISTURBED) as process:
        until(lambda: epochs_of(folder) >= 20, "twenty epochs")
        children = descendants(process)
        process.kill()
        until(lambda: gone(children), "the end of all children")
    return folder


def newest_checkpoints(folder: Path) -> list[Path]:
    """The newest checkpoint of every run that has two."""
    places = [
        sorted(each for each in place.iterdir() if each.name.isdigit())
        for place in folder.rglob("checkpoints")
    ]
    return [each[-1] for each in places if len(each) == 2]


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:100])


def _all(file: Path) -> None:
    for each in file.parent.iterdir():
        each.write_bytes(b"no checkpoint at all")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        param(_truncate, "truncated or altered, its checksum does not fit", id="the_newest"),
        param(_all, "started again", id="all"),
    ],
)
def test_a_broken_checkpoint_falls_back_and_the_report_says_so(
    ablate: Command,
    undisturbed: Path,
    broken_off: Path,
    tmp_path: Path,
    damage: Callable[[Path], None],
    said: str,
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(broken_off, folder)
    newest = newest_checkpoints(folder)
    assert newest
    for file in newest:
        damage(file)
    done = ablate(folder, *DISTURBED)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed over" in done.stdout
    assert table(folder) == table(undisturbed)
    faults = [fault for event in events_of(folder) for fault in event.get("skipped", [])]
    assert len(faults) >= len(newest)
    report = (folder / "reports" / "disturbed" / "report.md").read_text()
    assert said in report


def test_checkpoints_are_kept_where_they_are_asked_for(ablate: Command, tmp_path: Path) -> None:
    lay_out(tmp_path)
    arguments = [*DISTURBED[:-1], "recipe.epochs=3", "store.keep_checkpoints=true"]
    done = ablate(tmp_path, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    for place in (tmp_path / "runs" / "disturbed").glob("part=*/*/checkpoints"):
        assert sorted(each.name for each in place.iterdir()) == ["000002", "000003"]
    assert len(list(tmp_path.rglob("checkpoints"))) == 4
