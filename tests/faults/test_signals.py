"""Signals and closed pipes at moments that other tests do not reach; nothing is really trained.

`benchmarks/signals` sends signals at random moments; see the results there.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pandas as pd
import pytest
from pytest import param

from benchmarks.signals.__main__ import RUNS, STUDY, catches_signals, new_folder
from tests.faults.interruption import start_command, wait_for

STOPPED = "ablate: Stopped. Finished runs are saved."
COMMAND = "benchmarks.signals.life"
"""The command, with a stand-in for training."""


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
    with start_command(tmp_path, *arguments, module=module) as process:
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
    with start_command(folder, *STUDY, module=COMMAND) as process:
        wait_for(lambda: results(folder), "the first result")
        os.killpg(process.pid, signal.SIGHUP)
        output, _ = process.communicate()
    assert process.returncode == 143, output
    assert "To resume:" in output
    assert "Traceback" not in output
    with start_command(folder, *STUDY, module=COMMAND) as process:
        output, _ = process.communicate()
    assert process.returncode == 0, output
    assert len(results(folder)) == RUNS


def test_a_closed_pipe_does_not_stop_a_study(tmp_path: Path) -> None:
    folder = new_folder(tmp_path / "folder", None)
    with start_command(folder, *STUDY, module=COMMAND) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Study two")
        process.stdout.close()
        process.wait()
    assert process.returncode == 0
    runs = pd.read_csv(folder / "reports" / "two" / "runs.csv")
    assert list(runs["status"]) == ["complete"] * RUNS
