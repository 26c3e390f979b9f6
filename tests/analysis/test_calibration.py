"""The committed tables of benchmarks/calibration keep the promises of the analysis."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks" / "calibration"
CHANCE = 0.004
"""Largest excess over a true 5 % among hundreds of families of 20,000 studies each."""


def table(name: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / f"{name}.csv")


def test_intervals_cover_in_every_family_of_five_seeds_and_more():
    coverage = table("coverage").query("n >= 5")

    assert coverage["lowest"].min() >= 0.93
    assert coverage["highest"].max() <= 0.97


@pytest.mark.parametrize("name", ["false_claims", "placebo"])
def test_false_claims_are_rare(name):
    rates = table(name)["in either"]

    assert rates.mean() < 0.05
    assert rates.max() <= 0.05 + CHANCE


def test_planted_effects_are_judged_right():
    judged = table("verdicts")
    nothing, much = judged[judged["effect"] == 0], judged[judged["effect"] >= 2]

    assert nothing["not needed"].min() >= 0.95
    assert (nothing["needed"] + nothing["harmful"]).max() <= 0.01
    assert much["needed"].min() >= 0.95
    assert (much["not needed"] + much["harmful"]).max() <= 0.01


def test_a_model_that_loses_the_margin_is_rarely_accepted():
    assert table("simplest")["named one that loses the margin"].max() <= 0.05


def test_adaptive_seeds_save_runs_and_give_the_same_verdicts():
    judged = table("adaptive")
    promised = judged[
        (judged["seed spread"] == 0.2) & (judged["verdict"] == "in the full model")
        | (judged["seed spread"] == 0.5) & (judged["verdict"] == "on average")
    ]
    clear = promised[(promised["effect"] == 0) | (promised["effect"] >= 2)]

    assert judged["runs saved"].mean() >= 0.40
    assert clear["same as at most"].min() >= 0.95
    assert promised["same as at most"].mean() >= 0.95


def test_adaptive_seeds_keep_the_promises():
    rates = table("adaptive_false_claims")

    assert rates["in either"].max() <= 0.05
    assert rates["a part worth the margin called not needed"].max() <= 0.025
    assert rates["lowest coverage"].min() >= 0.95
