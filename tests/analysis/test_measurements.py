from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pytest import param

from ablate.analysis.measurements import measurements_of, refuse_lone_seeds
from ablate.errors import RequestError
from tests.analysis.planted import broken, noisy, study_of

STUDY = study_of("x", "y", replicates=3)
RUNS = noisy(STUDY)


def with_value(column: str, value: object, *, row: int = 0) -> pd.DataFrame:
    runs = RUNS.astype({column: object})
    runs.loc[row, column] = value
    return runs


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        param(RUNS.drop(columns="x"), "factor 'x'", id="no column of a factor"),
        param(RUNS.rename(columns={"score": "scores"}), "Did you mean 'scores'", id="no response"),
        param(RUNS.drop(columns="status"), "status", id="no status"),
        param(with_value("x", "Present"), "Did you mean 'present'", id="unknown level"),
        param(with_value("x", None), "received nothing", id="no level"),
        param(pd.concat([RUNS, RUNS[:1]]), "two or more", id="cell and seed twice"),
        param(
            pd.concat([RUNS, broken(RUNS, RUNS.index == 0)[:1]]), "two or more", id="once it failed"
        ),
        param(with_value("score", np.nan), "finite number as 'score'", id="NaN"),
        param(with_value("score", np.inf), "finite number as 'score'", id="infinite"),
        param(with_value("score", "good"), "received 'good'", id="no number"),
        param(broken(RUNS, RUNS.index >= 0), "received 12 failed", id="no complete run"),
        param(RUNS[:0], "received no run at all", id="no run"),
    ],
)
def test_bad_table_is_refused_in_one_line(runs, message):
    with pytest.raises(RequestError) as refusal:
        measurements_of(runs, STUDY)

    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_rows_are_blocks_where_every_complete_run_has_a_seed():
    measurements = measurements_of(RUNS.sample(frac=1, random_state=1), STUDY)

    assert measurements.paired
    assert measurements.responses["score"][:, 0] == pytest.approx(RUNS["score"][:3])
    assert measurements.counts.tolist() == [3, 3, 3, 3]


def test_one_run_without_a_seed_leaves_all_unpaired():
    runs = RUNS.copy()
    runs.loc[4, "seed"] = pd.NA

    assert not measurements_of(runs, STUDY).paired


def test_runs_that_are_not_complete_count_nothing():
    measurements = measurements_of(broken(RUNS, RUNS["seed"] == 1), STUDY)

    assert measurements.counts.tolist() == [2, 2, 2, 2]
    assert len(measurements.left_out) == 4


def test_a_cell_without_any_run_stays_visible():
    measurements = measurements_of(RUNS[RUNS["x"] == "present"], STUDY)

    assert measurements.counts.tolist() == [3, 3, 0, 0]


def test_a_seed_in_one_cell_only_is_refused_in_foreign_results():
    with pytest.raises(RequestError, match="seed 7 appears only in x=present, y=absent"):
        refuse_lone_seeds(with_value("seed", 7, row=3), STUDY)

    refuse_lone_seeds(RUNS, STUDY)
    refuse_lone_seeds(RUNS.assign(seed=pd.NA), STUDY)
