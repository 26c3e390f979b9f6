"""A command whose output cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest import param

from ablate.process.output import console
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


SHOWN = """
import sys
from rich.console import Console
from rich.table import Table
from ablate.process.entry import run

def command():
    text = "97.5\\u00a0%, \\u22125 \\u2026 caf\\u00e9 \\u6f22 \\udcff"
    print(text)
    print(text, file=sys.stderr)
    table = Table("a heading that does not fit into so few columns")
    table.add_row("x" * 100)
    Console(width=20).print(table)

run(lambda: command)
"""


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        param("ascii", b"97.5 %, -5 ... caf\\xe9 \\u6f22 \\udcff\n", id="ascii"),
        param("latin-1", b"97.5\xa0%, -5 ... caf\xe9 \\u6f22 \\udcff\n", id="western_europe"),
        param(
            "utf-8",
            "97.5\u00a0%, \u22125 \u2026 caf\u00e9 \u6f22 \\udcff\n".encode(),
            id="file_name_that_is_no_text",
        ),
    ],
)
def test_any_text_can_be_printed(encoding: str, expected: bytes) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(
        [sys.executable, "-c", SHOWN], cwd=ROOT, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == expected
    assert done.stdout.startswith(expected)
    assert b"xxx" in done.stdout


def test_a_pipe_is_no_terminal_even_where_colours_are_forced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    for stderr in (False, True):
        pipe = console(stderr=stderr)
        assert not pipe.is_terminal
        pipe.print("[bold]plain[/bold]")
    assert capsys.readouterr() == ("plain\n", "plain\n")


def test_a_machine_without_shared_memory_gives_no_warning() -> None:
    program = """
import _multiprocessing
from ablate.process.entry import run

def refuse(*arguments, **options):
    raise OSError(38, "Function not implemented")

_multiprocessing.SemLock = refuse

def command():
    import joblib
    assert joblib._multiprocessing_helpers.mp is None

run(lambda: command)
"""
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
