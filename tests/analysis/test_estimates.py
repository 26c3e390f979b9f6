from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from pytest import param
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import AnovaRM, anova_lm
from statsmodels.stats.multitest import multipletests

from ablate.analysis.estimates import ALPHA, estimate, holm, mean_intervals, sign_flip_p

EFFECTS = ["X", "Y", "Z", "X:Y", "X:Z", "Y:Z", "X:Y:Z"]
ONE_LESS_OTHER = np.array([[1.0, -1.0]])


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def factorial(runs: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Responses `(seeds, 8)` as a long table, and the weights of `EFFECTS`."""
    signs = np.array(list(itertools.product((1, -1), repeat=3)))
    columns = [signs[:, [0]], signs[:, [1]], signs[:, [2]]]
    columns += [signs[:, [a]] * signs[:, [b]] for a, b in ((0, 1), (0, 2), (1, 2))]
    columns += [signs.prod(axis=1, keepdims=True)]
    table = pd.DataFrame(
        [
            {"X": a, "Y": b, "Z": c, "seed": seed, "y": runs[seed, cell]}
            for cell, (a, b, c) in enumerate(signs)
            for seed in range(len(runs))
        ]
    )
    return table, np.hstack(columns).T / 4


def test_two_cells_with_seeds_are_a_paired_t_test():
    runs = draw(6, 2)
    found = estimate(runs, ONE_LESS_OTHER, paired=True)
    oracle = stats.ttest_rel(runs[:, 0], runs[:, 1])

    assert found.estimate[0] == pytest.approx((runs[:, 0] - runs[:, 1]).mean())
    assert (found.low[0], found.high[0]) == pytest.approx(tuple(oracle.confidence_interval(0.95)))
    assert found.n[0] == 6


def test_two_cells_without_seeds_are_a_welch_test():
    runs = draw(7, 2) * [1, 20]
    runs[5:, 1] = np.nan
    found = estimate(runs, ONE_LESS_OTHER, paired=False)
    oracle = stats.ttest_ind(runs[:, 0], runs[:5, 1], equal_var=False)

    assert (found.low[0], found.high[0]) == pytest.approx(tuple(oracle.confidence_interval(0.95)))
    assert found.p[0] == pytest.approx(oracle.pvalue)
    assert found.df[0] == pytest.approx(oracle.df)
    assert found.n[0] == 5


def test_within_block_contrasts_are_the_repeated_measures_anova():
    table, weights = factorial(draw(5, 8))
    runs = table.pivot(index="seed", columns=["X", "Y", "Z"], values="y")
    runs = runs[list(itertools.product((1, -1), repeat=3))].to_numpy()
    found = estimate(runs, weights, paired=True)
    oracle = AnovaRM(table, "y", "seed", within=["X", "Y", "Z"]).fit().anova_table

    by_effect = oracle.loc[EFFECTS]
    assert (found.estimate / found.error) ** 2 == pytest.approx(by_effect["F Value"].to_numpy())
    assert found.p == pytest.approx(by_effect["Pr > F"].to_numpy())


def test_effects_hold_the_sums_of_squares_of_the_anova():
    table, weights = factorial(draw(4, 8, seed=1))
    runs = table["y"].to_numpy().reshape(8, 4).T
    found = estimate(runs, weights, paired=True)
    squares = anova_lm(ols("y ~ X * Y * Z", table).fit())["sum_sq"]

    expected = squares[EFFECTS].to_numpy()
    assert found.estimate**2 * runs.size / 4 == pytest.approx(expected)


def test_sign_flip_p_is_that_of_scipys_permutation_test():
    values = draw(9, 1) + 0.6
    oracle = stats.permutation_test(
        (values[:, 0],), np.mean, permutation_type="samples", n_resamples=np.inf
    )

    assert sign_flip_p(values)[0] == pytest.approx(oracle.pvalue)


def test_sign_flip_p_counts_equal_sums_as_equal():
    assert sign_flip_p(np.full((5, 1), 0.1))[0] == 2 / 2**5
    assert sign_flip_p(np.array([[0.1], [0.2], [-0.3]]))[0] == 1.0


@pytest.mark.parametrize(
    ("n", "contrasts", "flipped"),
    [
        param(5, 1, False, id="its smallest p is .0625"),
        param(7, 1, False, id="significant only with equal signs in all seeds"),
        param(8, 1, True, id="one test"),
        param(8, 3, False, id="three tests need more seeds"),
        param(9, 3, True, id="three tests"),
        param(17, 1, False, id="too many patterns to try all"),
    ],
)
def test_p_is_exact_where_it_can_clearly_be_significant(n, contrasts, flipped):
    runs = draw(n, 2) + np.array([3.0, 0.0])
    found = estimate(runs, np.repeat(ONE_LESS_OTHER, contrasts, axis=0), paired=True)

    change = runs[:, 0] - runs[:, 1]
    exact = sign_flip_p(change[:, None])[0] if flipped else stats.ttest_1samp(change, 0).pvalue
    assert found.exact.tolist() == [flipped] * contrasts
    assert found.p == pytest.approx(exact)


def test_holm_agrees_with_statsmodels_within_each_family():
    p = np.array([0.01, 0.04, np.nan, 0.03, 0.2, 0.001, 0.011])
    families = np.array([0, 0, 0, 0, 1, 1, 1])
    adjusted = holm(p, families)

    assert adjusted[[0, 1, 3]] == pytest.approx(multipletests(p[[0, 1, 3]], method="holm")[1])
    assert adjusted[4:] == pytest.approx(multipletests(p[4:], method="holm")[1])
    assert np.isnan(adjusted[2])


def test_an_incomplete_block_is_left_out_of_one_contrast_only():
    runs = draw(5, 3)
    runs[1, 2] = np.nan
    found = estimate(runs, np.array([[1.0, -1.0, 0.0], [1.0, 0.0, -1.0]]), paired=True)
    rest = np.delete(runs, 1, axis=0)

    assert found.n.tolist() == [5, 4]
    assert found.estimate[1] == pytest.approx((rest[:, 0] - rest[:, 2]).mean())
    assert found.p[1] == pytest.approx(stats.ttest_rel(rest[:, 0], rest[:, 2]).pvalue)


def test_cells_with_fewer_than_two_common_seeds_are_not_paired():
    runs = np.full((6, 2), np.nan)
    runs[:3, 0], runs[3:, 1] = draw(3), draw(3, seed=1)
    found = estimate(runs, ONE_LESS_OTHER, paired=True)

    assert not found.paired[0]
    assert found.p[0] == pytest.approx(
        stats.ttest_ind(runs[:3, 0], runs[3:, 1], equal_var=False).pvalue
    )


def test_a_cell_without_runs_affects_only_its_own_contrasts():
    runs = draw(4, 3)
    runs[:, 2] = np.nan
    for paired in (True, False):
        found = estimate(runs, np.array([[1.0, -1.0, 0.0], [1.0, 0.0, -1.0]]), paired=paired)

        assert np.isfinite(found.estimate[0])
        assert np.isnan([found.estimate[1], found.low[1], found.p[1]]).all()
        assert found.n[1] == 0


def test_one_run_gives_an_estimate_and_no_interval():
    found = estimate(np.array([[3.0, 1.0]]), ONE_LESS_OTHER, paired=True)

    assert found.estimate[0] == 2.0
    assert np.isnan([found.low[0], found.high[0], found.p[0]]).all()


@pytest.mark.parametrize("paired", [True, False])
def test_equal_differences_are_no_proof_beyond_their_signs(paired):
    # 0.97 - 0.96 is not exactly 0.96 - 0.95: a rounding error must not count as a spread.
    runs = np.array([[0.97, 0.96], [0.96, 0.95], [0.95, 0.94]])
    runs = runs if paired else np.array([[0.97, 0.96]] * 3)
    found = estimate(runs, ONE_LESS_OTHER, paired=paired)

    assert found.low[0] == found.high[0] == pytest.approx(0.01)
    assert found.p[0] == 0.25


def test_identical_cells_differ_by_nothing():
    runs = np.repeat(draw(3, 1), 2, axis=1)
    found = estimate(runs, ONE_LESS_OTHER, paired=True)

    assert (found.estimate[0], found.low[0], found.high[0], found.p[0]) == (0, 0, 0, 1)


def test_a_batch_of_studies_is_judged_as_each_alone():
    runs = draw(20, 9, 4)
    runs[3, 2, 1] = np.nan
    weights = np.array([[1.0, -1.0, 0.0, 0.0], [0.5, 0.5, -0.5, -0.5]])
    for paired in (True, False):
        together = estimate(runs, weights, paired=paired)
        for study in range(20):
            alone = estimate(runs[study], weights, paired=paired)
            assert together.low[study] == pytest.approx(alone.low)
            assert together.p_adjusted[study] == pytest.approx(alone.p_adjusted)


def test_cell_means_have_students_interval():
    runs = draw(5, 1)
    mean, low, high = mean_intervals(runs)
    oracle = stats.ttest_1samp(runs[:, 0], 0).confidence_interval(1 - ALPHA)

    assert mean[0] == pytest.approx(runs.mean())
    assert (low[0], high[0]) == pytest.approx(tuple(oracle))


@pytest.mark.parametrize("tails", ["normal", "t3"])
@pytest.mark.parametrize("spread", [param(1.0, id="equal"), param(20.0, id="x20")])
@pytest.mark.parametrize("shared", [param(0.0, id="unpaired"), param(3.0, id="paired")])
def test_intervals_cover_as_often_as_they_say(tails, spread, shared):
    rng = np.random.default_rng(5)
    shape = (4000, 5, 8)
    noise = rng.standard_normal(shape) if tails == "normal" else rng.standard_t(3, shape)
    noise = (noise + shared * rng.standard_normal((4000, 5, 1))) * np.geomspace(1, spread, 8)
    found = estimate(noise, factorial(np.zeros((1, 8)))[1], paired=True)

    rates = ((found.low <= 0) & (found.high >= 0)).mean(axis=0)
    # 0.93 to 0.97 is promised; with 4,000 studies chance adds up to half a point.
    assert rates.min() > 0.93
    assert rates.max() < 0.975
