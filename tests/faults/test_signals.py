"""Signals and closed pipes at moments that other tests do not reach; nothing is really trained.

`benchmarks/signals` sends signals at random moments; see the results there.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from pytest import param

from benchmarks.signals.__main__ import RUNS, STUDY, catches_signals, new_folder
from tests.conftest import ROOT
from tests.faults.interruption import wait_for

STOPPED = "ablate: Stopped. Finished runs are saved."
COMMAND = ("benchmarks.signals.life", *STUDY)
"""A study of four runs, trained by a stand-in."""


@contextlib.contextmanager
def start(folder: Path, module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start a command in a session of its own; it is killed at the end if it still runs."""
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        param("ablate", ("--multirun",), id="study"),
        param("ablate.report", ("study=xyz",), id="report"),
        param("ablate.sync", ("study=xyz",), id="sync"),
    ],
)
def test_ctrl_c_during_the_imports_prints_one_line(
    module: str, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    with start(tmp_path, module, *arguments) as process:
        wait_for(lambda: catches_signals(process.pid), "the first line of the program")
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate()
    assert process.returncode == 130
    assert output.splitlines() == [STOPPED]
    assert list(tmp_path.iterdir()) == []


def results(folder: Path) -> list[str]:
    return [path.read_text() for path in (folder / "runs").rglob("result.json")]


def test_a_terminal_that_closes_saves_what_is_finished(tmp_path: Path) -> None:
    folder = new_folder(tmp_path / "folder", None)
    with start(folder, *COMMAND) as process:
        wait_for(lambda: results(folder), "the first result")
        os.killpg(process.pid, signal.SIGHUP)
        output, _ = process.communicate()
    assert process.returncode == 143, output
    assert "To resume:" in output
    assert "Traceback" not in output
    with start(folder, *COMMAND) as process:
        output, _ = process.communicate()
    assert process.returncode == 0, output
    assert len(results(folder)) == RUNS


def test_a_closed_pipe_does_not_stop_a_study(tmp_path: Path) -> None:
    folder = new_folder(tmp_path / "folder", None)
    with start(folder, *COMMAND) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Study two")
        process.stdout.close()
        process.wait()
    assert process.returncode == 0
    runs = pd.read_csv(folder / "reports" / "two" / "runs.csv")
    assert list(runs["status"]) == ["complete"] * RUNS
