"""The committed summary in Markdown: what is promised and what was measured."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import pandas as pd

from benchmarks.calibration.families import FAILING

SCOPES = ("in the full model", "on average", "in either")
CLAIMS = ("needed", "helps", "harmful", "better", "worse")
DROPPING = ("no difference", "not needed")
WORDS = ("needed", "no difference", "helps", "harmful", "not needed", "undecided")

HEAD = """# Calibration: how often the analysis is right

Simulated studies with planted truth, judged by the same functions that `ablate.analysis.analyse`
calls, on arrays of thousands of studies at once. This page, and the CSV files next to it with the
numbers of every family, are written by

```
python -m benchmarks.calibration
```

Every number comes from fixed seeds.

**Families.** 2^3 cells; normal or heavy-tailed runs (Student's t with 3 degrees of freedom); equal
spread, or a bare model with 20 times the spread of the full model; no pairing, runs of a seed that
share a component of the noise (correlation 0.6), or runs of a seed that share a component for each
level of each factor, as models with shared layers do; with and without interactions; 3, 5 and 8
seeds. Then log-normal runs (skewness 1.75, the long tail towards worse responses); normal runs
whose accuracies are counted over 359 images, at a spread of 0.3 points; and a bare model of which
10 % or 50 % of the runs do not learn and are 90 spreads below the others. What real runs give is in
`benchmarks/real_runs`.
"""


def summary(tables: Mapping[str, pd.DataFrame], studies: Mapping[str, int]) -> str:
    """Return the whole page."""
    sections = (
        _coverage,
        _failures,
        _words,
        _placebo,
        _verdicts,
        _simplest,
        _adaptive,
        _adaptive_false_claims,
        _rivals,
        _exactness,
    )
    return HEAD + "".join(
        write(tables[name], f"{studies[name]:,}")
        for write in sections
        for name in (write.__name__.removeprefix("_"),)
    )


def _coverage(table: pd.DataFrame, studies: str) -> str:
    learning = table[~table["accident"].isin(FAILING)]
    ends = learning.groupby(["n", "seeds used"]).agg({"lowest": "min", "highest": "max"})
    prose = f"""Promise: 93 to 97 % in every family with 5 or more seeds. Lowest and highest
        coverage of any simple effect, main effect or interaction in any family without runs that do
        not
        learn ({studies} studies each; families without pairing were also analysed as runs without
        seeds, which can cover too often with few seeds: such intervals are wider than
        necessary)."""
    return section(
        "Coverage of 95 % intervals",
        prose,
        ("seeds", "paired by seed", "lowest", "highest"),
        [(*key, percent(row["lowest"]), percent(row["highest"])) for key, row in ends.iterrows()],
    ) + _coverage_of_failures(table, studies)


def _coverage_of_failures(table: pd.DataFrame, studies: str) -> str:
    failing = table[table["accident"].isin(FAILING) & (table["seeds used"] == "yes")]
    ends = failing.groupby(["accident", "n", "kind"], sort=False).agg(
        {"lowest": "min", "highest": "max"}
    )
    return section(
        "Coverage where runs of the bare model do not learn",
        f"""No promise: no interval from few seeds can see a failure that did not occur ({studies}
        studies each). Effects in the full model need no run of the bare model, and are covered as
        above; averages and interactions are not. So where a run does not learn, the report counts
        such runs and withholds the verdict on average (next section).""",
        ("bare model", "seeds", "effects", "lowest", "highest"),
        [(*key, percent(row["lowest"]), percent(row["highest"])) for key, row in ends.iterrows()],
    )


def _failures(table: pd.DataFrame, studies: str) -> str:
    return section(
        "What the report says of runs that do not learn",
        f"""Whole studies, analysed as a user's ({studies} each), on the scale of an accuracy with
        ten classes. Promise: wherever a run did not learn, the report counts it, and gives no
        verdict on average. Where none failed, it says which rate of failures so many seeds cannot
        exclude.""",
        (
            "bare model",
            "seeds",
            "a run failed",
            "then counted",
            "then a verdict on average",
            "else a bound on the rate",
        ),
        [
            (
                row["accident"],
                row["n"],
                percent(row["a run failed"]),
                percent(row["then counted"]),
                percent(row["then a verdict on average"]),
                percent(row["else a bound"]) if row["else a bound"] == row["else a bound"] else "",
            )
            for _, row in table.iterrows()
        ],
    )


def _words(table: pd.DataFrame, studies: str) -> str:
    learning = table[~table["accident"].isin(FAILING)]
    names = ("in either", *CLAIMS, *DROPPING)
    groups = learning.groupby(["n", "seeds used", "truth"], sort=False)[list(names)]
    return section(
        "How often each word is false",
        f"""Share of studies in which a word is false of any part, in the full model or on average.
        *Needed* is false of a part that is worth less than the margin, *helps* and *better* of one
        that is worth nothing, *harmful* and *worse* of one that does no harm, *no difference* and
        *not needed* of one that is worth the margin (*no difference* also of one that harms so
        much). Promise: each of *needed*, *helps*, *harmful* and *better* is false in at most 5 % of
        studies, and so is any of the first three together (column *claims*), except next to a part
        that is worth 99.9 % of the margin, the hardest case: there *needed* is false by a hair in
        up to 5 %, and the other false claims come on top. Mean over families without runs that do
        not learn and margins
        of 0.2, 1 and 5 spreads, and in brackets the largest of them ({studies} studies each, so
        differences of 1 point can be chance). *Better* and *worse* are the words for the same
        runs if the parts are alternatives.""",
        ("seeds", "paired by seed", "truth", "claims", *CLAIMS, *DROPPING),
        [
            (*key, *_mean_and_most(row, names))
            for key, row in groups.agg(["mean", "max"]).iterrows()
        ],
    )


def _placebo(table: pd.DataFrame, studies: str) -> str:
    groups = table.groupby("n")[list(SCOPES)].agg(["mean", "max"])
    return section(
        "A placebo next to three parts that matter",
        f"""Promise: called needed, helping or harmful in at most 5 % of studies. Mean and largest
        over families and margins as above ({studies} studies each).""",
        ("seeds", *SCOPES),
        [(n, *_mean_and_most(row)) for n, row in groups.iterrows()],
    )


def _verdicts(table: pd.DataFrame, studies: str) -> str:
    return section(
        "Verdicts on planted effects",
        f"""2^3 cells, effects of 0, 0.5, 1, 2 and 4 margins drawn for each part ({studies} studies
        each). Promise with 5 seeds, a spread of a fifth of a margin in the full model and of half a
        margin on average: of effects of 0 and of 2 margins or more, at least 95 % get a right
        verdict (*no difference* or *not needed*; *needed*) and at most 1 % the opposite one. The
        spread of the default study is about 0.6 margins, which 5 seeds decide for effects of 2
        margins and more.""",
        ("verdict", "seeds", "spread in margins", "tails", "effect", *WORDS, "right", "opposite"),
        [
            (
                row["verdict"],
                row["n"],
                f"{row['seed spread']:g}",
                row["tails"],
                f"{row['effect']:g}",
                *(percent(row[name], 2) for name in WORDS),
                *_right_and_opposite(row),
            )
            for _, row in table.iterrows()
        ],
    )


def _right_and_opposite(row: pd.Series) -> tuple[str, str]:
    dropped = row["no difference"] + row["not needed"]
    if row["effect"] == 0:
        return percent(dropped, 2), percent(row["needed"] + row["helps"] + row["harmful"], 2)
    if row["effect"] >= 2:
        return percent(row["needed"], 2), percent(dropped + row["harmful"], 2)
    return "", ""


def _simplest(table: pd.DataFrame, studies: str) -> str:
    bad, right = "named one that loses the margin", "named the simplest"
    groups = table.groupby(["n", "spread over margin"])[[bad, right]].agg(["min", "max"])
    return section(
        "The simplest model",
        f"""One part is worth exactly the margin, the hardest loss to see, and two are worth
        nothing. Promise: a model that loses the margin is named in at most 5 % of studies
        ({studies} each). The table has the largest share of such studies, and the range over
        families of the share in which the truly simplest model was named. Where the bare model has
        20 times the spread, few seeds cannot show what it does.""",
        ("seeds", "spread over margin", "lost the margin", "named the simplest"),
        [
            (
                *key,
                percent(row[bad, "max"]),
                f"{percent(row[right, 'min'])} to {percent(row[right, 'max'])}",
            )
            for key, row in groups.iterrows()
        ],
    )


def _adaptive(table: pd.DataFrame, studies: str) -> str:
    saved = table.groupby("seed spread")["runs saved"].mean()
    average = (
        table.query("verdict == 'on average'")
        .groupby("seed spread")["if its kind alone asked"]
        .mean()[0.5]
    )
    halves = " and ".join(
        f"{percent(share)} at a seed spread of {spread:g} margins"
        for spread, share in saved.items()
    )
    return section(
        "Adaptive seeds: 3 to 12 in rounds against 12 for all",
        f"""The same planted effects as above; both verdicts ask for seeds ({studies} studies each).
        Promise: verdicts that agree, with at least 40 % fewer runs. Saved: {halves}, so
        {percent(saved.mean())} over both (means over tails). The promise holds for both spreads
        together, not for the larger spread alone, where verdicts in the full model ask for more
        seeds than verdicts on average; if only the latter asked, {percent(average)} would be saved
        there. *Agrees*: with the verdict that 12 seeds for every cell give, without correction for
        looks, in that both can be true (a part that *helps* can be *needed*), or both are
        undecided. *Contradicts*: both cannot be true. In the remaining cases one of the two is
        undecided. Verdicts in the full model at a spread of half a margin are harder than the
        promise covers.""",
        ("seed spread", "verdict", "tails", "effect", *WORDS, "agrees", "contradicts"),
        [
            (
                f"{row['seed spread']:g}",
                row["verdict"],
                row["tails"],
                f"{row['effect']:g}",
                *(percent(row[name]) for name in WORDS),
                percent(row["agrees with at most"]),
                percent(row["contradicts at most"]),
            )
            for _, row in table.iterrows()
        ],
    )


def _adaptive_false_claims(table: pd.DataFrame, studies: str) -> str:
    false, dropped = "in either", "a part worth the margin called not needed"
    covered, saved = "lowest coverage", "runs saved"
    groups = table.groupby(["truth", "margin"])
    rows = groups.agg({
        false: ["mean", "max"], dropped: ["max"], covered: ["min"], saved: ["min", "max"]
    })  # fmt: skip
    return section(
        "Adaptive seeds: false claims",
        f"""The same promises after the last round, where each of four looks has a quarter of the
        error rate: a false *needed*, *helps* or *harmful* in at most 5 % of studies (mean and
        largest over families), *not needed* or *no difference* of a part that is worth exactly the
        margin in at most 2.5 %, intervals that cover in 95 % or more ({studies} studies each). The
        margin is in spreads of the full model.""",
        ("truth", "margin", "false claims", "part left out", "lowest coverage", "runs saved"),
        [
            (
                *key,
                f"{percent(row[false, 'mean'])} ({percent(row[false, 'max'])})",
                percent(row[dropped, "max"]),
                percent(row[covered, "min"]),
                f"{percent(row[saved, 'min'])} to {percent(row[saved, 'max'])}",
            )
            for key, row in rows.iterrows()
        ],
    )


def _rivals(table: pd.DataFrame, studies: str) -> str:
    return section(
        "Why this interval",
        f"""Coverage over all families of runs with seeds ({studies} studies each) by method, and
        mean width against the method in use. Only the contrast within blocks with Student's t
        stays within 93 to 97 % everywhere. The narrower methods are narrow because they assume a
        structure (equal variances, seeds that shift all cells equally) that runs of neural networks
        need not have, or because a bootstrap of so few blocks underestimates the spread.""",
        ("seeds", "method", "lowest", "highest", "width"),
        [
            (
                row["n"],
                row["method"],
                percent(row["lowest"]),
                percent(row["highest"]),
                f"{row['width against the one in use']:.2f}",
            )
            for _, row in table.iterrows()
        ],
    )


def _exactness(table: pd.DataFrame, studies: str) -> str:
    kinds = [(name, tails) for name in ("power", "level") for tails in ("normal", "t3")]
    return section(
        "Why this p value",
        f"""Student's t / exact sign-flip test at the first threshold of Holm's correction over so
        many tests ({studies} studies each): power where t has 80 %, and share of studies without
        any effect that pass. Where the sign-flip test can only just be significant, it has little
        power; it is used only where it costs little power.""",
        ("tests", "seeds", "in use", *(f"{name}, {tails}" for name, tails in kinds)),
        [
            (
                row["tests"],
                row["n"],
                row["in use"],
                *(
                    f"{percent(row[f'{name} of t, {tails}'])} / "
                    f"{percent(row[f'{name} of flips, {tails}'])}"
                    for name, tails in kinds
                ),
            )
            for _, row in table.iterrows()
        ],
    )


def _mean_and_most(row: pd.Series, names: Sequence[str] = SCOPES) -> list[str]:
    return [f"{percent(row[name, 'mean'])} ({percent(row[name, 'max'])})" for name in names]


def percent(share: float, digits: int = 1) -> str:
    """Return a share in percent."""
    return f"{100 * share:.{digits}f} %"


def section(title: str, prose: str, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    text = textwrap.fill(" ".join(prose.split()), 100, break_on_hyphens=False)
    lines = [heads, ["---"] * len(heads), *rows]
    table = "".join(f"| {' | '.join(str(item) for item in line)} |\n" for line in lines)
    return f"\n## {title}\n\n{text}\n\n{table}"
