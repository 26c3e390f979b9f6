"""The commands with MLflow locked, hanging, on a server, or shared by several studies."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from ablate.store.folder import StudyFolder
from ablate.store.state import StudyState
from ablate.tracking.recording import Recording
from tests.conftest import ROOT, TINY, Command
from tests.faults.broken_stores import hanging_server, locked_database, refusing_server
from tests.faults.mlflow_store import LOCAL, METRICS, STATUSES, VALUES_PER_RUN, content, query
from tests.store.written import written

FOUR_CELLS = (*TINY, "study.design=leave_one_out")


def check_metrics(folder: Path, database: Path) -> None:
    """Every run is complete in runs.csv and has the same numbers in MLflow, each point once."""
    runs = pd.read_csv(folder / "reports" / "xyz" / "runs.csv")
    assert set(runs["status"]) == {"complete"}
    stored = pd.DataFrame(
        query(METRICS, database), columns=["study", "cell", "seed", "key", "step", "value"]
    )
    assert not stored.duplicated(["cell", "seed", "key", "step"]).any()
    for _, run in runs.iterrows():
        own = stored[(stored["cell"] == run["cell"]) & (stored["seed"] == str(run["seed"]))]
        final = own[own["step"] == 0].set_index("key")["value"]
        for column in ("test_accuracy", "test_loss", "parameters", "macs", "train_seconds"):
            assert final[column] == run[column]
        journal = folder / "runs" / "xyz" / run["cell"] / str(run["seed"]) / "journal.jsonl"
        for line in journal.read_text().splitlines():
            event = json.loads(line)
            if event["event"] == "epoch":
                points = own[own["step"] == event["epoch"]].set_index("key")["value"]
                assert points["val_loss"] == event["val_loss"]


def sync(ablate: Command, folder: Path, *arguments: str) -> str:
    done = ablate(folder, "study=xyz", *arguments, module="ablate.sync")
    assert done.returncode == 0, done.stdout + done.stderr
    assert without_notices(done.stderr) == ""
    return done.stdout


def without_notices(output: str) -> str:
    """What was printed, without the lines that a slow machine adds."""
    lines = output.splitlines(keepends=True)
    return "".join(line for line in lines if "Waiting for MLflow (" not in line)


def test_a_study_completes_while_its_store_is_locked(ablate: Command, tmp_path: Path) -> None:
    database = tmp_path / "mlflow.db"
    with locked_database(database):
        done = ablate(tmp_path, "--multirun", *FOUR_CELLS)  # ends before the lock does
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    output = " ".join(done.stdout.split())
    assert "database is locked" in output
    assert "`python -m ablate.sync study=xyz` adds what is missing." in output
    assert sync(ablate, tmp_path) == f"8 runs of study xyz are in {LOCAL}.\n"
    check_metrics(tmp_path, database)
    assert {status for _, status in query(STATUSES, database)} == {"FINISHED"}
    before = content(database)
    sync(ablate, tmp_path)
    assert content(database) == before
    (report,) = (tmp_path / "mlartifacts").rglob("report/index.html")
    assert report.read_bytes() == (tmp_path / "reports" / "xyz" / "index.html").read_bytes()


def test_a_hanging_server_delays_a_run_by_seconds_only(ablate: Command, tmp_path: Path) -> None:
    with hanging_server() as uri:
        done = ablate(tmp_path, *TINY[:3], f"store.uri={uri}")  # ends before the server does
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert (
        f"`python -m ablate.sync study=single store.uri={uri}` adds what is missing." in done.stdout
    )
    assert "test accuracy" in done.stdout
    assert ablate(tmp_path, *TINY[:3], "model.residual=false", "seed=3").returncode == 0
    ended = [("0", "FINISHED"), ("3", "FINISHED"), ("study", "FINISHED")]
    assert query(STATUSES, tmp_path / "mlflow.db") == ended


@contextlib.contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Run MLflow's own server during the block; only this machine can reach it."""
    with refusing_server() as uri:
        port = uri.rpartition(":")[2]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port,
               "--backend-store-uri", f"sqlite:///{folder}/server.db", "--workers", "1",
               "--artifacts-destination", str(folder / "artifacts")]  # fmt: skip
    with (folder / "log").open("w") as log:
        environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
        server = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, env=environment, start_new_session=True
        )
    try:
        end = time.monotonic() + 60
        while True:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", int(port)), 1),
            ):
                break
            assert server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end, (folder / "log").read_text()
            time.sleep(0.2)
        yield uri
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def test_a_server_holds_the_same_as_a_local_database(
    ablate: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, folder = tmp_path / "server", tmp_path / "mine"
    server.mkdir()
    folder.mkdir()
    with mlflow_server(server) as uri:
        done = ablate(folder, "--multirun", f"store.uri={uri}", *FOUR_CELLS)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
        assert "adds what is missing" not in done.stdout
        stored = content(server / "server.db")
        monkeypatch.chdir(folder)
        study = StudyFolder(Path("runs/xyz"))
        again = Recording(StudyState.read(study, study.read_plan()), uri)
        assert again.replay(Path("reports/xyz")) == 8
        assert content(server / "server.db") == stored
    check_metrics(folder, server / "server.db")
    assert not Path("mlflow.db").exists()
    assert len(list((server / "artifacts").rglob("variant.json"))) == 8
    assert list((server / "artifacts").rglob("report/index.html"))
    assert dataclasses.replace(again, uri=LOCAL).replay(None) == 8
    assert content() == stored


def test_a_killed_study_leaves_no_duplicates_and_no_running_run(
    ablate: Command, tmp_path: Path
) -> None:
    database = tmp_path / "mlflow.db"
    longer = [argument.replace("epochs=1", "epochs=3") for argument in FOUR_CELLS]
    study = subprocess.Popen(
        [sys.executable, "-m", "ablate", "--multirun", *longer],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 120
    while not (database.exists() and len(query("select 1 from metrics", database)) > 40):
        assert study.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    study.kill()
    study.wait()
    assert "RUNNING" in {status for _, status in query(STATUSES, database)}
    sync(ablate, tmp_path)
    assert "RUNNING" not in {status for _, status in query(STATUSES, database)}
    done = ablate(tmp_path, "--multirun", *longer)
    assert done.returncode == 0, done.stdout + done.stderr
    check_metrics(tmp_path, database)
    assert query(STATUSES, database) == sorted(
        [("study", "FINISHED"), *[(str(seed), "FINISHED") for seed in (0, 1) for _ in range(4)]]
    )


def test_four_studies_share_a_new_store_from_the_start(working_folder: Path) -> None:
    names = ("first", "second", "third", "fourth")
    for name in names:
        written(name=name).train()
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "ablate.sync", f"study={name}"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name in names
    ]
    outputs = sorted(without_notices(process.communicate()[0]) for process in processes)
    assert outputs == sorted(f"4 runs of study {name} are in {LOCAL}.\n" for name in names)
    assert len(query(METRICS)) == 4 * 4 * VALUES_PER_RUN
    assert sorted(os.listdir()) == [".mlflow.db.lock", "mlartifacts", "mlflow.db", "runs"]
