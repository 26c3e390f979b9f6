"""Workers that are killed, hang, run out of memory or raise: the study still completes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from pytest import param

from ablate.study.result import Status
from ablate.workers.exits import LOG_HEADER, classify_exit
from tests.conftest import ROOT, Command
from tests.faults.interruption import (
    FOUR_RUNS,
    MODEL_ARGUMENTS,
    comparable_runs,
    count_events,
    fork_server,
    pause_with_two_partial_runs,
    read_events,
    send_signal,
    start_command,
    wait_for,
    worker_processes,
    write_study_files,
)


def test_a_killed_worker_or_fork_server_loses_one_epoch_at_most(
    uninterrupted: Path, tmp_path: Path
) -> None:
    write_study_files(tmp_path)
    (tmp_path / "kill_the_builder").touch()  # kills the worker that measures the first model
    with start_command(tmp_path, *FOUR_RUNS) as process:
        with pause_with_two_partial_runs(process, tmp_path):
            assert not (tmp_path / "kill_the_builder").exists()
            worker_processes(process)[0].send_signal(signal.SIGKILL)
        wait_for(lambda: count_events(tmp_path, "resumed"), "resuming the run")
        with pause_with_two_partial_runs(process, tmp_path):
            server = fork_server(process)
            send_signal([server, *server.children()], signal.SIGKILL)
        output, _ = process.communicate()
    assert process.returncode == 0, output
    assert "interrupted (crashed: The worker process ended with signal 9 (SIGKILL))" in output
    assert comparable_runs(tmp_path) == comparable_runs(uninterrupted)
    events = read_events(tmp_path)
    assert [event["event"] for event in events].count("epoch") == 4 * 40
    report = (tmp_path / "reports" / "interrupted" / "report.md").read_text()
    assert "Interrupted runs" in report
    resumed = [event["epoch"] for event in events if event["event"] == "resumed"]
    assert len(resumed) == 3
    for epoch in resumed:
        assert epoch > 0
        assert f"resumed after epoch {epoch}" in report
    assert not list(tmp_path.rglob("checkpoints"))


FAULTS = {
    # First, because TensorFlow waits for ten seconds before it reports that memory ran out.
    "device": ("out_of_memory", "Memory ran out"),
    "raise": ("failed", "ValueError"),
    "unprintable": ("failed", "UnprintableError"),
    "long_message": ("failed", "invalid literal"),  # of three megabytes
    "memory": ("out_of_memory", "Memory ran out"),
    "exit": ("crashed", "exit code 7"),
    "sys_exit": ("failed", "SystemExit: enough"),
    "exit_zero": ("crashed", "exit code 0 during its run. It was tried 2 times"),
    "kill": ("crashed", "signal 9 (SIGKILL). It was tried 2 times"),
}


def test_failed_runs_are_recorded_and_the_study_completes(ablate: Command, tmp_path: Path) -> None:
    write_study_files(tmp_path, *FAULTS)
    arguments = [
        "--multirun",
        "study=faulty",
        *MODEL_ARGUMENTS,
        "recipe.epochs=1",
        "device.retries=1",
    ]
    answer = ablate(tmp_path, *arguments)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    assert "Traceback" not in answer.stdout + answer.stderr
    assert "CRASHED" in answer.stdout
    counts = re.findall(r"\[ ?(\d+)/20\]", answer.stdout)
    assert counts == [str(number) for number in range(1, 21)]
    for fault, (status, error) in FAULTS.items():
        check_results(tmp_path, fault, status=status, error=error)
    log = tmp_path / "runs" / "faulty" / "fault=raise" / "0" / "log"
    assert "the user's own mistake" in log.read_text()
    runs = pd.read_csv(tmp_path / "reports" / "faulty" / "runs.csv", keep_default_na=False)
    assert runs[runs["fault"] == "none"]["status"].tolist() == ["complete"] * 2
    assert set(runs[runs["fault"] != "none"]["test_accuracy"]) == {""}


def test_a_hanging_run_times_out_and_the_study_completes(ablate: Command, tmp_path: Path) -> None:
    write_study_files(tmp_path, "hang")
    arguments = ["--multirun", "study=faulty", *MODEL_ARGUMENTS, "recipe.epochs=1"]
    limits = ["device.retries=0", "device.heartbeat_timeout_seconds=12"]
    answer = ablate(tmp_path, *arguments, *limits)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    check_results(tmp_path, "hang", status="timeout", error="no heartbeat for 12 s")
    assert "2 of 4 runs complete; 2 timeout" in answer.stdout


def check_results(folder: Path, fault: str, *, status: str, error: str) -> None:
    """Both runs of the cell have the status and a short error, and are in the report."""
    for seed in (0, 1):
        path = folder / "runs" / "faulty" / f"fault={fault}" / str(seed)
        result = json.loads((path / "result.json").read_text())
        assert result["status"] == status
        assert error in result["error"]
        assert len(result["error"]) < 1000
    report = (folder / "reports" / "faulty" / "report.md").read_text()
    assert status.replace("_", "\\_") in report


MEMORY_BYTES = 4_000_000_000


@contextlib.contextmanager
def control_group() -> Iterator[Path]:
    """Create a control group with little memory inside that of this process."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            break
    group = Path("/sys/fs/cgroup") / controllers / path.lstrip("/") / "ablate-test"
    limit = "memory.limit_in_bytes" if controllers else "memory.max"
    try:
        group.mkdir()
        (group / limit).write_text(str(MEMORY_BYTES))
    except OSError as error:
        pytest.skip(f"cannot create a control group: {error}")
    try:
        yield group
    finally:
        wait_for(
            lambda: not (group / "cgroup.procs").read_text(),
            "the end of all processes of the group",
        )
        group.rmdir()


def test_a_kill_by_the_kernel_for_memory_is_out_of_memory(
    tmp_path: Path,
) -> None:
    write_study_files(tmp_path, "all_memory")
    arguments = [
        "--multirun",
        "study=faulty",
        *MODEL_ARGUMENTS,
        "recipe.epochs=1",
        "device.workers=1",
    ]
    with control_group() as group:
        command = ["sh", "-c", 'echo $$ > "$0"; exec "$@"', str(group / "cgroup.procs")]
        answer = subprocess.run(
            [*command, sys.executable, "-m", "ablate", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert answer.returncode == 1, answer.stdout + answer.stderr
    runs = pd.read_csv(tmp_path / "reports" / "faulty" / "runs.csv")
    assert runs["status"].tolist() == ["complete"] * 2 + ["out_of_memory"] * 2
    assert "Memory ran out, and the worker ended with signal 9 (SIGKILL)" in answer.stdout


def test_the_next_command_retries_failed_runs(ablate: Command, tmp_path: Path) -> None:
    write_study_files(tmp_path, "raise", "exit_zero")
    arguments = [
        "--multirun",
        "study=faulty",
        *MODEL_ARGUMENTS,
        "recipe.epochs=1",
        "device.retries=0",
    ]
    assert ablate(tmp_path, *arguments).returncode == 1
    finished = tmp_path / "runs" / "faulty" / "fault=none" / "0" / "journal.jsonl"
    before = finished.read_bytes()
    assert ablate(tmp_path, *arguments).returncode == 1
    assert finished.read_bytes() == before
    events = read_events(tmp_path, "faulty")
    assert [event["event"] for event in events].count("interrupted") == 4
    assert [event["event"] for event in events].count("started") == 6


@pytest.mark.parametrize(
    ("exit_code", "observed", "status"),
    [
        param(-9, {}, Status.CRASHED, id="killed"),
        param(-9, {"oom_kills": 1}, Status.OUT_OF_MEMORY, id="killed_by_the_kernel_for_memory"),
        param(
            -15, {"oom_kills": 1}, Status.CRASHED, id="terminated_while_memory_ran_out_elsewhere"
        ),
        param(-6, {"printed": "std::bad_alloc"}, Status.OUT_OF_MEMORY, id="aborted_for_memory"),
        param(-11, {}, Status.CRASHED, id="segmentation_fault"),
        param(-9, {"timeout_seconds": 5.0}, Status.TIMEOUT, id="killed_for_missing_heartbeats"),
        param(os.EX_IOERR, {"last_message": b"28"}, None, id="full_disk"),
        param(os.EX_IOERR, {}, Status.CRASHED, id="same_exit_code_without_an_error_number"),
        param(0, {}, None, id="normal_end"),
    ],
)
def test_exits_are_classified(
    tmp_path: Path, exit_code: int, observed: dict, status: Status | None
) -> None:
    # What an earlier process printed about memory does not count for this one.
    text = f"{LOG_HEADER}1\nMemoryError\n{LOG_HEADER}2\n{observed.get('printed', '')}\n"
    (tmp_path / "log").write_text(text)
    worker_exit = classify_exit(
        exit_code,
        last_message=observed.get("last_message", b"heartbeat"),
        timeout_seconds=observed.get("timeout_seconds"),
        oom_kills=observed.get("oom_kills", 0),
        log=tmp_path / "log",
    )
    assert worker_exit.status == status
    assert (worker_exit.disk_error is not None) == ("last_message" in observed)
