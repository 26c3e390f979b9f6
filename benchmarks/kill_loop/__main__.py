"""The loop: `python -m benchmarks.kill_loop` writes `rounds.csv` next to this file."""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from benchmarks.outcome import is_recorded, table_of

ROOT = Path(__file__).resolve().parents[2]
STUDY = ("--multirun", "model.filters=[8,16]", "recipe.epochs=20", "study.replicates=2")
"""Sixteen runs of the default study with small models."""
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
    table = table_of(folder, "xyz")
    return {
        "commands": starts,
        "commands_killed": commands,
        "workers_killed": workers,
        "exit_code": code,
        "runs": len(table),
        "complete": int((table["status"] == "complete").sum()),
        "resumed": _count_events(folder, "resumed"),
        "epochs": _count_events(folder, "epoch"),
        "equal": code == 0 and table.equals(table_of(uninterrupted, "xyz")),
        "recorded": is_recorded(folder, runs=16, epochs=20),
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


def _count_events(folder: Path, kind: str) -> int:
    journals = (folder / "runs" / "xyz").glob("*/*/journal.jsonl")
    return sum(file.read_text().count(f'"event": "{kind}"') for file in journals)


if __name__ == "__main__":
    main()
