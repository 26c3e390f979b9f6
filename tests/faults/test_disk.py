"""A disk that is full, read-only or too small: refused early if possible, and nothing is lost."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ablate.errors import RequestError
from ablate.store.disk import check_disk_space
from tests.conftest import ROOT, Command
from tests.faults.interruption import (
    FOUR_RUNS,
    all_ended,
    child_processes,
    comparable_runs,
    count_epochs,
    start_command,
    wait_for,
    write_study_files,
)


@contextlib.contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    """A separate file system in memory; needs the permission to mount."""
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"no mount here: {error}")
    if done.returncode:
        pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def fill(disk: Path) -> Path:
    """Write a file that leaves no byte free."""
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    return filler


def test_a_disk_that_is_too_small_is_refused_before_training(
    ablate: Command, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "6m") as disk:
        write_study_files(disk)
        answer = ablate(disk, *FOUR_RUNS)
        assert answer.returncode == 2, answer.stdout + answer.stderr
        assert "MB free on the disk that holds runs/interrupted; found" in answer.stderr
        assert len(answer.stderr.splitlines()) == 1
        assert count_epochs(disk) == 0


def test_a_read_only_folder_is_refused_before_training(ablate: Command, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "60m") as disk:
        write_study_files(disk)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        answer = ablate(disk, *FOUR_RUNS, PYTHONDONTWRITEBYTECODE="1")
        assert answer.returncode == 2, answer.stdout + answer.stderr
        assert "Expected to write in runs/interrupted; Read-only file system" in answer.stderr
        assert len(answer.stderr.splitlines()) == 1


def test_an_unwritable_report_folder_is_refused_before_training(
    ablate: Command, tmp_path: Path
) -> None:
    write_study_files(tmp_path)
    (tmp_path / "reports").write_text("in the way of the folder")
    answer = ablate(tmp_path, *FOUR_RUNS)
    assert answer.returncode == 2, answer.stdout + answer.stderr
    assert "Expected to write in reports/interrupted" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert count_epochs(tmp_path) == 0


def test_a_study_stops_on_a_full_disk_and_is_resumed_afterwards(
    ablate: Command, uninterrupted: Path, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "60m") as disk:
        write_study_files(disk)
        with start_command(disk, *FOUR_RUNS) as process:
            wait_for(lambda: count_epochs(disk) >= 20, "twenty epochs")
            children = child_processes(process)
            filler = fill(disk)
            output, _ = process.communicate()
        assert process.returncode == 1, output
        assert "Cannot write to the disk that holds runs/interrupted: it is full" in output
        assert "then resume:" in output
        assert "Traceback" not in output
        wait_for(lambda: all_ended(children), "the end of all children")
        before = count_epochs(disk)
        assert before >= 20
        filler.unlink()
        done = ablate(disk, *FOUR_RUNS)
        assert done.returncode == 0, done.stdout + done.stderr
        assert comparable_runs(disk) == comparable_runs(uninterrupted)
        assert count_epochs(disk) >= 4 * 40


LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), resource.RLIM_INFINITY))
sys.argv[0] = "ablate"
runpy.run_module("ablate", run_name="__main__")
"""


def test_a_limit_on_file_sizes_is_reported(
    ablate: Command, uninterrupted: Path, tmp_path: Path
) -> None:
    # The images are cached in files of up to 69 kB before the first run starts.
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    write_study_files(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "50000", *FOUR_RUNS],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (1, 2), done.stdout + done.stderr
    assert "a file would be larger than is allowed" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    again = ablate(tmp_path, *FOUR_RUNS)
    assert again.returncode == 0, again.stdout + again.stderr
    assert comparable_runs(tmp_path) == comparable_runs(uninterrupted)


def test_disk_space_is_checked_before_anything_is_written(tmp_path: Path) -> None:
    check_disk_space(tmp_path / "runs", needed=1)
    with pytest.raises(RequestError, match="MB free on the disk that holds"):
        check_disk_space(tmp_path / "runs", needed=10**18)
    assert list((tmp_path / "runs").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match="Expected to write in"):
        check_disk_space(tmp_path / "file")


def test_the_check_of_a_disk_writes_through_no_link(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / f".probe.{os.getpid()}").symlink_to(tmp_path / "precious")
    check_disk_space(tmp_path / "runs")
    assert (tmp_path / "precious").read_text() == "precious"
    assert list((tmp_path / "runs").iterdir()) == []
