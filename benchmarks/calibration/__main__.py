"""Simulates studies and writes how often the analysis is right.

    python -m benchmarks.calibration

Same command, same numbers: every simulated study comes from a fixed seed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from benchmarks.calibration import promises
from benchmarks.calibration.tables import summary

FOLDER = Path(__file__).parent
STUDIES = {
    "coverage": 20_000,
    "false_claims": 20_000,
    "placebo": 20_000,
    "verdicts": 50_000,
    "simplest": 10_000,
    "rivals": 4_000,
    "exactness": 10_000,
}


def main() -> None:
    tables = {}
    for name, studies in STUDIES.items():
        start = time.perf_counter()
        measure: Callable[[int], object] = getattr(promises, name)
        tables[name] = pd.DataFrame(measure(studies))
        tables[name].to_csv(FOLDER / f"{name}.csv", index=False, float_format="%.4f")
        print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    (FOLDER / "README.md").write_text(summary(tables, STUDIES), encoding="utf-8")


if __name__ == "__main__":
    main()
