from __future__ import annotations

import numpy as np
import pytest
from pytest import param
from statsmodels.stats.weightstats import ttost_paired

from ablate.analysis.analyse import analyse
from ablate.analysis.estimates import estimate
from ablate.analysis.parts import part_count
from ablate.analysis.simplest import loss_tests, loss_weights
from ablate.study.design import Cell, cells_of
from ablate.study.response import Response
from ablate.study.study import Factor, Level
from tests.analysis.planted import noisy, study_of, table_of


def test_loss_is_tested_as_in_tost():
    runs = np.random.default_rng(0).standard_normal((6, 2))
    weights = loss_weights(2, reference=0, others=np.array([1]))
    p = loss_tests(estimate(runs, weights, paired=True), margin=1.0)
    _, _, (_, upper, _) = ttost_paired(runs[:, 0], runs[:, 1], -100.0, 1.0)

    assert p[0] == pytest.approx(upper)


def test_every_part_that_is_worth_nothing_goes():
    study = study_of("x", "y", "z", replicates=6)
    simplest = analyse(noisy(study, spread=0.05, y=10.0), study).simplest

    assert simplest.levels == {"x": "absent", "y": "present", "z": "absent"}
    assert (simplest.tested, simplest.loss) == (7, pytest.approx(0, abs=0.2))
    assert simplest.p <= 0.05


def test_full_model_stays_where_every_part_matters():
    study = study_of("x", "y")
    simplest = analyse(noisy(study, spread=0.1, x=10.0, y=10.0), study).simplest

    assert simplest.cell == cells_of(study)[0].slug
    assert (simplest.tested, np.isnan(simplest.loss), np.isnan(simplest.p)) == (3, True, True)


def test_noise_proves_nothing():
    study = study_of("x", "y")

    assert analyse(noisy(study, spread=5.0), study).simplest.cell == cells_of(study)[0].slug


def test_the_fewest_parameters_decide_between_equal_numbers_of_parts():
    study = study_of("x", "y")
    runs = noisy(study, spread=0.05, x=0.0, y=0.0)
    runs = runs[~((runs["x"] == "absent") & (runs["y"] == "absent"))]
    assert analyse(runs.assign(parameters=7), study).simplest.levels["y"] == "absent"

    runs["parameters"] = np.where(runs["x"] == "absent", 100, 900)
    simplest = analyse(runs, study).simplest
    assert simplest.levels["x"] == "absent"
    assert simplest.parameters == pytest.approx(1 / 9)


def test_fewer_parts_come_before_fewer_parameters():
    study = study_of("x", "y")
    runs = noisy(study, spread=0.05, x=0.0, y=0.0)
    runs["parameters"] = np.where(runs["x"] == "absent", 600, 100)
    simplest = analyse(runs, study).simplest

    assert simplest.levels == {"x": "absent", "y": "absent"}
    assert simplest.parameters == 6.0


def test_the_best_candidate_is_named_where_none_is_shown():
    study = study_of("x", "y")
    runs = noisy(study, seed=2, y=20.0).assign(parameters=10, macs=30)
    simplest = analyse(runs, study).simplest

    assert simplest.levels == study.reference
    assert simplest.candidate.levels == {"x": "absent", "y": "present"}
    assert simplest.candidate.low < simplest.candidate.loss < simplest.candidate.high
    assert simplest.candidate.parameters == simplest.candidate.macs == 1.0
    assert simplest.candidate.further.high >= simplest.candidate.further.low > 0


def test_two_seeds_show_no_simpler_model():
    study = study_of("x", replicates=2)

    assert analyse(noisy(study, spread=0.001), study).simplest.levels == study.reference


def test_alternatives_are_no_parts():
    activation = Factor("activation", (Level("gelu"), Level("relu")))
    study = study_of(activation)

    assert analyse(noisy(study, spread=0.05), study).simplest is None


def test_a_simpler_model_may_not_have_a_higher_loss():
    study = study_of("x", responses=(Response("score", "lower"),))
    worse = noisy(study, spread=0.05, x=-10.0)
    better = noisy(study, spread=0.05, x=10.0)

    assert analyse(worse, study).simplest.levels == {"x": "present"}
    assert analyse(better, study).simplest.levels == {"x": "absent"}


def test_identical_results_are_no_worse():
    study = study_of("x", replicates=3)
    runs = table_of(study, lambda levels, seed: float(seed))

    assert analyse(runs, study).simplest.levels == {"x": "absent"}


def test_without_a_complete_reference_there_is_no_answer():
    study = study_of("x", "y")
    runs = noisy(study)
    runs = runs[~((runs["x"] == "present") & (runs["y"] == "present"))]

    assert analyse(runs, study).simplest is None


def test_single_runs_cannot_be_tested():
    study = study_of("x", replicates=1)

    assert analyse(noisy(study), study).simplest.tested == 0


@pytest.mark.parametrize(
    ("levels", "level", "expected"),
    [
        param(("present", "absent"), "present", 1, id="present"),
        param(("absent", "present"), "present", 1, id="added to the reference"),
        param(("before", "after", "none"), "after", 1, id="another kind is no less"),
        param(("before", "after", "none"), "none", 0, id="none"),
        param(("separable", "conv2d"), "separable", 0, id="an alternative"),
        param(("separable", "conv2d"), "conv2d", 0, id="the other alternative"),
    ],
)
def test_what_counts_as_a_part(levels, level, expected):
    factor = Factor("f", tuple(Level(name) for name in levels))

    assert part_count((factor,), Cell((("f", level),))) == expected
