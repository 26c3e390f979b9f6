from __future__ import annotations

import itertools

import numpy as np
import pytest
from shapiq import ExactComputer

from ablate.analysis.analyse import analyse
from ablate.study.response import Response
from ablate.study.study import Factor, Level
from tests.analysis.planted import broken, noisy, study_of


def coalitions(runs, names):
    means = runs.groupby(list(names))["score"].mean()

    def value(rows: np.ndarray) -> np.ndarray:
        words = np.where(rows, "present", "absent")
        return np.array([means[tuple(row)] for row in words])

    return value


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_shapley_values_and_interactions_equal_shapiqs(count, direction):
    names = [f"part{index}" for index in range(count)]
    study = study_of(*names, replicates=3, responses=(Response("score", direction),))
    runs = noisy(study, spread=10.0, part0=30.0)
    found = analyse(runs, study).attribution.set_index("part")["estimate"]
    exact = ExactComputer(coalitions(runs, names), n_players=count)
    values, pairs = exact("SV").dict_values, exact("SII", order=2).dict_values

    sign = 1 if direction == "higher" else -1
    for index, name in enumerate(names):
        assert found[name] == pytest.approx(sign * values[(index,)], abs=1e-9)
    for a, b in itertools.combinations(range(count), 2):
        assert found[f"{names[a]}:{names[b]}"] == pytest.approx(sign * pairs[(a, b)], abs=1e-9)


def test_shares_add_up_to_the_effect_of_all_parts():
    study = study_of("x", "y", "z")
    analysis = analyse(noisy(study, x=3.0, y=2.0), study)
    means = analysis.cells["score_mean"]
    values = analysis.attribution.query("kind == 'value'")

    assert values["estimate"].sum() == pytest.approx(means.iloc[0] - means.iloc[-1])
    assert (values["low"] < values["estimate"]).all()


@pytest.mark.parametrize("reason", ["three levels", "a cell without a complete run"])
def test_only_a_full_two_level_factorial_has_shares(reason):
    if reason == "three levels":
        study = study_of("x", Factor("norm", (Level("a"), Level("b"), Level("c"))))
        runs = noisy(study)
    else:
        study = study_of("x", "y")
        runs = noisy(study)
        runs = broken(runs, (runs["x"] == "absent") & (runs["y"] == "absent"))

    assert analyse(runs, study).attribution.empty
