"""The committed summary in Markdown: what is promised and what was measured."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import pandas as pd

SCOPES = ("in the full model", "on average", "in either")

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
level of each factor, as models with shared layers do; with and without interactions; 3, 5, 7 and 10
seeds.
"""


def summary(tables: Mapping[str, pd.DataFrame], studies: Mapping[str, int]) -> str:
    """Return the whole page."""
    sections = (
        _coverage,
        _false_claims,
        _placebo,
        _verdicts,
        _simplest,
        _adaptive,
        _adaptive_false_claims,
        _rivals,
        _exactness,
    )
    return HEAD + "".join(
        section(tables[name], f"{studies[name]:,}")
        for section in sections
        for name in (section.__name__.removeprefix("_"),)
    )


def _coverage(table: pd.DataFrame, studies: str) -> str:
    ends = table.groupby(["n", "seeds used"]).agg({"lowest": "min", "highest": "max"})
    return _section(
        "Coverage of 95 % intervals",
        f"""Promise: 93 to 97 % in every family with 5 or more seeds. Lowest and highest coverage of
        any simple effect, main effect or interaction in any family ({studies} studies each;
        families without pairing were also analysed as runs without seeds). With 3 seeds, paired
        intervals keep the promise too; unpaired ones can cover too often, so they are wider than
        necessary.""",
        ("seeds", "paired by seed", "lowest", "highest"),
        [(*key, _percent(row["lowest"]), _percent(row["highest"])) for key, row in ends.iterrows()],
    )


def _false_claims(table: pd.DataFrame, studies: str) -> str:
    groups = table.groupby(["n", "seeds used", "truth"])[list(SCOPES)].agg(["mean", "max"])
    return _section(
        "False *needed* or *harmful*",
        f"""Promise: at most 5 % of studies with any such verdict on any part. Mean over families
        and margins of 0.2, 1 and 5 spreads, and in brackets the largest of them ({studies} studies
        each, so differences of 0.3 points can be chance).""",
        ("seeds", "paired by seed", "truth", *SCOPES),
        [(*key, *_mean_and_most(row)) for key, row in groups.iterrows()],
    )


def _placebo(table: pd.DataFrame, studies: str) -> str:
    groups = table.groupby("n")[list(SCOPES)].agg(["mean", "max"])
    return _section(
        "A placebo next to three parts that matter",
        f"""Promise: called needed or harmful in at most 5 % of studies. Mean and largest over
        families and margins as above ({studies} studies each).""",
        ("seeds", *SCOPES),
        [(n, *_mean_and_most(row)) for n, row in groups.iterrows()],
    )


def _verdicts(table: pd.DataFrame, studies: str) -> str:
    names = ("harmful", "not needed", "needed", "undecided")
    return _section(
        "Verdicts on planted effects",
        f"""2^3 cells, 5 seeds, effects of 0, 0.5, 1, 2 and 4 margins drawn for each part; seed
        spread of a fifth of a margin for verdicts in the full model, of half a margin for verdicts
        on average ({studies} studies each). Promise for effects of 0, and of 2 margins or more: at
        least 95 % get the right verdict (not needed; needed) and at most 1 % the opposite one
        (needed or harmful; not needed or harmful). Between 0 and 2 margins no verdict is right or
        wrong: an effect of half a margin is above 0 but too small to matter.""",
        ("verdict", "tails", "effect", *names, "right", "opposite"),
        [
            (
                row["verdict"],
                row["tails"],
                f"{row['effect']:g}",
                *(_percent(row[name], 2) for name in names),
                *_right_and_opposite(row),
            )
            for _, row in table.iterrows()
        ],
    )


def _right_and_opposite(row: pd.Series) -> tuple[str, str]:
    if row["effect"] == 0:
        return _percent(row["not needed"], 2), _percent(row["needed"] + row["harmful"], 2)
    if row["effect"] >= 2:
        return _percent(row["needed"], 2), _percent(row["not needed"] + row["harmful"], 2)
    return "", ""


def _simplest(table: pd.DataFrame, studies: str) -> str:
    bad, right = "named one that loses the margin", "named the simplest"
    groups = table.groupby(["n", "spread over margin"])[[bad, right]].agg(["min", "max"])
    return _section(
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
                _percent(row[bad, "max"]),
                f"{_percent(row[right, 'min'])} to {_percent(row[right, 'max'])}",
            )
            for key, row in groups.iterrows()
        ],
    )


def _adaptive(table: pd.DataFrame, studies: str) -> str:
    names = ("harmful", "not needed", "needed", "undecided")
    saved = table.groupby("seed spread")["runs saved"].mean()
    average = (
        table.query("verdict == 'on average'")
        .groupby("seed spread")["if its kind alone asked"]
        .mean()[0.5]
    )
    halves = " and ".join(
        f"{_percent(share)} at a seed spread of {spread:g} margins"
        for spread, share in saved.items()
    )
    return _section(
        "Adaptive seeds: 3 to 12 in rounds against 12 for all",
        f"""The same planted effects as above; both verdicts ask for seeds ({studies} studies each).
        Promise: the same verdicts with at least 40 % fewer runs. Saved: {halves}, so
        {_percent(saved.mean())} over both (means over tails). The promise holds for both spreads
        together, not for the larger spread alone, where verdicts in the full model ask for more
        seeds than verdicts on average; if only the latter asked, {_percent(average)} would be saved
        there. *Same*: the verdict is the one that 12 seeds for every cell give, without correction
        for looks. *Other*: both studies decide, and differ. In the remaining cases one of the two
        is undecided. For effects of 0, *other* are false *harmful* verdicts, most of them in the
        study with 12 seeds. The two differ most for effects of half a margin, for which no verdict
        is right. Verdicts in the full model at a spread of half a margin are harder than the
        promise covers.""",
        ("seed spread", "verdict", "tails", "effect", *names, "same", "other"),
        [
            (
                f"{row['seed spread']:g}",
                row["verdict"],
                row["tails"],
                f"{row['effect']:g}",
                *(_percent(row[name]) for name in names),
                _percent(row["same as at most"]),
                _percent(row["another than at most"]),
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
    return _section(
        "Adaptive seeds: false claims",
        f"""The same promises after the last round, where each of four looks has a quarter of the
        error rate: *needed* or *harmful* of a part that does nothing in at most 5 % of studies
        (mean and largest over families), *not needed* of a part that is worth exactly the margin in
        at most 2.5 %, intervals that cover in 95 % or more ({studies} studies each). The margin is
        in spreads of the full model.""",
        ("truth", "margin", "needed or harmful", "not needed", "lowest coverage", "runs saved"),
        [
            (
                *key,
                f"{_percent(row[false, 'mean'])} ({_percent(row[false, 'max'])})",
                _percent(row[dropped, "max"]),
                _percent(row[covered, "min"]),
                f"{_percent(row[saved, 'min'])} to {_percent(row[saved, 'max'])}",
            )
            for key, row in rows.iterrows()
        ],
    )


def _rivals(table: pd.DataFrame, studies: str) -> str:
    return _section(
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
                _percent(row["lowest"]),
                _percent(row["highest"]),
                f"{row['width against the one in use']:.2f}",
            )
            for _, row in table.iterrows()
        ],
    )


def _exactness(table: pd.DataFrame, studies: str) -> str:
    kinds = [(name, tails) for name in ("power", "level") for tails in ("normal", "t3")]
    return _section(
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
                    f"{_percent(row[f'{name} of t, {tails}'])} / "
                    f"{_percent(row[f'{name} of flips, {tails}'])}"
                    for name, tails in kinds
                ),
            )
            for _, row in table.iterrows()
        ],
    )


def _mean_and_most(row: pd.Series) -> list[str]:
    return [f"{_percent(row[name, 'mean'])} ({_percent(row[name, 'max'])})" for name in SCOPES]


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def _section(title: str, prose: str, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    text = textwrap.fill(" ".join(prose.split()), 100, break_on_hyphens=False)
    lines = [heads, ["---"] * len(heads), *rows]
    table = "".join(f"| {' | '.join(str(item) for item in line)} |\n" for line in lines)
    return f"\n## {title}\n\n{text}\n\n{table}"
