"""The comparison: `python -m benchmarks.overhead` writes `pairs.csv` next to this file."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
WORKERS = 2


def main() -> None:
    """Run the default study with and without reliability, and print the ratio of each pair."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "pairs.csv")
    parser.add_argument("overrides", nargs="*")
    options = parser.parse_args()
    rows = []
    for number in range(options.pairs + 1):
        with tempfile.TemporaryDirectory() as parent:
            # Alternate the order, so that neither is always first.
            order = ["timed", "bare"] if number % 2 else ["bare", "timed"]
            walls = {kind: _study(Path(parent) / kind, kind, options.overrides) for kind in order}
            spent = _spent(Path(parent) / "timed")
        if number == 0:
            continue  # warm-up
        row = {
            "pair": number,
            "seconds": round(walls["timed"], 2),
            "seconds_without": round(walls["bare"], 2),
            "ratio": round(walls["timed"] / walls["bare"], 4),
            **{
                f"{kind}_share": round(seconds / WORKERS / walls["timed"], 5)
                for kind, seconds in spent.items()
            },
        }
        rows.append(row)
        print(row, flush=True)
        pd.DataFrame(rows).to_csv(options.output, index=False)
    for column in ("ratio", "checkpoints_share", "journal_share"):
        print(f"median {column}: {statistics.median(row[column] for row in rows):.4f}")


def _study(folder: Path, kind: str, overrides: list[str]) -> float:
    """Wall time of the command, in seconds."""
    folder.mkdir()
    command = [sys.executable, "-m", "benchmarks.overhead.study", kind, "--multirun", *overrides]
    started = time.perf_counter()
    subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - started


def _spent(folder: Path) -> dict[str, float]:
    """Seconds that all workers together spent on each kind of work."""
    runs = [json.loads(file.read_text()) for file in folder.rglob("spent.json")]
    return {kind: sum(run[kind] for run in runs) for kind in runs[0]}


if __name__ == "__main__":
    main()
