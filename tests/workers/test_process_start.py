"""Worker processes start where folders for sockets or the number of processes are limited."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ablate.errors import RequestError
from ablate.workers import processes
from ablate.workers.processes import spawn
from tests.conftest import ROOT


def use_as_temporary(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))


def test_the_socket_is_elsewhere_if_its_path_would_be_too_long(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    short = tempfile.mkdtemp(dir="/tmp")
    use_as_temporary(monkeypatch, Path(short))
    assert processes._socket_folder() == short
    os.rmdir(short)
    use_as_temporary(monkeypatch, tmp_path / ("x" * 150))
    assert processes._socket_folder() in processes.SOCKET_FOLDERS


def test_no_folder_for_a_socket_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_as_temporary(monkeypatch, tmp_path / ("x" * 150))
    monkeypatch.setattr(processes, "SOCKET_FOLDERS", ("/nowhere", "/proc"))
    with pytest.raises(RequestError, match=r"/nowhere, /proc; none can hold it\. Set TMPDIR"):
        processes.warm_up(tmp_path / "server.log")


def test_a_server_starts_whatever_the_length_of_the_folder(tmp_path: Path) -> None:
    """In a process of its own, since multiprocessing remembers the folder."""
    folder = tmp_path / ("x" * 150)
    folder.mkdir()
    program = (
        "import sys, pathlib\n"
        "from multiprocessing import forkserver\n"
        "from ablate.workers import processes\n"
        "processes.PRELOADED = ()\n"
        "processes.warm_up(pathlib.Path('server.log'))\n"
        "print(len(forkserver._forkserver._forkserver_address) < 108)\n"
        "import tempfile\n"
        "print(tempfile.gettempdir() == sys.argv[1])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["True", "True"], done.stderr


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(111, "Connection refused"),
        BlockingIOError(11, "Resource temporarily unavailable"),
        EOFError("unexpected EOF"),
        RuntimeError("can't start new thread"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_system_that_starts_no_process_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    attempts = []

    def refuse(self: object) -> None:
        attempts.append(self)
        raise error

    monkeypatch.setattr(processes.CONTEXT.Process, "start", refuse)
    monkeypatch.setattr(processes, "START_PAUSE_SECONDS", 0)
    monkeypatch.setattr(processes.resource, "getrlimit", lambda kind: (40, 40))
    with pytest.raises(RequestError, match=r"Expected to start a worker process; .*limited to 40 "):
        spawn(print)
    assert len(attempts) == processes.START_ATTEMPTS


def test_a_process_that_starts_at_the_second_attempt_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faults: list[Exception] = [ConnectionRefusedError()]

    def start(self: object) -> None:
        if faults:
            raise faults.pop()

    monkeypatch.setattr(processes.CONTEXT.Process, "start", start)
    monkeypatch.setattr(processes, "START_PAUSE_SECONDS", 0)
    assert spawn(print) is not None


def test_a_folder_that_holds_sockets_is_left_empty(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        assert processes._holds_sockets(str(folder))
        assert list(folder.iterdir()) == []
        assert not processes._holds_sockets(str(folder / "none"))
    finally:
        folder.rmdir()
