"""The loop: `python -m benchmarks.kill_loop` writes `rounds.csv` beside this file."""

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
from pathlib import Path

import pandas as pd
import psutil

ROOT = Path(__file__).resolve().parents[2]
STUDY = ("--multirun", "model.filters=[8,16]", "recipe.epochs=20", "study.replicates=2")
"""Sixteen runs of the default study on a small scale."""
MEASURED = ("train_seconds", "seconds_per_epoch", "peak_memory_bytes", "mlflow_run_id")
"""Columns of runs.csv that are measured anew, or named anew, whenever a run is trained."""
SHORTEST, LONGEST = 1.0, 25.0
"""Seconds after which the command is killed, drawn evenly between them."""
MOST_STARTS = 60


def main() -> None:
    """Run the rounds; the exit code says whether all of them ended as they should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "rounds.csv")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as place:
        undisturbed = Path(place) / "undisturbed"
        undisturbed.mkdir()
        with _command(undisturbed) as process:
            process.wait()
        for number in range(options.rounds):
            folder = Path(place) / str(number)
            folder.mkdir()
            rows.append({"round": number, **_round(folder, random.Random(number), undisturbed)})
            print(rows[-1], flush=True)
            with options.output.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)
    raise SystemExit(0 if all(row["equal"] and row["recorded"] for row in rows) else 1)


def _round(folder: Path, generator: random.Random, undisturbed: Path) -> dict[str, object]:
    """Kill until the study completes, then compare."""
    commands = workers = code = 0
    starts = 0
    for _ in range(MOST_STARTS):
        starts += 1
        with _command(folder) as process:
            end = time.monotonic() + generator.uniform(SHORTEST, LONGEST)
            while process.poll() is None and time.monotonic() < end:
                workers += _strike(process, generator)
                time.sleep(0.1)
            if process.poll() is None:
                process.kill()
                commands += 1
                continue
            code = process.returncode
            # 1: some run was killed more often than one command tries again; the next one does.
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
        "resumed": _events(folder, "resumed"),
        "epochs": _events(folder, "epoch"),
        "equal": code == 0 and table.equals(_table(undisturbed)),
        "recorded": _recorded(folder),
    }


def _strike(process: subprocess.Popen[bytes], generator: random.Random) -> int:
    """Once in some seconds, kill a worker, if there is one."""
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
def _command(folder: Path):
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
    return pd.read_csv(file, dtype=str).drop(columns=list(MEASURED))


def _events(folder: Path, kind: str) -> int:
    journals = (folder / "runs" / "xyz").glob("*/*/journal.jsonl")
    return sum(file.read_text().count(f'"event": "{kind}"') for file in journals)


def _recorded(folder: Path) -> bool:
    """Whether MLflow holds every run once, none of them open, no point twice."""
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
