"""The lock of a study: one process holds it, and the lock of a dead holder is taken over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from pytest import param

from ablate.errors import RequestError
from ablate.store import lock
from ablate.store.lock import study_lock, worker_lock
from tests.conftest import ROOT

HOLDER = """
import sys, time
from pathlib import Path
from ablate.store.lock import {what}

with {what}(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def start_holder(study: Path, what: str = "study_lock") -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER.format(what=what), str(study)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_a_second_process_is_refused_and_the_first_is_named(tmp_path: Path) -> None:
    process = start_holder(tmp_path / "mine")
    with (
        pytest.raises(RequestError, match=f"trained by process {process.pid} on "),
        study_lock(tmp_path / "mine"),
    ):
        pass
    kill(process)


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each wait in this process is; they still happen."""
    sleep, seconds = time.sleep, []

    def record(duration: float) -> None:
        seconds.append(duration)
        sleep(duration)

    monkeypatch.setattr(time, "sleep", record)
    return seconds


def test_the_lock_of_a_killed_process_is_taken_over_at_once(
    tmp_path: Path, sleeps: list[float]
) -> None:
    kill(start_holder(tmp_path / "mine"))
    assert json.loads((tmp_path / "mine" / "lock").read_text())["pid"]
    with study_lock(tmp_path / "mine"):
        assert json.loads((tmp_path / "mine" / "lock").read_text())["pid"] == os.getpid()
    assert sleeps == []
    assert (tmp_path / "mine" / "lock").read_text() == ""


@pytest.mark.parametrize(
    ("changes", "waits"),
    [
        param({"boot": "before"}, False, id="this_machine_before_a_restart"),
        param({"host": "elsewhere", "boot": "other"}, True, id="another_machine"),
        param({"processes": "pid:[1]"}, True, id="another_container_with_the_same_name"),
    ],
)
def test_a_holder_without_a_heartbeat_is_dead(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sleeps: list[float],
    changes: dict[str, str],
    waits: bool,
) -> None:
    monkeypatch.setattr(lock, "HEARTBEAT_SECONDS", 0.1)
    write_lock_file(tmp_path / "mine", changes)
    with study_lock(tmp_path / "mine"):
        heartbeats = sleeps.count(0.1)
    assert (heartbeats >= lock.MISSED_HEARTBEATS) == bool(sleeps) == waits


def write_lock_file(study: Path, changes: dict[str, str]) -> Path:
    """The lock file of a holder that this machine's kernel does not know."""
    study.mkdir()
    holder = {**lock._machine(), "pid": 7, "token": "t", "command": "theirs", "beat": 3}
    (study / "lock").write_text(json.dumps({**holder, **changes}))
    return study / "lock"


def test_a_living_holder_on_another_machine_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "HEARTBEAT_SECONDS", 0.1)
    file = write_lock_file(tmp_path / "mine", {"host": "elsewhere", "boot": "other"})
    ended = threading.Event()
    content = json.loads(file.read_text())
    file.write_text(file.read_text()[:20])  # it is being written

    def beat() -> None:
        # A holder overwrites the content, so that the file is never empty.
        descriptor = os.open(file, os.O_RDWR)
        while not ended.wait(0.05):
            content["beat"] += 1
            os.pwrite(descriptor, json.dumps(content).encode(), 0)
        os.close(descriptor)

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        with (
            pytest.raises(RequestError, match="process 7 on elsewhere"),
            study_lock(tmp_path / "mine"),
        ):
            pass
    finally:
        ended.set()
        thread.join()


def test_the_heartbeat_counts_upwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "HEARTBEAT_SECONDS", 0.02)
    with study_lock(tmp_path / "mine"):
        end = time.monotonic() + 60
        beat = 0
        while beat < 3:
            assert time.monotonic() < end
            with (tmp_path / "mine" / "lock").open() as file:
                beat = lock._read_holder(file).get("beat", beat)
            time.sleep(0.01)


def test_workers_of_a_killed_command_are_awaited_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    process = start_holder(tmp_path / "mine", "worker_lock")
    monkeypatch.setattr(lock, "WORKER_EXIT_SECONDS", 0.3)
    with (
        pytest.raises(RequestError, match="Workers of an earlier command"),
        study_lock(tmp_path / "mine"),
    ):
        pass
    monkeypatch.setattr(lock, "WORKER_EXIT_SECONDS", 20.0)
    threading.Timer(0.5, lambda: process.send_signal(signal.SIGKILL)).start()
    with study_lock(tmp_path / "mine"):
        assert process.wait() == -signal.SIGKILL
    kill(process)


def test_workers_do_not_exclude_each_other(tmp_path: Path) -> None:
    with worker_lock(tmp_path), worker_lock(tmp_path):
        pass
