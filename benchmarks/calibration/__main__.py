"""Simulate studies and write how often the analysis is right.

    python -m benchmarks.calibration

The numbers are the same at each call: every simulated study comes from a fixed seed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from benchmarks.calibration import adaptive, failures, promises, words
from benchmarks.calibration.simulation import Row
from benchmarks.calibration.tables import summary

FOLDER = Path(__file__).parent
MEASURES: dict[Callable[[int], Iterable[Row]], int] = {
    promises.coverage: 10_000,
    failures.failures: 100,
    words.words: 8_000,
    promises.placebo: 10_000,
    promises.verdicts: 20_000,
    promises.simplest: 10_000,
    adaptive.adaptive: 10_000,
    adaptive.adaptive_false_claims: 1_500,
    promises.rivals: 1_000,
    promises.exactness: 10_000,
}


def main() -> None:
    tables = {}
    for measure, studies in MEASURES.items():
        name, start = measure.__name__, time.perf_counter()
        tables[name] = pd.DataFrame(measure(studies))
        tables[name].to_csv(FOLDER / f"{name}.csv", index=False, float_format="%.4f")
        print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    (FOLDER / "README.md").write_text(
        summary(tables, {measure.__name__: n for measure, n in MEASURES.items()}), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
