"""The command itself is killed, terminated or interrupted: the same command finishes the study."""

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
    workers_of,
)


def test_a_killed_command_leaves_no_orphans_and_loses_an_epoch_at_most(
    ablate: Command, undisturbed: Path, tmp_path: Path
) -> None:
    lay_out(tmp_path)
    for epochs in (1, 110):
        with started(tmp_path, *DISTURBED) as process:
            until(lambda least=epochs: epochs_of(tmp_path) >= least, f"{epochs} epochs")
            children = descendants(process)
            assert workers_of(process)
            process.kill()
            until(lambda those=children: gone(those), "the end of all children")
        assert epochs_of(tmp_path) < 4 * 40
        assert not list((tmp_path / "reports").rglob("*.*"))
    done = ablate(tmp_path, *DISTURBED)
    assert done.returncode == 0, done.stdout + done.stderr
    assert table(tmp_path) == table(undisturbed)
    # Every epoch was trained once: what was broken off in the middle of one had no line yet.
    assert epochs_of(tmp_path) == 4 * 40


def to_the_command(process: subprocess.Popen[str]) -> None:
    process.terminate()


def to_all_of_it(process: subprocess.Popen[str]) -> None:
    """As a scheduler does, which ends every process of a job."""
    os.killpg(process.pid, signal.SIGTERM)


def test_sigterm_saves_and_ends_soon(ablate: Command, undisturbed: Path, tmp_path: Path) -> None:
    lay_out(tmp_path)
    for epochs, send_sigterm in ((30, to_the_command), (90, to_all_of_it)):
        with started(tmp_path, *DISTURBED) as process:
            until(lambda least=epochs: epochs_of(tmp_path) >= least, f"{epochs} epochs")
            children = descendants(process)
            send_sigterm(process)
            sent = time.monotonic()
            output, _ = process.communicate()
            assert time.monotonic() - sent < 20
        assert process.returncode == 143, output
        assert "To go on:" in output
        assert "Traceback" not in output
        until(lambda those=children: gone(those), "the end of all children")
        results = [path.read_text() for path in (tmp_path / "runs").rglob("result.json")]
        assert any('"preempted"' in result for result in results)
    done = ablate(tmp_path, *DISTURBED)
    assert done.returncode == 0, done.stdout + done.stderr
    assert table(tmp_path) == table(undisturbed)
    assert any(event["event"] == "resumed" and event["epoch"] for event in events_of(tmp_path))


class Terminal:
    """The command in a terminal of its own, where Ctrl-C is typed."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._keys, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ablate", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "200"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(theirs)
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


def at_work(folder: Path, epochs: int) -> Terminal:
    terminal = Terminal(folder, *DISTURBED)
    until(lambda: terminal.ended() or epochs_of(folder) >= epochs, f"{epochs} epochs")
    assert terminal.process.poll() is None, terminal.shown
    return terminal


def test_the_first_ctrl_c_saves_reports_and_says_how_to_go_on(
    ablate: Command, undisturbed: Path, tmp_path: Path
) -> None:
    lay_out(tmp_path)
    terminal = at_work(tmp_path, 30)
    children = psutil.Process(terminal.process.pid).children(recursive=True)
    terminal.press_ctrl_c()
    until(terminal.ended, "the end of the command")
    terminal.close()
    assert terminal.process.returncode == 130, terminal.shown
    until(lambda: gone(children), "the end of all children")
    assert "Traceback" not in terminal.shown
    said = re.search(r"To go on:\s+(python -m ablate [^\r\n]+)", terminal.shown)
    assert said is not None, terminal.shown
    assert "study=disturbed" in said[1]
    runs = pd.read_csv(tmp_path / "reports" / "disturbed" / "runs.csv")
    assert set(runs["status"]) & {"preempted", "missing"}
    assert len(runs) == 4
    done = ablate(tmp_path, *DISTURBED)
    assert done.returncode == 0, done.stdout + done.stderr
    assert table(tmp_path) == table(undisturbed)


def test_the_second_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    lay_out(tmp_path)
    terminal = at_work(tmp_path, 10)
    children = psutil.Process(terminal.process.pid).children(recursive=True)
    terminal.press_ctrl_c()
    # The first one has worked when the runs that it broke off are committed.
    until(lambda: list((tmp_path / "runs").rglob("result.json")), "the first to work")
    terminal.press_ctrl_c()
    pressed = time.monotonic()
    until(terminal.ended, "the end of the command")
    assert time.monotonic() - pressed < 2
    terminal.close()
    assert terminal.process.returncode == 130, terminal.shown
    until(lambda: gone(children), "the end of all children")
    assert "Traceback" not in terminal.shown
    assert not (tmp_path / "reports" / "disturbed" / "index.html").exists()


def test_ctrl_c_before_training_is_no_traceback(tmp_path: Path) -> None:
    lay_out(tmp_path)
    terminal = Terminal(tmp_path, *DISTURBED)
    until(lambda: (tmp_path / "runs" / "disturbed" / "lock").exists(), "the plan to be made")
    terminal.press_ctrl_c()
    until(terminal.ended, "the end of the command")
    terminal.close()
    assert terminal.process.returncode == 130, terminal.shown
    assert "nothing that was finished is lost" in terminal.shown
    assert "Traceback" not in terminal.shown
