"""A disk that is full, read-only or too small: refused where foreseeable, and nothing lost."""

from __future__ import annotations

import contextlib
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ablate.errors import RequestError
from ablate.store.disk import check_disk_space
from tests.conftest import Command
from tests.faults.disturbed import (
    DISTURBED,
    descendants,
    epochs_of,
    gone,
    lay_out,
    started,
    table,
    until,
)


@contextlib.contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    """A file system of its own in memory; needs the right to mount."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"no mount here: {error}")
    if done.returncode:
        pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path) -> Path:
    """A file that leaves no byte free."""
    filler = place / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    return filler


def test_a_disk_that_is_too_small_is_refused_before_training(
    ablate: Command, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "6m") as disk:
        lay_out(disk)
        answer = ablate(disk, *DISTURBED)
        assert answer.returncode == 2, answer.stdout + answer.stderr
        assert "MB free on the disk that holds runs/disturbed; found" in answer.stderr
        assert len(answer.stderr.splitlines()) == 1
        assert epochs_of(disk) == 0


def test_a_read_only_folder_is_refused_before_training(ablate: Command, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "60m") as disk:
        lay_out(disk)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        answer = ablate(disk, *DISTURBED, PYTHONDONTWRITEBYTECODE="1")
        assert answer.returncode == 2, answer.stdout + answer.stderr
        assert "Expected to write in runs/disturbed; Read-only file system" in answer.stderr
        assert len(answer.stderr.splitlines()) == 1


def test_reports_that_could_not_be_written_are_refused_before_training(
    ablate: Command, tmp_path: Path
) -> None:
    lay_out(tmp_path)
    (tmp_path / "reports").write_text("in the way of the folder")
    answer = ablate(tmp_path, *DISTURBED)
    assert answer.returncode == 2, answer.stdout + answer.stderr
    assert "Expected to write in reports/disturbed" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert epochs_of(tmp_path) == 0


def test_a_disk_that_fills_up_stops_the_study_which_goes_on_afterwards(
    ablate: Command, undisturbed: Path, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "60m") as disk:
        lay_out(disk)
        with started(disk, *DISTURBED) as process:
            until(lambda: epochs_of(disk) >= 20, "twenty epochs")
            children = descendants(process)
            filler = fill(disk)
            output, _ = process.communicate()
        assert process.returncode == 1, output
        assert "Cannot write to the disk that holds runs/disturbed: it is full" in output
        assert "then resume:" in output
        assert "Traceback" not in output
        until(lambda: gone(children), "the end of all children")
        before = epochs_of(disk)
        assert before >= 20
        filler.unlink()
        done = ablate(disk, *DISTURBED)
        assert done.returncode == 0, done.stdout + done.stderr
        assert table(disk) == table(undisturbed)
        assert epochs_of(disk) >= 4 * 40


LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), resource.RLIM_INFINITY))
sys.argv[0] = "ablate"
runpy.run_module("ablate", run_name="__main__")
"""


def test_a_limit_on_the_size_of_files_is_told_as_such(
    ablate: Command, undisturbed: Path, tmp_path: Path
) -> None:
    # The images are frozen in files of up to 69 kB, before the first run begins.
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    lay_out(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "50000", *DISTURBED],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (1, 2), done.stdout + done.stderr
    assert "a file would be larger than is allowed" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    again = ablate(tmp_path, *DISTURBED)
    assert again.returncode == 0, again.stdout + again.stderr
    assert table(tmp_path) == table(undisturbed)


def test_room_is_looked_for_before_anything_is_written(tmp_path: Path) -> None:
    check_disk_space(tmp_path / "runs", needed=1)
    with pytest.raises(RequestError, match="MB free on the disk that holds"):
        check_disk_space(tmp_path / "runs", needed=10**18)
    assert list((tmp_path / "runs").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match="Expected to write in"):
        check_disk_space(tmp_path / "file")
