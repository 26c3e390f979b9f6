"""The lock of a study: one process holds it, and the lock of a dead holder is taken over."""

from __future__ import annotations

import dataclasses
import errno
import fcntl
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest import param

from ablate.errors import RequestError
from ablate.process import stop
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
    sleep, seconds = stop.sleep, []

    def record(duration: float) -> None:
        seconds.append(duration)
        sleep(duration)

    monkeypatch.setattr(stop, "sleep", record)
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
    holder = {**lock.machine(), "pid": 7, "token": "t", "command": "theirs", "beat": 3}
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
            if holder := lock._read_holder(tmp_path / "mine" / "lock"):
                beat = holder.beat
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


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heartbeats every few milliseconds."""
    monkeypatch.setattr(lock, "HEARTBEAT_SECONDS", 0.02)
    monkeypatch.setattr(lock, "READ_SECONDS", 0.001)


def refuse_locks(monkeypatch: pytest.MonkeyPatch, number: int, *, of_folders: bool = False) -> None:
    """Let the kernel refuse to lock files, or folders only, as some file systems do."""
    flock = fcntl.flock

    def refuse(descriptor: int, operation: int) -> None:
        if not of_folders or stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", refuse)


NO_LOCKS = [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP]


def is_refused(study: Path) -> bool:
    """Whether a command is refused because another one, which it names, holds the lock."""
    try:
        with study_lock(study):
            return False
    except RequestError as error:
        return f"process {os.getpid()} on " in str(error)


@pytest.mark.parametrize("number", NO_LOCKS, ids=errno.errorcode.get)
def test_without_locks_of_the_kernel_a_second_command_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fast: None, number: int
) -> None:
    refuse_locks(monkeypatch, number)
    with study_lock(tmp_path / "mine"):
        assert is_refused(tmp_path / "mine")
    assert not is_refused(tmp_path / "mine")


def test_without_locks_of_the_kernel_a_dead_holder_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fast: None
) -> None:
    kill(start_holder(tmp_path / "mine"))
    refuse_locks(monkeypatch, errno.ENOLCK)
    assert not is_refused(tmp_path / "mine")


def test_another_process_with_the_number_of_a_dead_holder_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fast: None
) -> None:
    refuse_locks(monkeypatch, errno.ENOLCK)
    write_lock_file(tmp_path / "mine", {"pid": os.getpid(), "started": "1"})
    assert not is_refused(tmp_path / "mine")


def test_without_locks_and_starting_times_the_heartbeat_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fast: None, sleeps: list[float]
) -> None:
    refuse_locks(monkeypatch, errno.ENOLCK)
    write_lock_file(tmp_path / "mine", {"pid": os.getpid()})
    assert not is_refused(tmp_path / "mine")
    assert sleeps.count(0.02) == lock.MISSED_HEARTBEATS


def test_of_two_that_take_over_at_once_the_last_remains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fast: None
) -> None:
    refuse_locks(monkeypatch, errno.ENOLCK)
    sleep = stop.sleep

    def write_other_name(seconds: float) -> None:
        (tmp_path / "mine" / "lock").write_text(
            json.dumps({**dataclasses.asdict(lock.Holder.here()), "token": "other"})
        )
        sleep(seconds)

    monkeypatch.setattr(stop, "sleep", write_other_name)
    assert is_refused(tmp_path / "mine")


def replace_with_a_copy(path: Path) -> None:
    copy = path.with_name("copy")
    copy.write_text(path.read_text())
    copy.replace(path)


def replace_with_an_empty_file(path: Path) -> None:
    path.unlink()
    path.touch()


@pytest.mark.parametrize("replace", [Path.unlink, replace_with_a_copy, replace_with_an_empty_file])
def test_a_lock_file_that_is_deleted_or_replaced_still_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replace: Callable[[Path], None]
) -> None:
    monkeypatch.setattr(lock, "HEARTBEAT_SECONDS", 3600.0)  # the holder has not noticed it yet
    monkeypatch.setattr(lock, "READ_SECONDS", 0.001)
    with study_lock(tmp_path / "mine"):
        replace(tmp_path / "mine" / "lock")
        with (
            pytest.raises(RequestError, match="is being trained by"),
            study_lock(tmp_path / "mine"),
        ):
            pass


@pytest.mark.parametrize("replace", [Path.unlink, replace_with_a_copy, replace_with_an_empty_file])
@pytest.mark.parametrize("number", [None, errno.EBADF, errno.ENOLCK])
def test_the_holder_writes_its_lock_file_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fast: None,
    replace: Callable[[Path], None],
    number: int | None,
) -> None:
    if number is not None:
        refuse_locks(monkeypatch, number, of_folders=number == errno.EBADF)
    path = tmp_path / "mine" / "lock"
    with study_lock(tmp_path / "mine"):
        token = json.loads(path.read_text())["token"]
        replace(path)
        end = time.monotonic() + 60
        while (now := lock.parse_holder(path)) is None or now.token != token or now.beat < 1:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert is_refused(tmp_path / "mine")
    assert path.read_text() == ""


def test_a_newcomer_gives_way_to_the_holder_of_a_deleted_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fast: None
) -> None:
    refuse_locks(monkeypatch, errno.EBADF, of_folders=True)
    with study_lock(tmp_path / "mine"):
        (tmp_path / "mine" / "lock").unlink()
        assert is_refused(tmp_path / "mine")


TAKEN_OVER = """
import sys, time
from pathlib import Path
from ablate.store import lock

lock.HEARTBEAT_SECONDS = 0.02
with lock.study_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_holder_that_was_replaced_ends_at_once(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", TAKEN_OVER, str(tmp_path / "mine")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    other = {**dataclasses.asdict(lock.Holder.here()), "host": "elsewhere", "token": "other"}
    # Written as a holder does, again and again: the first one may write at the same time.
    with (tmp_path / "mine" / "lock").open("r+b", buffering=0) as file:
        while process.poll() is None:
            os.pwrite(file.fileno(), json.dumps(other).encode() + b"\n" + b" " * 500, 0)
    _, error = process.communicate()
    assert process.returncode == lock.LOST_EXIT
    assert f"process {os.getpid()} on elsewhere" in error
    assert len(error.splitlines()) == 1


def put_link(path: Path) -> None:
    path.with_name("precious").write_text("precious")
    path.symlink_to("precious")


@pytest.mark.parametrize("name", ["lock", "workers"])
@pytest.mark.parametrize(
    ("put", "kind"), [(Path.mkdir, "folder"), (os.mkfifo, "pipe"), (put_link, "link")]
)
def test_what_is_no_lock_file_is_refused_and_stays(
    tmp_path: Path, fast: None, put: Callable[[Path], None], kind: str, name: str
) -> None:
    put(tmp_path / name)
    with (
        pytest.raises(RequestError, match=f"{name} is damaged: expected a file; found a {kind}. "),
        study_lock(tmp_path),
    ):
        pass
    assert kind != "link" or (tmp_path / "precious").read_text() == "precious"


@pytest.mark.parametrize(
    "content",
    [
        param(b"[" * 200_000, id="brackets"),
        param(b"\xff\xfe", id="no_utf8"),
        param(b"[]", id="a_list"),
        param(b'{"host": [], "pid": "seven"}', id="wrong_types"),
        param(b"\0" * 2_000_000, id="large"),
    ],
)
def test_a_lock_file_that_names_no_one_is_taken(tmp_path: Path, fast: None, content: bytes) -> None:
    (tmp_path / "lock").write_bytes(content)
    with study_lock(tmp_path):
        assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()


def test_a_command_that_is_stopped_while_it_waits_leaves_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fast: None
) -> None:
    refuse_locks(monkeypatch, errno.ENOLCK)

    def be_stopped(seconds: float) -> None:
        raise stop.StopError(stop.INTERRUPTED)

    monkeypatch.setattr(stop, "sleep", be_stopped)
    with pytest.raises(stop.StopError), study_lock(tmp_path / "mine"):
        pass
    assert (tmp_path / "mine" / "lock").read_text() == ""


def test_a_command_that_is_no_utf_8_is_named_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["command", "a\udcff"])
    with study_lock(tmp_path):
        holder = lock.parse_holder(tmp_path / "lock")
    assert holder is not None
    assert holder.command.endswith(r"'a\udcff'")
