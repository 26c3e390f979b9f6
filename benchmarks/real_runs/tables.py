"""The committed page on the real runs in Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from benchmarks.calibration.tables import percent, section
from benchmarks.real_runs.measures import WITHHELD, WORDS
from benchmarks.real_runs.subsamples import FOLDER

HEAD = """# Real runs: what the analysis says of few seeds, against all

`runs.csv` holds {runs} runs of the default study, {seeds} seeds a cell, as this command writes them
into `reports/xyz/runs.csv` (columns of times, memory and MLflow left out):

```
python -m ablate --multirun recipe.epochs=10 study.replicates={seeds}
```

This page and the other tables are written by `python -m benchmarks.real_runs`, which draws
subsamples of the {seeds} seeds and judges them as a user's study. The margin is one point of test
accuracy, and 0.03 of test loss.
"""


def summary(tables: Mapping[str, pd.DataFrame], counts: Mapping[str, int]) -> str:
    """Return the whole page."""
    runs = pd.read_csv(FOLDER / "runs.csv")
    return (
        HEAD.format(runs=len(runs), seeds=runs["seed"].nunique())
        + _cells(runs)
        + _coverage(tables["coverage"], counts["coverage"])
        + _verdicts(tables["verdicts"], counts["verdicts"])
        + _opposite(tables["verdicts"], counts["verdicts"])
        + _further_seeds(tables["further_seeds"], counts["further_seeds"])
    )


def _cells(runs: pd.DataFrame) -> str:
    rows = [
        (
            cell.replace(",", ", "),
            percent(own.mean()),
            percent(own.std()),
            percent(own.min()),
            f"{int((own < 0.145).sum())} of {len(own)}",
        )
        for cell, own in runs.groupby("cell", sort=False)["test_accuracy"]
    ]
    return section(
        "The runs",
        """Mean test accuracy, its standard deviation over the seeds, the lowest, and how many runs
        did not learn (guessing gives 10 %).""",
        ("cell", "mean", "s.d.", "lowest", "did not learn"),
        rows,
    )


def _coverage(table: pd.DataFrame, count: int) -> str:
    groups = table.groupby(["response", "kind", "n"], sort=False)["coverage"].agg(["min", "max"])
    return section(
        "Coverage of 95 % intervals",
        f"""Of the mean of all seeds, in {count:,} subsamples of n seeds without replacement, whose
        error is scaled by 1 / sqrt(1 - n / all). Lowest and highest of the effects of a kind. The
        larger the share, the more subsamples overlap, and the rougher are these numbers. Averages
        and interactions use the cell of which some runs do not learn, which no interval of so few
        seeds describes; for them the report gives no verdict on average.""",
        ("response", "effects", "seeds", "lowest", "highest"),
        [(*key, percent(row["min"]), percent(row["max"])) for key, row in groups.iterrows()],
    )


def _verdicts(table: pd.DataFrame, count: int) -> str:
    words = [word for word in (*WORDS, WITHHELD) if table[word].any()]
    return section(
        "Verdicts",
        f"""Share of each verdict in {2 * count:,} subsamples. *{WITHHELD}*: withheld, since a run
        did not learn or another part changes the effect; the report then gives the effect at each
        setting of the other part.""",
        ("response", "effect", "", "seeds", *words),
        [
            (
                row["response"],
                row["effect"],
                row["kind"],
                row["n"],
                *(percent(row[word], 0) for word in words),
            )
            for _, row in table.sort_values(["response", "effect", "kind", "n"]).iterrows()
        ],
    )


def _opposite(table: pd.DataFrame, count: int) -> str:
    groups = table.groupby(["response", "n"], sort=False)
    return section(
        "Two disjoint sets of seeds",
        f"""Promise: of two disjoint sets of 8 seeds, verdicts that cannot both be true (such as
        *needed* and *not needed*, or *helps* and *harmful*) in at most 1 % of {count:,} pairs.
        *Anywhere*: on any effect of the study. *Other words*: verdicts that differ, most often
        since one of the two is undecided; largest share of an effect.""",
        ("response", "seeds", "opposite, worst effect", "opposite anywhere", "other words"),
        [
            (
                *key,
                percent(own["opposite"].max()),
                percent(own["opposite anywhere"].max()),
                percent(own["differ"].max()),
            )
            for key, own in groups
        ],
    )


def _further_seeds(table: pd.DataFrame, count: int) -> str:
    rows = [
        (
            row["response"],
            row["n"],
            row["effect"],
            row["asked"],
            f"{row['low']:.0f} to {row['high']:.0f}",
            row["tested"],
            "" if math.isnan(row["decided"]) else percent(row["decided"], 0),
        )
        for _, row in table.iterrows()
    ]
    groups = table[table["tested"] > 0].groupby("n")
    shares = [
        f"{percent((own['decided'] * own['tested']).sum() / own['tested'].sum(), 0)} with {n} seeds"
        for n, own in groups
    ]
    return section(
        "How many further seeds",
        f"""Promise: with the upper end of the range that the report names, 4 of 5 are decided.
        {count} subsamples for each row; *asked*: in so many the effect was undecided. Real seeds
        were added, so only ranges that end within the seeds at hand could be tested. Decided:
        {" and ".join(shares)}. *Range*: medians of its ends.""",
        ("response", "seeds", "effect", "asked", "range", "tested", "decided"),
        rows,
    )
