"""The committed tables of benchmarks/real_runs keep the promises of the analysis."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks" / "real_runs"


def table(name: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / f"{name}.csv")


def test_disjoint_sets_of_real_seeds_rarely_contradict_each_other():
    pairs = table("verdicts")
    assert pairs.loc[pairs["n"] == pairs["n"].max(), "opposite"].max() <= 0.01


def test_further_real_seeds_decide_as_often_as_the_report_says():
    tested = table("further_seeds").query("tested > 0")
    decided = (tested["decided"] * tested["tested"]).sum() / tested["tested"].sum()
    assert decided >= 0.8


def test_twenty_real_seeds_a_cell_were_trained():
    assert (table("runs").groupby("cell")["seed"].nunique() >= 20).all()


def test_intervals_in_the_full_model_of_five_real_seeds_and_more_cover():
    coverage = table("coverage").query("n >= 5 and kind == 'in the full model'")["coverage"]
    assert coverage.min() >= 0.93
    assert coverage.max() <= 0.97
