"""The loop: `python -m benchmarks.kill_loop` writes `rounds.csv` next to this file."""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import psutil

ROOT = Path(__file__).resolve().parents[2]
STUDY = ("--multirun", "model.filters=[8,16]", "recipe.epochs=20", "study.replicates=2")
"""Sixteen runs of the default study with small models."""
VARYING_COLUMNS = ("train_seconds", "seconds_per_epoch", "peak_memory_bytes", "mlflow_run_id")
"""Columns of runs.csv that differ each time a run is trained."""
SHORTEST_SECONDS, LONGEST_SECONDS = 1.0, 25.0
"""The command is killed after a time drawn uniformly between these."""
MOST_STARTS = 60


def main() -> None:
    """Run the rounds; exit with 0 if the table and MLflow are correct after each of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "rounds.csv")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as parent:
        uninterrupted = Path(parent) / "uninterrupted"
        uninterrupted.mkdir()
        with _start(uninterrupted) as process:
            process.wait()
        for number in range(options.rounds):
            folder = Path(parent) / str(number)
            folder.mkdir()
            rows.append({"round": number, **_round(folder, random.Random(number), uninterrupted)})
            print(rows[-1], flush=True)
            with options.output.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)
    raise SystemExit(0 if all(row["equal"] and row["recorded"] for row in rows) else 1)


def _round(folder: Path, generator: random.Random, uninterrupted: Path) -> dict[str, object]:
    """Kill the study until it completes, then compare its results."""
    commands = workers = code = 0
    starts = 0
    for _ in range(MOST_STARTS):
        starts += 1
        with _start(folder) as process:
            end = time.monotonic() + generator.uniform(SHORTEST_SECONDS, LONGEST_SECONDS)
            while process.poll() is None and time.monotonic() < end:
                workers += _maybe_kill_worker(process, generator)
                time.sleep(0.1)
            if process.poll() is None:
                process.kill()
                commands += 1
                continue
            code = process.returncode
            # 1: a run was killed more often than one command retries; the next command resumes it.
            if code != 1:
                break
    table = _table(folder)
    return {
        "commands": starts,
        "commands_killed": commands,
        "workers_killed": workers,
        "exit_code": code,
        "runs": len(table),
        "complete": int((table["status"] == "complete").sum()),
        "resumed": _count_events(folder, "resumed"),
        "epochs": _count_events(folder, "epoch"),
        "equal": code == 0 and table.equals(_table(uninterrupted)),
        "recorded": _recorded(folder),
    }


def _maybe_kill_worker(process: subprocess.Popen[bytes], generator: random.Random) -> int:
    """Kill a worker, on average every five seconds; return the number of killed workers."""
    if generator.random() > 0.02:
        return 0
    with contextlib.suppress(psutil.Error):
        children = psutil.Process(process.pid).children()
        workers = [worker for server in children for worker in server.children()]
        if workers:
            generator.choice(workers).send_signal(signal.SIGKILL)
            return 1
    return 0


@contextlib.contextmanager
def _start(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "output").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ablate", *STUDY],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=output,
            stderr=output,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _table(folder: Path) -> pd.DataFrame:
    file = folder / "reports" / "xyz" / "runs.csv"
    if not file.is_file():
        return pd.DataFrame({"status": []})
    return pd.read_csv(file, dtype=str).drop(columns=list(VARYING_COLUMNS))


def _count_events(folder: Path, kind: str) -> int:
    journals = (folder / "runs" / "xyz").glob("*/*/journal.jsonl")
    return sum(file.read_text().count(f'"event": "{kind}"') for file in journals)


def _recorded(folder: Path) -> bool:
    """Whether MLflow holds each run once and FINISHED, and each epoch as one point."""
    if not (folder / "mlflow.db").is_file():
        return False
    with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as store:
        children = store.execute(
            "select status, count(*) from runs join tags using (run_uuid) "
            "where key = 'ablate.seed' and lifecycle_stage = 'active' group by status"
        ).fetchall()
        twice = store.execute(
            "select count(*) from (select 1 from metrics join runs using (run_uuid) "
            "where lifecycle_stage = 'active' group by run_uuid, key, step having count(*) > 1)"
        ).fetchone()[0]
        points = store.execute(
            "select count(*) from metrics join runs using (run_uuid) "
            "where key = 'val_loss' and step > 0 and lifecycle_stage = 'active'"
        ).fetchone()[0]
    return children == [("FINISHED", 16)] and twice == 0 and points == 16 * 20


if __name__ == "__main__":
    main()
