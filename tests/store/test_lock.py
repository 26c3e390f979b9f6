"""One process at a time trains a study; a lock whose holder is dead is taken over."""

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

HOLD = """
import sys, time
from pathlib import Path
from ablate.store.lock import {what}

with {what}(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def holding(study: Path, what: str = "study_lock") -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(what=what), str(study)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_a_second_process_is_refused_by_the_name_of_the_first(tmp_path: Path) -> None:
    process = holding(tmp_path / "mine")
    with (
        pytest.raises(RequestError, match=f"trained by process {process.pid} on "),
        study_lock(tmp_path / "mine"),
    ):
        pass
    end(process)


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    end(holding(tmp_path / "mine"))
    assert json.loads((tmp_path / "mine" / "lock").read_text())["pid"]
    started = time.monotonic()
    with study_lock(tmp_path / "mine"):
        assert json.loads((tmp_path / "mine" / "lock").read_text())["pid"] == os.getpid()
    assert time.monotonic() - started < 1
    assert (tmp_path / "mine" / "lock").read_text() == ""


@pytest.mark.parametrize(
    ("changes", "waits"),
    [
        param({"boot": "before"}, False, id="this_machine_before_it_was_started_again"),
        param({"host": "elsewhere", "boot": "other"}, True, id="another_machine"),
        param({"processes": "pid:[1]"}, True, id="another_container_of_the_same_name"),
    ],
)
def test_a_holder_without_a_heartbeat_is_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], waits: bool
) -> None:
    monkeypatch.setattr(lock, "HEARTBEAT_SECONDS", 0.1)
    left(tmp_path / "mine", changes)
    sleep, slept = time.sleep, []

    def sleeping(seconds: float) -> None:
        slept.append(seconds)
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", sleeping)
    started = time.monotonic()
    with study_lock(tmp_path / "mine"):
        taken = time.monotonic() - started
    assert (len(slept) >= lock.MISSED_HEARTBEATS) == bool(slept) == waits
    assert taken >= 0.1 * lock.MISSED_HEARTBEATS or not waits


def left(study: Path, changes: dict[str, str]) -> Path:
    """What a holder left that this machine's kernel knows nothing of."""
    study.mkdir()
    holder = {**lock._machine(), "pid": 7, "token": "t", "command": "theirs", "beat": 3}
    (study / "lock").write_text(json.dumps({**holder, **changes}))
    return study / "lock"


def test_a_holder_on_another_machine_whose_heart_beats_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "HEARTBEAT_SECONDS", 0.1)
    file = left(tmp_path / "mine", {"host": "elsewhere", "boot": "other"})
    over = threading.Event()
    content = json.loads(file.read_text())
    file.write_text(file.read_text()[:20])  # it is just being written

    def beat() -> None:
        # As a holder writes: over what is there, so that the file is never empty.
        descriptor = os.open(file, os.O_RDWR)
        while not over.wait(0.05):
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
        over.set()
        thread.join()


def test_the_heart_beats_without_a_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "HEARTBEAT_SECONDS", 0.02)
    with study_lock(tmp_path / "mine"):
        until = time.monotonic() + 5
        beat = 0
        while beat < 3:
            assert time.monotonic() < until
            with (tmp_path / "mine" / "lock").open() as file:
                beat = lock._read_holder(file).get("beat", beat)
            time.sleep(0.01)


def test_orphaned_workers_are_waited_for_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    process = holding(tmp_path / "mine", "worker_lock")
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
    end(process)


def test_workers_do_not_exclude_each_other(tmp_path: Path) -> None:
    with worker_lock(tmp_path), worker_lock(tmp_path):
        pass
