"""The command itself is killed, terminated or interrupted: the same command resumes the study."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil

from tests.conftest import ROOT, Command
from tests.faults.interruption import (
    FOUR_RUNS,
    all_ended,
    child_processes,
    comparable_runs,
    count_epochs,
    read_events,
    start_command,
    wait_for,
    worker_processes,
    write_study_files,
)


def test_a_killed_command_leaves_no_processes_and_loses_no_finished_epoch(
    ablate: Command, uninterrupted: Path, tmp_path: Path
) -> None:
    write_study_files(tmp_path)
    for epochs in (1, 110):
        with start_command(tmp_path, *FOUR_RUNS) as process:
            wait_for(lambda least=epochs: count_epochs(tmp_path) >= least, f"{epochs} epochs")
            children = child_processes(process)
            assert worker_processes(process)
            process.kill()
            wait_for(lambda processes=children: all_ended(processes), "the end of all children")
        assert count_epochs(tmp_path) < 4 * 40
        assert not list((tmp_path / "reports").rglob("*.*"))
    done = ablate(tmp_path, *FOUR_RUNS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert comparable_runs(tmp_path) == comparable_runs(uninterrupted)
    # Every epoch was recorded once: an epoch that was interrupted had no journal line yet.
    assert count_epochs(tmp_path) == 4 * 40


def terminate_command(process: subprocess.Popen[str]) -> None:
    process.terminate()


def terminate_all(process: subprocess.Popen[str]) -> None:
    """Terminate every process of the command, as a job scheduler does."""
    os.killpg(process.pid, signal.SIGTERM)


def test_sigterm_saves_and_exits_soon(ablate: Command, uninterrupted: Path, tmp_path: Path) -> None:
    write_study_files(tmp_path)
    for epochs, send_sigterm in ((30, terminate_command), (90, terminate_all)):
        with start_command(tmp_path, *FOUR_RUNS) as process:
            wait_for(lambda least=epochs: count_epochs(tmp_path) >= least, f"{epochs} epochs")
            children = child_processes(process)
            send_sigterm(process)
            sent = time.monotonic()
            output, _ = process.communicate()
            assert time.monotonic() - sent < 20
        assert process.returncode == 143, output
        assert "To resume:" in output
        assert "Traceback" not in output
        wait_for(lambda processes=children: all_ended(processes), "the end of all children")
        results = [path.read_text() for path in (tmp_path / "runs").rglob("result.json")]
        assert any('"preempted"' in result for result in results)
    done = ablate(tmp_path, *FOUR_RUNS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert comparable_runs(tmp_path) == comparable_runs(uninterrupted)
    assert any(event["event"] == "resumed" and event["epoch"] for event in read_events(tmp_path))


class Terminal:
    """The command in a terminal of its own, in which Ctrl-C can be pressed."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._keys, terminal = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ablate", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "200"},
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(terminal)
        self.shown = ""
        os.set_blocking(self._keys, False)

    def press_ctrl_c(self) -> None:
        os.write(self._keys, b"\x03")

    def ended(self) -> bool:
        self._read()
        return self.process.poll() is not None

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._read()
        os.close(self._keys)

    def _read(self) -> None:
        try:
            while content := os.read(self._keys, 65536):
                self.shown += content.decode(errors="replace")
        except (BlockingIOError, OSError):
            return


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def start_in_terminal(folder: Path, *, epochs: int) -> Terminal:
    """Start the study and wait until some epochs have been trained."""
    terminal = Terminal(folder, *FOUR_RUNS)
    wait_for(lambda: terminal.ended() or count_epochs(folder) >= epochs, f"{epochs} epochs")
    assert terminal.process.poll() is None, terminal.shown
    return terminal


def test_the_first_ctrl_c_saves_and_prints_how_to_resume(
    ablate: Command, uninterrupted: Path, tmp_path: Path
) -> None:
    write_study_files(tmp_path)
    terminal = start_in_terminal(tmp_path, epochs=30)
    children = psutil.Process(terminal.process.pid).children(recursive=True)
    terminal.press_ctrl_c()
    wait_for(terminal.ended, "the end of the command")
    terminal.close()
    assert terminal.process.returncode == 130, terminal.shown
    wait_for(lambda: all_ended(children), "the end of all children")
    assert "Traceback" not in terminal.shown
    hint = re.search(r"To resume:\s+(python -m ablate [^\r\n]+)", terminal.shown)
    assert hint is not None, terminal.shown
    assert "study=interrupted" in hint[1]
    runs = pd.read_csv(tmp_path / "reports" / "interrupted" / "runs.csv")
    assert set(runs["status"]) & {"preempted", "missing"}
    assert len(runs) == 4
    done = ablate(tmp_path, *FOUR_RUNS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert comparable_runs(tmp_path) == comparable_runs(uninterrupted)


def test_the_second_ctrl_c_exits_immediately(tmp_path: Path) -> None:
    write_study_files(tmp_path)
    terminal = start_in_terminal(tmp_path, epochs=10)
    children = psutil.Process(terminal.process.pid).children(recursive=True)
    terminal.press_ctrl_c()
    # The first one has taken effect when the interrupted runs are committed.
    wait_for(lambda: list((tmp_path / "runs").rglob("result.json")), "the first Ctrl-C")
    terminal.press_ctrl_c()
    pressed = time.monotonic()
    wait_for(terminal.ended, "the end of the command")
    assert time.monotonic() - pressed < 2
    terminal.close()
    assert terminal.process.returncode == 130, terminal.shown
    wait_for(lambda: all_ended(children), "the end of all children")
    assert "Traceback" not in terminal.shown
    assert not (tmp_path / "reports" / "interrupted" / "index.html").exists()


def test_ctrl_c_before_training_prints_no_traceback(tmp_path: Path) -> None:
    write_study_files(tmp_path)
    terminal = Terminal(tmp_path, *FOUR_RUNS)
    wait_for(lambda: (tmp_path / "runs" / "interrupted" / "lock").exists(), "the start of planning")
    terminal.press_ctrl_c()
    wait_for(terminal.ended, "the end of the command")
    terminal.close()
    assert terminal.process.returncode == 130, terminal.shown
    assert "Finished runs are saved" in terminal.shown
    assert "Traceback" not in terminal.shown
