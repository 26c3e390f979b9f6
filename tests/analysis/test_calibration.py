"""The committed tables of benchmarks/calibration keep the promises of the analysis."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks" / "calibration"
FAILING = ("fails 10 %", "fails 50 %")
HARDEST = "one part is worth almost the margin"
CHANCE = {8_000: 0.008, 10_000: 0.007}
"""Largest excess over a true 5 % among hundreds of families (3.2 standard errors), by studies."""


def table(name: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / f"{name}.csv")


def of_runs_that_learn(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[~rows["accident"].isin(FAILING)]


def test_intervals_cover_in_every_family_of_five_seeds_and_more():
    coverage = of_runs_that_learn(table("coverage")).query("n >= 5")
    assert coverage["lowest"].min() >= 0.93
    assert coverage["highest"].max() <= 0.97


def test_intervals_in_the_full_model_cover_where_other_runs_do_not_learn():
    coverage = table("coverage").query("n >= 5 and kind == 'simple'")
    assert coverage["lowest"].min() >= 0.93


def test_every_run_that_does_not_learn_is_counted_and_withholds_the_average():
    failures = table("failures")
    assert set(failures["accident"]) == set(FAILING)
    assert (failures["then counted"] == 1).all()
    assert (failures["then a verdict on average"] == 0).all()


def test_false_claims_are_rare():
    words = of_runs_that_learn(table("words"))
    easier = words[words["truth"] != HARDEST]
    assert easier["in either"].mean() < 0.05
    assert easier["in either"].max() <= 0.05 + CHANCE[8_000]


@pytest.mark.parametrize("word", ["needed", "helps", "harmful", "better"])
def test_each_word_is_rarely_false(word):
    words = of_runs_that_learn(table("words"))
    assert words[word].mean() < 0.05
    assert words[word].max() <= 0.05 + CHANCE[8_000]


def test_a_placebo_is_rarely_claimed_to_do_anything():
    rates = of_runs_that_learn(table("placebo"))["in either"]
    assert rates.mean() < 0.05
    assert rates.max() <= 0.05 + CHANCE[10_000]


def test_planted_effects_are_judged_right():
    judged = table("verdicts")
    easy = judged[(judged["n"] == 5) & (judged["seed spread"] < 0.6)]
    nothing, much = easy[easy["effect"] == 0], easy[easy["effect"] >= 2]
    assert (nothing["no difference"] + nothing["not needed"]).min() >= 0.95
    assert (nothing["needed"] + nothing["helps"] + nothing["harmful"]).max() <= 0.01
    assert much["needed"].min() >= 0.95
    assert (much["no difference"] + much["not needed"] + much["harmful"]).max() <= 0.01


def test_five_seeds_decide_two_margins_at_the_spread_of_the_default_study():
    judged = table("verdicts").query("n == 5 and `seed spread` == 0.6 and effect >= 2")
    assert judged["undecided"].max() <= 0.2


def test_a_model_that_loses_the_margin_is_rarely_accepted():
    assert table("simplest")["named one that loses the margin"].max() <= 0.05


def test_adaptive_seeds_save_runs_and_agree_with_the_most_seeds():
    judged = table("adaptive")
    promised = judged[
        (judged["seed spread"] == 0.2) & (judged["verdict"] == "in the full model")
        | (judged["seed spread"] == 0.5) & (judged["verdict"] == "on average")
    ]
    clear = promised[(promised["effect"] == 0) | (promised["effect"] >= 2)]
    assert judged["runs saved"].mean() >= 0.40
    assert clear["agrees with at most"].min() >= 0.95
    assert promised["agrees with at most"].mean() >= 0.95


def test_adaptive_seeds_keep_the_promises():
    rates = table("adaptive_false_claims")
    assert rates["in either"].max() <= 0.05
    assert rates["a part worth the margin called not needed"].max() <= 0.025
    assert rates["lowest coverage"].min() >= 0.95
