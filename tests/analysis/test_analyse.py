from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ablate.analysis import estimates
from ablate.analysis.analyse import analyse
from ablate.analysis.contrasts import contrasts_of
from ablate.analysis.effects import families_of
from ablate.analysis.estimates import estimate
from ablate.analysis.verdicts import VERDICTS, judge
from ablate.study.design import cells_of
from ablate.study.response import Response
from tests.analysis.planted import broken, named, noisy, study_of


def test_cells_table_holds_means_differences_and_costs():
    study = study_of("x", "y", replicates=4)
    runs = noisy(study, x=3.0).assign(parameters=10, macs=[7] * 8 + [5] * 8)
    cells = analyse(runs, study).cells
    scores = runs["score"].to_numpy().reshape(4, 4)
    oracle = stats.ttest_rel(scores[2], scores[0])

    assert cells["cell"].tolist() == [cell.slug for cell in cells_of(study)]
    assert cells["n"].tolist() == cells["n_planned"].tolist() == [4, 4, 4, 4]
    assert cells["score_mean"].to_numpy() == pytest.approx(scores.mean(axis=1))
    assert cells["difference"].isna().tolist() == [True, False, False, False]
    assert cells["difference"][2] == pytest.approx((scores[2] - scores[0]).mean())
    ends = cells.loc[2, ["difference_low", "difference_high"]].to_list()
    assert ends == pytest.approx(list(oracle.confidence_interval(0.95)))
    assert cells["macs"].tolist() == [7, 7, 5, 5]
    assert cells["train_seconds"].isna().all()


def test_effects_are_oriented_and_differences_of_cells_are_not():
    study = study_of("x", responses=(Response("score", "lower"),))
    analysis = analyse(noisy(study, spread=0.1, x=3.0), study)

    assert analysis.cells["difference"][1] == pytest.approx(-3, abs=0.5)
    assert named(analysis, "x", "simple").estimate == pytest.approx(-3, abs=0.5)
    assert named(analysis, "x", "simple").verdict == "harmful"


def test_further_responses_have_their_own_columns():
    study = study_of(
        "x", responses=(Response("score", "higher"), Response("train_seconds", "lower"))
    )
    cells = analyse(noisy(study).assign(train_seconds=2.0), study).cells

    assert cells["train_seconds_mean"].tolist() == cells["train_seconds"].tolist() == [2.0, 2.0]


def test_a_failed_run_removes_its_block_from_the_effects_that_need_it():
    study = study_of("x", "y")
    runs = noisy(study)
    lost = (runs["x"] == "absent") & (runs["y"] == "present") & (runs["seed"] == 1)
    analysis = analyse(broken(runs, lost), study)

    assert analysis.cells["n"].tolist() == [5, 5, 4, 5]
    assert named(analysis, "x", "simple").n == 4
    assert named(analysis, "y", "simple").n == 5
    assert named(analysis, "y", "main").n == 4


def test_the_order_of_rows_and_the_type_of_seeds_change_nothing():
    study = study_of("x", "y", "z")
    runs = noisy(study, x=2.0)
    first = analyse(runs, study)
    second = analyse(runs.sample(frac=1, random_state=3).astype({"seed": int}), study)

    assert first.effects == second.effects
    pd.testing.assert_frame_equal(first.cells, second.cells)
    pd.testing.assert_frame_equal(first.attribution, second.attribution)


@pytest.mark.parametrize("replicates", [2, 5, 10])
def test_a_study_and_the_calibration_get_the_same_numbers(replicates):
    # The calibration in benchmarks/ judges arrays of studies; a user's table must give the same.
    study = study_of("x", "y", "z", replicates=replicates)
    runs = noisy(study, x=3.0, y=0.7)
    analysis = analyse(runs, study)
    contrasts = contrasts_of(study, cells_of(study))
    weights = np.array([contrast.weights for contrast in contrasts])
    batch = runs["score"].to_numpy().reshape(1, 8, replicates).transpose(0, 2, 1)
    found = estimate(batch, weights, paired=True, families=families_of(contrasts))
    codes = judge(found, study.margin)

    for index, effect in enumerate(analysis.effects):
        expected = (found.estimate, found.low, found.high, found.p, found.p_adjusted)
        numbers = (effect.estimate, effect.low, effect.high, effect.p, effect.p_adjusted)
        assert numbers == pytest.approx([values[0, index] for values in expected])
        if effect.withheld is not None:
            assert (effect.verdict, replicates) == (None, 2)
        elif effect.kind != "interaction":
            assert effect.verdict is VERDICTS[codes[0, index]]


def test_many_effects_are_estimated_in_few_calls(monkeypatch):
    calls = []

    def counted(responses, weights, **options):
        calls.append(len(weights))
        return welch_estimates(responses, weights, **options)

    welch_estimates = estimates._welch_estimates
    monkeypatch.setattr(estimates, "_welch_estimates", counted)
    study = study_of(*(f"part{index}" for index in range(8)), replicates=10)
    runs = noisy(study)
    analysis = analyse(runs, study)

    assert len(runs) == 2560
    assert len(analysis.effects) == 8 + 8 + 28
    # All effects, cells, Shapley values and losses, and a call for each part with settings.
    assert len(calls) <= 4 + len(analysis.components)
    assert max(calls) >= 256 - 1


def test_neither_keras_nor_mlflow_nor_hydra_is_imported():
    imported = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, ablate.analysis.analyse; "
            "print(*{'keras', 'tensorflow', 'mlflow', 'hydra'} & set(sys.modules))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert imported.stdout.split() == []
