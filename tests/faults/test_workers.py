"""Workers that are killed, hang, run out of memory or raise: the study goes on without a gap."""

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
from tests.faults.disturbed import (
    ARGUMENTS,
    DISTURBED,
    both_at_work,
    events_of,
    lay_out,
    send,
    server_of,
    started,
    table,
    times_told,
    until,
    workers_of,
)


def test_a_killed_worker_or_fork_server_costs_an_epoch_at_most(
    undisturbed: Path, tmp_path: Path
) -> None:
    lay_out(tmp_path)
    (tmp_path / "kill_the_builder").touch()  # of the first model, while the plan is made
    with started(tmp_path, *DISTURBED) as process:
        with both_at_work(process, tmp_path):
            assert not (tmp_path / "kill_the_builder").exists()
            workers_of(process)[0].send_signal(signal.SIGKILL)
        until(lambda: times_told(tmp_path, "resumed"), "the run to go on")
        with both_at_work(process, tmp_path):
            server = server_of(process)
            send([server, *server.children()], signal.SIGKILL)
        output, _ = process.communicate()
    assert process.returncode == 0, output
    assert "broken off (crashed: The worker process ended with signal 9 (SIGKILL))" in output
    assert table(tmp_path) == table(undisturbed)
    events = events_of(tmp_path)
    assert [event["event"] for event in events].count("epoch") == 4 * 40
    report = (tmp_path / "reports" / "disturbed" / "report.md").read_text()
    assert "Interrupted runs" in report
    went_on = [event["epoch"] for event in events if event["event"] == "resumed"]
    assert len(went_on) == 3
    for epoch in went_on:
        assert epoch > 0
        assert f"resumed after epoch {epoch}" in report
    assert not list(tmp_path.rglob("checkpoints"))


WRONG = {
    # Before it gives up on memory, TensorFlow waits for ten seconds; the others have their turn.
    "device": ("out_of_memory", "Memory ran out"),
    "raise": ("failed", "ValueError"),
    "horrible": ("failed", "Horrible"),  # an exception that cannot even be printed
    "huge": ("failed", "invalid literal"),  # one of three megabytes
    "memory": ("out_of_memory", "Memory ran out"),
    "exit": ("crashed", "exit code 7"),
    "quit": ("failed", "SystemExit: enough"),
    "leave": ("crashed", "exit code 0 during its run. It was tried 2 times"),
    "kill": ("crashed", "signal 9 (SIGKILL). It was tried 2 times"),
}


def test_runs_that_go_wrong_are_recorded_and_the_study_goes_on(
    ablate: Command, tmp_path: Path
) -> None:
    lay_out(tmp_path, *WRONG)
    arguments = ["--multirun", "study=faulty", *ARGUMENTS, "recipe.epochs=1", "device.retries=1"]
    answer = ablate(tmp_path, *arguments)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    assert "Traceback" not in answer.stdout + answer.stderr
    assert "CRASHED" in answer.stdout
    told = re.findall(r"\[ ?(\d+)/20\]", answer.stdout)
    assert told == [str(number) for number in range(1, 21)]
    for fault, (status, why) in WRONG.items():
        check_wrong(tmp_path, fault, status=status, why=why)
    log = tmp_path / "runs" / "faulty" / "fault=raise" / "0" / "log"
    assert "the user's own mistake" in log.read_text()
    runs = pd.read_csv(tmp_path / "reports" / "faulty" / "runs.csv", keep_default_na=False)
    assert runs[runs["fault"] == "none"]["status"].tolist() == ["complete"] * 2
    assert set(runs[runs["fault"] != "none"]["test_accuracy"]) == {""}


def test_a_hanging_run_is_ended_and_the_study_goes_on(ablate: Command, tmp_path: Path) -> None:
    lay_out(tmp_path, "hang")
    arguments = ["--multirun", "study=faulty", *ARGUMENTS, "recipe.epochs=1"]
    patience = ["device.retries=0", "device.heartbeat_timeout_seconds=12"]
    answer = ablate(tmp_path, *arguments, *patience)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    check_wrong(tmp_path, "hang", status="timeout", why="no heartbeat for 12 s")
    assert "2 of 4 runs complete; 2 timeout" in answer.stdout


def check_wrong(folder: Path, fault: str, *, status: str, why: str) -> None:
    """Both runs of the cell end as they should, say why in few words, and are in the report."""
    for seed in (0, 1):
        place = folder / "runs" / "faulty" / f"fault={fault}" / str(seed)
        result = json.loads((place / "result.json").read_text())
        assert result["status"] == status
        assert why in result["error"]
        assert len(result["error"]) < 1000
    report = (folder / "reports" / "faulty" / "report.md").read_text()
    assert status.replace("_", "\\_") in report


MEMORY_BYTES = 4_000_000_000


@contextlib.contextmanager
def control_group() -> Iterator[Path]:
    """A control group with little memory, within this process's; needs the right to make it."""
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
        pytest.skip(f"no control group may be made here: {error}")
    try:
        yield group
    finally:
        until(lambda: not (group / "cgroup.procs").read_text(), "the group to be empty")
        group.rmdir()


def test_a_worker_that_the_kernel_kills_for_memory_is_told_from_other_kills(
    tmp_path: Path,
) -> None:
    lay_out(tmp_path, "greedy")
    arguments = ["--multirun", "study=faulty", *ARGUMENTS, "recipe.epochs=1", "device.workers=1"]
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


def test_the_next_command_tries_again_what_failed(ablate: Command, tmp_path: Path) -> None:
    lay_out(tmp_path, "raise", "leave")
    arguments = ["--multirun", "study=faulty", *ARGUMENTS, "recipe.epochs=1", "device.retries=0"]
    assert ablate(tmp_path, *arguments).returncode == 1
    finished = tmp_path / "runs" / "faulty" / "fault=none" / "0" / "journal.jsonl"
    before = finished.read_bytes()
    assert ablate(tmp_path, *arguments).returncode == 1
    assert finished.read_bytes() == before
    events = events_of(tmp_path, "faulty")
    assert [event["event"] for event in events].count("interrupted") == 4
    assert [event["event"] for event in events].count("started") == 6


@pytest.mark.parametrize(
    ("exit_code", "signs", "status"),
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
    tmp_path: Path, exit_code: int, signs: dict, status: Status | None
) -> None:
    # What an earlier process printed about memory does not count for this one.
    text = f"{LOG_HEADER}1\nMemoryError\n{LOG_HEADER}2\n{signs.get('printed', '')}\n"
    (tmp_path / "log").write_text(text)
    worker_exit = classify_exit(
        exit_code,
        last_message=signs.get("last_message", b"heartbeat"),
        timeout_seconds=signs.get("timeout_seconds"),
        oom_kills=signs.get("oom_kills", 0),
        log=tmp_path / "log",
    )
    assert worker_exit.status == status
    assert (worker_exit.disk_error is not None) == ("last_message" in signs)
