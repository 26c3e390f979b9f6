"""External programs that fail, crash or are interrupted, in a study."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pandas as pd
import psutil
import pytest

from tests.conftest import Command
from tests.faults.interruption import all_ended, start_command, wait_for
from tests.faults.plan_requests import write_study

PROGRAM = """
import json, os, pathlib, signal, sys, time

fault, marks = sys.argv[1], pathlib.Path(sys.argv[2])
print(json.dumps({"epoch": 1, "loss": 1 / (1 + len(list(marks.iterdir())))}), flush=True)
if fault == "crash_once" and not (marks / "crashed").exists():
    (marks / "crashed").touch()
    os.kill(os.getpid(), signal.SIGKILL)
if fault == "fail":
    raise ValueError("no such data")
while fault == "hang" and (marks / "hang").exists():
    (marks / str(os.getpid())).touch()
    time.sleep(0.02)
print(json.dumps({"accuracy": float("nan") if fault == "not_finite" else 0.5}))
"""
STUDY = """
replicates: 1
cell: command
cell.options: {fault: none}
responses: [{name: accuracy, direction: higher, unit: fraction}]
factors: {fault: {none: cell.options.fault=none, LEVELS}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "marks").mkdir()
    (tmp_path / "train.py").write_text(PROGRAM)
    return tmp_path


def arguments(folder: Path, *faults: str) -> list[str]:
    """The arguments of a study whose cells have these faults."""
    levels = ", ".join(f"{fault}: cell.options.fault={fault}" for fault in faults)
    write_study(folder, STUDY.replace("LEVELS", levels))
    return ["--multirun", "study=mine", "cell.command=python train.py {fault} ./marks"]


def events(folder: Path, fault: str) -> list[dict[str, object]]:
    lines = (folder / "runs" / "mine" / f"fault={fault}" / "0" / "journal.jsonl").read_text()
    return [json.loads(line) for line in lines.splitlines()]


def test_each_fault_is_a_status_and_a_crash_is_retried(ablate: Command, folder: Path) -> None:
    done = ablate(folder, *arguments(folder, "crash_once", "fail", "not_finite"))
    assert done.returncode == 1, done.stdout + done.stderr
    runs = pd.read_csv(folder / "reports" / "mine" / "runs.csv").set_index("fault")
    assert runs["status"].to_dict() == {
        "none": "complete", "crash_once": "complete", "fail": "failed", "not_finite": "diverged"
    }  # fmt: skip
    assert "FAILED: ValueError: no such data (exit code 1)" in done.stdout
    assert (
        "interrupted (crashed: The program ended with signal 9 (SIGKILL)); retrying" in done.stdout
    )
    recorded = events(folder, "crash_once")
    kinds = [event["event"] for event in recorded]
    assert kinds == ["started", "epoch", "interrupted", "started", "resumed", "epoch"]
    assert all(event["unix_time"] for event in recorded if event["event"] == "started")
    # The report lists what was interrupted.
    report = json.loads((folder / "reports" / "mine" / "report.json").read_text())
    assert "started again" in json.dumps(report)


def test_an_interrupted_program_ends_and_its_run_is_resumed(ablate: Command, folder: Path) -> None:
    (folder / "marks" / "hang").touch()
    command = arguments(folder, "hang")
    with start_command(folder, *command) as process:
        wait_for(lambda: len(list((folder / "marks").iterdir())) > 1, "the program")
        children = psutil.Process(process.pid).children(recursive=True)
        (pid,) = (int(mark.name) for mark in (folder / "marks").iterdir() if mark.name != "hang")
        assert pid in [child.pid for child in children]
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate()
        assert process.returncode == 130, output
        assert all_ended([child for child in children if child.pid == pid])
    assert "To resume:" in output
    (folder / "marks" / "hang").unlink()
    done = ablate(folder, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 2 done" in done.stdout
