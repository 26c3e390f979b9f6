"""A study of a user's own model that takes long enough to be disturbed, and how to disturb it."""

from __future__ import annotations

import contextlib
import json
import os
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

PATIENCE_SECONDS = 120.0
STILL = (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE)
THEIRS = '''
"""A model of a user's own with dropout, and a switch that makes its training fail."""

import os
import resource
import signal
import sys
import time

import keras
import numpy as np


class Horrible(Exception):
    """An exception that cannot be printed or pickled."""

    def __init__(self):
        super().__init__(lambda: "x")

    def __str__(self):
        raise RuntimeError("not even this")


def wide(x):
    # The address space of this process may grow by a little; the next large array does not fit.
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 100_000_000, resource.RLIM_INFINITY))
    try:
        np.ones(1_000_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def horrible(x):
    raise Horrible()


def greedy(x):
    # More than the control group may have; the kernel then kills the largest of its processes.
    return len([bytearray(b"x") * 500_000_000 for _ in range(40)])


def edit(x):
    # Not while the plan is made: somebody edits the code once the first cell is trained.
    if os.path.exists("runs/faulty/fault=none/1/result.json"):
        with open(__file__, "a") as file:
            file.write("# edited")


FAULTS = {
    "edit": edit,
    "late": lambda x: None,
    "greedy": greedy,
    "none": lambda x: None,
    "raise": lambda x: int("the user's own mistake"),
    "horrible": horrible,
    "huge": lambda x: int("x" * 10 + "y" * 3_000_000),
    "memory": wide,
    "device": lambda x: keras.ops.sum(keras.ops.broadcast_to(x[:1, :1], (10**7, 10**7))),
    "kill": lambda x: os.kill(os.getpid(), signal.SIGKILL),
    "exit": lambda x: os._exit(7),
    "quit": lambda x: sys.exit("enough"),
    "leave": lambda x: os._exit(0),
    "hang": lambda x: time.sleep(10_000),
}


class Failing(keras.layers.Layer):
    def __init__(self, fault, **kwargs):
        super().__init__(**kwargs)
        self.fault = fault

    def call(self, x, training=False):
        found = FAULTS[self.fault](x) if training else None
        return x if found is None else x + found

    def get_config(self):
        return {**super().get_config(), "fault": self.fault}


def build(input_shape, classes, *, fault="none", part=True):
    if os.path.exists("kill_the_builder"):
        os.remove("kill_the_builder")
        os.kill(os.getpid(), signal.SIGKILL)
    images = keras.Input(input_shape)
    x = keras.layers.Conv2D(8, 3, padding="same", name="conv")(images)
    if part:
        x = keras.layers.BatchNormalization(momentum=0.9, name="norm")(x)
    x = keras.layers.Activation("relu", name="relu")(x)
    x = keras.layers.Dropout(0.3, name="dropout")(x)
    x = Failing(fault, name="failing")(keras.layers.Flatten(name="flat")(x))
    return keras.Model(images, keras.layers.Dense(classes, activation="softmax", name="head")(x))
'''
STUDY = """
replicates: 2
factors:
  part:
    levels:
      - {name: present, overrides: [model.part=true]}
      - {name: absent, overrides: [model.part=false]}
"""
FAULTY = """
replicates: 2
factors:
  fault:
    levels:
"""
LEVEL = "      - {{name: {fault}, overrides: [model.fault={fault}]}}\n"
ARGUMENTS = ("model=theirs", "allow=[theirs]", "device.threads=1")
DISTURBED = ("--multirun", "study=disturbed", *ARGUMENTS, "recipe.epochs=40")
"""Four runs of forty epochs: long enough to be caught at work."""
OF_TIME = ("train_seconds", "seconds_per_epoch", "peak_memory_bytes", "mlflow_run_id")
"""Columns of `runs.csv` that are measured anew, or named anew, whenever a run is trained."""


def lay_out(folder: Path, *faults: str) -> None:
    """Write the model and the studies into a user's folder.

    Args:
        folder: The folder.
        faults: What goes wrong in the cells of the study `faulty` after its first one.
    """
    faulty = FAULTY + "".join(LEVEL.format(fault=fault) for fault in ("none", *faults))
    (folder / "theirs.py").write_text(THEIRS)
    for group, name, text in (
        ("study", "disturbed", STUDY),
        ("study", "faulty", faulty),
        ("model", "theirs", "_target_: theirs.build\nfault: none\npart: true\n"),
    ):
        file = folder / "experiments" / group / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@contextlib.contextmanager
def started(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command at work, ended with the block at the latest."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ablate", *arguments],
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
def paused(process: subprocess.Popen[str]) -> Iterator[None]:
    """The command and all its processes stand still within the block."""
    stopped = [psutil.Process(process.pid)]
    for item in stopped:  # which grows: a process that stands still gets no more children
        with contextlib.suppress(psutil.NoSuchProcess):
            item.send_signal(signal.SIGSTOP)
            until(lambda one=item: one.status() in STILL, "a process to stand still")
            stopped += item.children()
    try:
        yield
    finally:
        send(stopped, signal.SIGCONT)


@contextlib.contextmanager
def both_at_work(process: subprocess.Popen[str], folder: Path) -> Iterator[None]:
    """The command stands still within the block, each worker amid a run that it can go on with."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        until(lambda: amid(folder) == 2, "two runs at work")
        with paused(process):
            if amid(folder) == 2:  # and not: was, a moment ago
                yield
                return
        assert time.monotonic() < end, "never were two runs at work"


def amid(folder: Path) -> int:
    """Runs of the disturbed study with some of their epochs."""
    places = (folder / "runs" / "disturbed").glob("part=*/*")
    return sum(0 < len(RunFolder(place).epochs()) < 40 for place in places)


def until(happened: Callable[[], object], what: str) -> None:
    """Wait for something to happen."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.005)


def times_told(folder: Path, event: str) -> int:
    """How often the journals of the disturbed study, which may be growing, tell of an event."""
    return sum(
        file.read_text(errors="replace").count(f'"event": "{event}"')
        for file in (folder / "runs" / "disturbed").glob("*/*/journal.jsonl")
    )


def epochs_of(folder: Path) -> int:
    """Epochs that the journals of the disturbed study tell of."""
    return times_told(folder, "epoch")


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The worker processes of a command: children of its fork server."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [
            worker
            for server in psutil.Process(process.pid).children()
            for worker in server.children()
        ]
    return []


def server_of(process: subprocess.Popen[str]) -> psutil.Process:
    """The fork server of a command."""
    (server,) = [item for item in psutil.Process(process.pid).children() if item.children()]
    return server


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def gone(processes: list[psutil.Process]) -> bool:
    return not any(
        item.is_running() and item.status() != psutil.STATUS_ZOMBIE for item in processes
    )


def table(folder: Path, study: str = "disturbed") -> str:
    """`runs.csv` without what is measured anew, to the last digit of all else."""
    frame = pd.read_csv(folder / "reports" / study / "runs.csv", dtype=str)
    return frame.drop(columns=list(OF_TIME)).to_csv()


def events_of(folder: Path, study: str = "disturbed") -> list[dict]:
    return [
        json.loads(line)
        for file in sorted((folder / "runs" / study).glob("*/*/journal.jsonl"))
        for line in file.read_text().splitlines()
    ]


def send(processes: list[psutil.Process], number: signal.Signals) -> None:
    for item in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            item.send_signal(number)
