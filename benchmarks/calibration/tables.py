"""The committed summary: what is promised, what was measured, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

Tables = Mapping[str, pd.DataFrame]

HEAD = """# Calibration: how often the analysis is right

Simulated studies with planted truth, judged by the same functions that `ablate.analysis.analyse`
calls, on arrays of thousands of studies at once. Written by

```
python -m benchmarks.calibration
```

Every number comes from fixed seeds. The CSV files beside this one hold every family.

**Families.** 2^3 cells; normal or heavy-tailed runs (Student's t with 3 degrees of freedom); equal
spread or a bare model 20 times as wild as the full one; no pairing, runs of a seed that share a
part (correlation 0.6), or runs of a seed that share a part for each level of each factor, as models
that share layers do; with and without interactions; 3, 5, 7 and 10 seeds.
"""


def summary(tables: Tables, studies: Mapping[str, int]) -> str:
    """The whole page."""
    parts = [
        HEAD,
        _coverage(tables["coverage"], studies["coverage"]),
        _false_claims(tables["false_claims"], studies["false_claims"]),
        _placebo(tables["placebo"], studies["placebo"]),
        _verdicts(tables["verdicts"], studies["verdicts"]),
        _simplest(tables["simplest"], studies["simplest"]),
        _rivals(tables["rivals"], studies["rivals"]),
    ]
    return "\n".join(parts)


def _coverage(table: pd.DataFrame, studies: int) -> str:
    ends = table.groupby(["n", "seeds used"]).agg(
        lowest=("lowest", "min"), highest=("highest", "max"), families=("lowest", "size")
    )
    rows = [
        (n, used, _percent(row.lowest), _percent(row.highest))
        for (n, used), row in zip(ends.index, ends.itertuples(), strict=True)
    ]
    return (
        "\n## Coverage of 95 % intervals\n\nPromise: 93 to 97 % in every family with 5 or more "
        "seeds. Lowest and highest coverage of any simple effect, main effect or interaction in "
        f"any family ({studies:,} studies each; families without pairing were also analysed as runs "
        "without seeds).\n\n"
        + _markdown(("seeds", "paired by seed", "lowest", "highest"), rows)
        + "\nAt 3 seeds paired intervals hold too; unpaired ones cover too much, so they are "
        "wider than they need be.\n"
    )


def _false_claims(table: pd.DataFrame, studies: int) -> str:
    names = ("in the full model", "on average", "in either")
    groups = table.groupby(["n", "truth"])[list(names)].agg(["mean", "max"])
    rows = [
        (*key, *(f"{_percent(row[name, 'mean'])} ({_percent(row[name, 'max'])})" for name in names))
        for key, row in groups.iterrows()
    ]
    return (
        "\n## False *needed* or *harmful*\n\nPromise: at most 5 % of studies with any such verdict "
        "on any part. Mean over families and margins of 0.2, 1 and 5 spreads, and in brackets the "
        f"largest of them ({studies:,} studies each, so that ± 0.4 points are chance).\n\n"
        + _markdown(("seeds", "truth", *names), rows)
    )


def _placebo(table: pd.DataFrame, studies: int) -> str:
    names = ("in the full model", "on average", "in either")
    groups = table.groupby("n")[list(names)].agg(["mean", "max"])
    rows = [
        (n, *(f"{_percent(row[name, 'mean'])} ({_percent(row[name, 'max'])})" for name in names))
        for n, row in groups.iterrows()
    ]
    return (
        "\n## A placebo beside three parts that matter\n\nPromise: called needed or harmful in at "
        f"most 5 % of studies. Mean and (largest) over families and margins as above ({studies:,} "
        f"studies each).\n\n" + _markdown(("seeds", *names), rows)
    )


def _verdicts(table: pd.DataFrame, studies: int) -> str:
    names = ("harmful", "not needed", "needed", "undecided")
    rows = [
        (
            row["verdict"],
            row["tails"],
            f"{row['effect']:g}",
            *(_percent(row[name], 2) for name in names),
            *_judged(row),
        )
        for _, row in table.iterrows()
    ]
    return (
        "\n## Verdicts on planted effects\n\n2^3 cells, 5 seeds, effects of 0, 0.5, 1, 2 and 4 "
        "margins drawn for each part; seed spread of a fifth of a margin for verdicts in the full "
        f"model, of half a margin for those on average ({studies:,} studies each). Promise: of "
        "effects of 0 or of 2 margins and more at least 95 % are judged right (not needed; needed), "
        "and at most 1 % the opposite (needed; not needed or harmful). Between them there is "
        "no right and wrong: an effect of half a margin is both above 0 and too small to matter.\n\n"
        + _markdown(("verdict", "tails", "effect", *names, "right", "opposite"), rows)
    )


def _judged(row: pd.Series) -> tuple[str, str]:
    if row["effect"] == 0:
        return _percent(row["not needed"], 2), _percent(row["needed"], 2)
    if row["effect"] >= 2:
        return _percent(row["needed"], 2), _percent(row["not needed"] + row["harmful"], 2)
    return "", ""


def _simplest(table: pd.DataFrame, studies: int) -> str:
    bad, right = "named one that loses the margin", "named the simplest"
    groups = table.groupby(["n", "spread over margin"])[[bad, right]].agg(["min", "max"])
    rows = [
        (
            n,
            spread,
            _percent(row[bad, "max"]),
            f"{_percent(row[right, 'min'])} to {_percent(row[right, 'max'])}",
        )
        for (n, spread), row in groups.iterrows()
    ]
    return (
        "\n## The simplest model\n\nOne part is worth exactly the margin, the hardest loss to see, "
        "and two are worth nothing. Promise: a model that loses the margin is named in at most "
        f"5 % of studies ({studies:,} each). Largest share of that, and range over families of the "
        "share in which the truly simplest was named; where the bare model is 20 times as wild, few "
        "seeds cannot show that it does.\n\n"
        + _markdown(("seeds", "spread over margin", "lost the margin", "named the simplest"), rows)
    )


def _rivals(table: pd.DataFrame, studies: int) -> str:
    width = "width against the one in use"
    rows = [
        (
            row["n"],
            row["method"],
            _percent(row["lowest"]),
            _percent(row["highest"]),
            f"{row[width]:.2f}",
        )
        for _, row in table.iterrows()
    ]
    return (
        f"\n## Why this interval\n\nCoverage over all families of runs with seeds ({studies:,} "
        "studies each) by method, and mean width against the method in use. With 5 or more seeds "
        "only the contrast within blocks with Student's t stays within 93 to 97 % everywhere. "
        "What is narrower is narrow because it trusts a structure (equal variances, seeds that "
        "shift all cells alike) that runs of neural networks need not have, or because a bootstrap "
        "of so few blocks cannot know their spread.\n\n"
        + _markdown(("seeds", "method", "lowest", "highest", "width"), rows)
    )


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def _markdown(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(str(item) for item in line)} |\n" for line in lines)
