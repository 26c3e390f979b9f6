"""MLflow stores that are locked, full, slow, refusing or failing: nothing is lost or blocked."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest import param

from tests.faults.broken_stores import (
    failing_server,
    hanging_server,
    locked_database,
    refusing_server,
    slow_server,
)
from tests.faults.mlflow_store import (
    LOCAL,
    METRICS,
    VALUES_PER_RUN,
    curve,
    query,
    recording_of,
    replay,
)
from tests.store.written import written


@pytest.mark.parametrize(
    ("store", "reason", "seconds"),
    [
        param(refusing_server, "ConnectionRefusedError", 3, id="refusing_server"),
        param(failing_server, "500", 3, id="failing_server"),
        param(locked_database, "database is locked", 9, id="locked_database"),
        param(hanging_server, "timed out", 9, id="hanging_server"),
    ],
)
def test_recording_gives_up_and_names_the_command_to_repeat_it(
    folder_with_database: Path,
    monkeypatch: pytest.MonkeyPatch,
    store: Callable,
    reason: str,
    seconds: float,
) -> None:
    # Without a limit of this program's own, MLflow's limit for a request holds: 120 s.
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
    study = written().train()
    with store() as uri:
        recording = recording_of(study, uri)
        began = time.monotonic()
        recording.replay(None)
        assert time.monotonic() - began < seconds
    assert reason in recording.fault
    command = "python -m ablate.sync study=mine" + ("" if uri == LOCAL else f" store.uri={uri}")
    assert recording.fault.endswith(f"`{command}` adds what is missing.")
    assert "\n" not in recording.fault
    replay(study)
    assert [curve(run) for run in study.runs] == [
        {epoch: 1 / (epoch + run.seed) for epoch in (1, 2, 3)} for run in study.runs
    ]


@pytest.mark.parametrize(
    ("store", "most_seconds", "interrupted", "seconds"),
    [
        param(slow_server, None, False, 12, id="until_the_call_times_out"),
        param(hanging_server, 1.0, False, 2, id="until_the_given_time_is_over"),
        param(hanging_server, None, True, 4, id="for_a_short_time_after_an_interruption"),
    ],
)
def test_the_end_of_training_waits_for_a_server(
    folder_with_database: Path,
    store: Callable,
    most_seconds: float | None,
    interrupted: bool,
    seconds: float,
) -> None:
    study = written().train()
    with store() as uri:
        thread = recording_of(study, uri, limited=True).thread()
        thread.most_seconds = most_seconds
        with contextlib.suppress(KeyboardInterrupt), thread:
            time.sleep(1)
            began = time.monotonic()
            if interrupted:
                raise KeyboardInterrupt
        assert time.monotonic() - began < seconds
    assert thread.fault is not None


def test_a_store_that_returns_during_training_gets_everything(working_folder: Path) -> None:
    study = written().train()
    (working_folder / "store").write_text("a file where the folder should be")
    thread = recording_of(study, "sqlite:///store/mlflow.db").thread()
    with thread:
        end = time.monotonic() + 30
        while thread.fault is None and time.monotonic() < end:
            time.sleep(0.1)
        assert isinstance(thread.fault, OSError)
        (working_folder / "store").unlink()
    assert thread.fault is None
    assert len(query(METRICS, working_folder / "store" / "mlflow.db")) == 4 * VALUES_PER_RUN


@contextlib.contextmanager
def small_disk(path: Path) -> Iterator[None]:
    """Mount a disk that is smaller than MLflow's empty database."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(path)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no command mount")
    if done.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(path)], check=True)


def resize(disk: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)


def test_a_full_disk_delays_the_recording_and_damages_nothing(working_folder: Path) -> None:
    study, disk = written().train(), working_folder / "disk"
    uri = "sqlite:///disk/mlflow.db"
    with small_disk(disk):
        recording = recording_of(study, uri)
        recording.replay(None)
        assert "full" in recording.fault, "without a database"
        resize(disk, "8m")
        replay(written(name="other").train(), uri)
        free = os.statvfs(disk)
        (disk / "filling").write_bytes(bytes(free.f_bavail * free.f_frsize))
        recording = recording_of(study, uri)
        recording.replay(None)
        assert "full" in recording.fault, "with a database"
        resize(disk, "16m")
        replay(study, uri)
        assert len(query(METRICS, disk / "mlflow.db")) == 2 * 4 * VALUES_PER_RUN


def test_a_folder_may_have_any_name(
    new_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a b%41 d?e#é"
    folder.mkdir()
    monkeypatch.chdir(folder)
    shutil.copy(new_database, folder)
    replay(written().train())
    assert sorted(os.listdir()) == [".mlflow.db.lock", "mlartifacts", "mlflow.db", "runs"]
