"""Jobs of any launcher end when the command that launched them does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pytest
from pytest import param

from ablate.errors import RequestError
from ablate.store import launched
from ablate.store.launched import FILE, exit_with_launcher, launch_file
from ablate.store.lock import Holder, parse_holder
from tests.conftest import ROOT

JOB = """
import sys, time
from pathlib import Path
from ablate.store.launched import exit_with_launcher
with exit_with_launcher(Path.cwd()) as in_own_process:
    print(in_own_process, flush=True)
    time.sleep(100)
"""
COMMAND = """
import sys, time
from pathlib import Path
from ablate.store.launched import launch_file
with launch_file(Path.cwd()):
    print("launched", flush=True)
    time.sleep(100)
"""


@contextmanager
def start(program: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a program until it has printed a line, and to the end of the block at most."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() != ""
            yield process
        finally:
            process.kill()


def write_launch(folder: Path, **changes: object) -> None:
    (folder / FILE).write_text(json.dumps({**asdict(Holder.here()), **changes}))


def test_a_job_in_the_process_of_its_command_stays(tmp_path: Path) -> None:
    with launch_file(tmp_path), exit_with_launcher(tmp_path) as in_own_process:
        assert not in_own_process
    assert not (tmp_path / FILE).exists()


def test_a_job_exits_when_the_launch_ends(tmp_path: Path) -> None:
    with launch_file(tmp_path), start(JOB, tmp_path) as job:
        (tmp_path / FILE).unlink()
        assert job.wait(60) == 1


def test_a_job_exits_when_another_command_launches(tmp_path: Path) -> None:
    with launch_file(tmp_path), start(JOB, tmp_path) as job:
        write_launch(tmp_path, token="second")
        assert job.wait(60) == 1


def test_a_job_exits_when_its_command_is_killed(tmp_path: Path) -> None:
    with start(COMMAND, tmp_path) as command, start(JOB, tmp_path) as job:
        command.kill()  # not waited for: a zombie is no living command
        assert job.wait(60) == 1
    assert (tmp_path / FILE).exists()
    with pytest.raises(RequestError, match="it has ended"), exit_with_launcher(tmp_path):
        pass


@pytest.mark.parametrize(
    "content",
    [
        param(None, id="no_file"),
        param("", id="empty"),
        param("[" * 100_000, id="brackets"),
    ],
)
def test_a_job_without_a_command_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / FILE).write_text(content)
    with pytest.raises(RequestError, match="Run it again"), exit_with_launcher(tmp_path):
        pass


def test_a_job_on_another_machine_follows_the_heartbeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_launch(tmp_path, host="elsewhere")
    launcher = parse_holder(tmp_path / FILE)
    assert launcher is not None
    launch = launched._Launch(tmp_path, launcher)
    now = [0.0]
    monkeypatch.setattr(launched.time, "monotonic", lambda: now[0])
    launch._last_heartbeat = 0.0
    for beat in range(3):
        (tmp_path / "lock").write_text(json.dumps({**asdict(launcher), "beat": beat}))
        now[0] += 0.9 * launched.SILENT_SECONDS
        assert not launch.has_ended()
    now[0] += 1.1 * launched.SILENT_SECONDS
    assert launch.has_ended()
