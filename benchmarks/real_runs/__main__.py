"""Draw subsamples of the real runs and write what they say.

    python -m benchmarks.real_runs

reads `runs.csv` next to this file; the numbers are the same at each call.
"""

from __future__ import annotations

import pandas as pd

from benchmarks.real_runs import measures
from benchmarks.real_runs.subsamples import FOLDER
from benchmarks.real_runs.tables import summary

COUNTS = {measures.coverage: 1000, measures.verdicts: 300, measures.further_seeds: 100}
"""How many subsamples, or pairs of them, each table draws for every response and n."""


def main() -> None:
    """Write the tables and the page."""
    tables = {}
    for measure, count in COUNTS.items():
        name = measure.__name__
        tables[name] = pd.DataFrame(measure(count))
        tables[name].to_csv(FOLDER / f"{name}.csv", index=False, float_format="%.4f")
    counts = {measure.__name__: count for measure, count in COUNTS.items()}
    (FOLDER / "README.md").write_text(summary(tables, counts), encoding="utf-8")


if __name__ == "__main__":
    main()
