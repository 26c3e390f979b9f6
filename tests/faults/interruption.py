"""A study of a user's own model that takes long enough to be interrupted, and ways to do so."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import psutil

from ablate.store.folder import RunFolder
from tests.conftest import ROOT

TIMEOUT_SECONDS = 120.0
STOPPED_STATES = (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE)
USER_MODEL = Path(__file__).parent / "packages" / "user_model.py"
STUDY = """
replicates: 2
factors:
  part:
    levels:
      - {name: present, overrides: [model.part=true]}
      - {name: absent, overrides: [model.part=false]}
"""
FAULTY_STUDY = """
replicates: 2
factors:
  fault:
    levels:
"""
FAULTY_LEVEL = "      - {{name: {fault}, overrides: [model.fault={fault}]}}\n"
MODEL_ARGUMENTS = ("model=user_model", "allow=[user_model]", "device.threads=1")
FOUR_RUNS = ("--multirun", "study=interrupted", *MODEL_ARGUMENTS, "recipe.epochs=40")
"""Arguments for four runs of forty epochs: long enough to be interrupted."""
VARYING_COLUMNS = ("train_seconds", "seconds_per_epoch", "peak_memory_bytes", "mlflow_run_id")
"""Columns of `runs.csv` that differ each time a run is trained."""


def write_study_files(folder: Path, *faults: str) -> None:
    """Write the model and two studies into a user's folder.

    Args:
        folder: The folder.
        faults: What goes wrong in the cells of the study `faulty` after its first one.
    """
    levels = "".join(FAULTY_LEVEL.format(fault=fault) for fault in ("none", *faults))
    shutil.copy(USER_MODEL, folder)
    for group, name, text in (
        ("study", "interrupted", STUDY),
        ("study", "faulty", FAULTY_STUDY + levels),
        ("model", "user_model", "_target_: user_model.build\nfault: none\npart: true\n"),
    ):
        file = folder / "experiments" / group / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@contextlib.contextmanager
def start_command(
    folder: Path, *arguments: str, module: str = "ablate"
) -> Iterator[subprocess.Popen[str]]:
    """Start the command; it is killed at the end of the block if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        assert process.stdout is not None
        process.stdout.close()
        process.wait()


@contextlib.contextmanager
def pause(process: subprocess.Popen[str]) -> Iterator[None]:
    """Stop the command and all its processes during the block."""
    stopped = [psutil.Process(process.pid)]
    for item in stopped:  # the list grows; a stopped process starts no more children
        with contextlib.suppress(psutil.NoSuchProcess):
            item.send_signal(signal.SIGSTOP)
            wait_for(lambda one=item: one.status() in STOPPED_STATES, "a process to stop")
            stopped += item.children()
    try:
        yield
    finally:
        send_signal(stopped, signal.SIGCONT)


@contextlib.contextmanager
def pause_with_two_partial_runs(process: subprocess.Popen[str], folder: Path) -> Iterator[None]:
    """Stop the command during the block, while each of two workers is in the middle of a run."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while True:
        wait_for(lambda: count_partial_runs(folder) == 2, "two partial runs")
        with pause(process):
            if count_partial_runs(folder) == 2:  # count again: one may have ended before the pause
                yield
                return
        assert time.monotonic() < end, "two runs were never partial at the same time"


def count_partial_runs(folder: Path) -> int:
    """Number of runs that have some of their epochs."""
    paths = (folder / "runs" / "interrupted").glob("part=*/*")
    return sum(0 < len(RunFolder(path).epochs()) < 40 for path in paths)


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Wait until a condition is true; fail after a generous time."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen"
        time.sleep(0.005)


def count_events(folder: Path, event: str) -> int:
    """Number of events of a kind in all journals, which may be growing."""
    return sum(
        file.read_text(errors="replace").count(f'"event": "{event}"')
        for file in (folder / "runs" / "interrupted").glob("*/*/journal.jsonl")
    )


def count_epochs(folder: Path) -> int:
    """Number of epochs in all journals."""
    return count_events(folder, "epoch")


def worker_processes(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The workers of a command: children of its fork server."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [
            worker
            for server in psutil.Process(process.pid).children()
            for worker in server.children()
        ]
    return []


def fork_server(process: subprocess.Popen[str]) -> psutil.Process:
    """The fork server of a command."""
    (server,) = [item for item in psutil.Process(process.pid).children() if item.children()]
    return server


def child_processes(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """All processes that a command started."""
    return psutil.Process(process.pid).children(recursive=True)


def all_ended(processes: list[psutil.Process]) -> bool:
    return not any(
        item.is_running() and item.status() != psutil.STATUS_ZOMBIE for item in processes
    )


def comparable_runs(folder: Path, study: str = "interrupted") -> str:
    """`runs.csv` without the columns that vary, all others to the last digit."""
    frame = pd.read_csv(folder / "reports" / study / "runs.csv", dtype=str)
    return frame.drop(columns=list(VARYING_COLUMNS)).to_csv()


def read_events(folder: Path, study: str = "interrupted") -> list[dict]:
    """The events of all journals."""
    return [
        json.loads(line)
        for file in sorted((folder / "runs" / study).glob("*/*/journal.jsonl"))
        for line in file.read_text().splitlines()
    ]


def send_signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for item in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            item.send_signal(number)
