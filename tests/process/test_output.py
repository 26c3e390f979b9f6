"""A command whose output cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest import param

from tests.conftest import ROOT

PROGRAM = """
import sys
from pathlib import Path
from rich.console import Console
from ablate.process.entry import run

def command():
    console = Console()
    for number in range(5000):
        print("a line that no one reads", number)
        console.print("another one", number)
        print("a warning", number, file=sys.stderr)
    Path(sys.argv[1]).write_text("all of it was done")
    raise SystemExit(1)

run(lambda: command)
"""


def closed_pipe() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def hung_up_terminal() -> int:
    keys, terminal = os.openpty()
    os.close(keys)
    return terminal


def full_disk() -> int:
    return os.open("/dev/full", os.O_WRONLY)


@pytest.mark.parametrize("output", [closed_pipe, hung_up_terminal, full_disk])
def test_output_that_cannot_be_written_ends_no_command(output, tmp_path: Path) -> None:
    descriptor = output()
    words = [sys.executable, "-c", PROGRAM, str(tmp_path / "done")]
    done = subprocess.run(words, cwd=ROOT, stdout=descriptor, stderr=descriptor, check=False)
    os.close(descriptor)

    assert done.returncode == 1
    assert (tmp_path / "done").read_text() == "all of it was done"


def test_a_reader_that_leaves_gets_what_it_has_read(tmp_path: Path) -> None:
    words = [sys.executable, "-c", PROGRAM, str(tmp_path / "done")]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as done:
        assert done.stdout is not None
        assert done.stderr is not None
        assert done.stdout.readline() == b"a line that no one reads 0\n"
        done.stdout.close()
        assert done.stderr.read().count(b"a warning") == 5000
    assert done.returncode == 1
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize("redirection", [param(">&-", id="output"), param(">&- 2>&-", id="both")])
def test_a_command_without_output_writes_into_no_file_of_its_own(
    redirection: str, tmp_path: Path
) -> None:
    line = f'exec "$0" -c "$1" "$2" {redirection}'
    words = ["sh", "-c", line, sys.executable, PROGRAM, str(tmp_path / "done")]
    done = subprocess.run(words, cwd=ROOT, stderr=subprocess.DEVNULL, check=False)

    assert done.returncode == 1
    assert (tmp_path / "done").read_text() == "all of it was done"
