"""How long a study will take, and the spread that its power is computed from."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from ablate.config.recipe import Recipe
from ablate.planning.forecast import (
    Pace,
    forecast,
    quick_look_text,
    spread_of,
    training_seconds,
)
from ablate.store.folder import StudyFolder
from ablate.store.plan import PROGRAM
from ablate.store.state import StudyState
from ablate.workers.slots import Slot
from tests.store.written import adopted, plan_of

SLOT = Slot(None, 1)
SLOW = Pace(macs=20, build_seconds=2.0, step_seconds=0.5, image_seconds=0.25)
PLAN = plan_of(recipe=Recipe(epochs=1))


@pytest.fixture
def state(tmp_path: Path) -> StudyState:
    return StudyState.read(StudyFolder(tmp_path), PLAN)


@pytest.mark.parametrize(
    ("workers", "expected"),
    [(1, 2 * (2 + 2 * (0.5 + 0.25 * 10))), (2, 2 + 2 * (0.5 + 0.25 * 10))],
)
def test_time_is_that_of_the_busiest_worker(
    state: StudyState, workers: int, expected: float
) -> None:
    # Two cells of two seeds: a build each, then a step and 2 + 6 + 2 images in inference mode.
    seconds = training_seconds(state, paces=[SLOW], slots=[SLOT] * workers)
    assert seconds == pytest.approx(expected)


def test_finished_runs_take_no_time(tmp_path: Path) -> None:
    study = adopted(StudyFolder(tmp_path), PLAN).train()
    assert training_seconds(study.state, paces=[SLOW], slots=[SLOT]) == 0


def test_time_between_two_measured_models_grows_with_macs(state: StudyState) -> None:
    paces = [Pace(10, 1.0, 1.0, 0.0), Pace(30, 3.0, 3.0, 0.0)]
    seconds = training_seconds(state, paces=paces, slots=[SLOT])
    assert seconds == pytest.approx(2 * (2.0 + 2 * 2.0))


def test_without_a_measured_pace_the_time_is_unknown(state: StudyState) -> None:
    assert math.isnan(training_seconds(state, paces=[], slots=[SLOT]))


def test_spread_is_the_median_over_cells() -> None:
    runs = pd.DataFrame({"cell": ["a", "a", "b", "b", "c"], "y": [0.0, 2.0, 0.0, 4.0, 9.0]})
    assert spread_of(runs, "y") == pytest.approx(3 / math.sqrt(2))
    assert math.isnan(spread_of(runs, "other"))


@pytest.mark.parametrize(
    ("replicates", "expected"), [(2, "too few for verdicts"), (3, "a quick look"), (5, "")]
)
def test_a_plan_with_few_seeds_is_called_a_quick_look(replicates: int, expected: str) -> None:
    text = quick_look_text(replace(PLAN.study, replicates=replicates))
    assert expected in text
    assert bool(text) is bool(expected)


def test_the_time_of_programs_is_that_of_the_finished_runs(tmp_path: Path) -> None:
    plan = replace(PLAN, backend=PROGRAM)
    state = StudyState.read(StudyFolder(tmp_path), plan)
    lines = forecast(state, slots=[SLOT] * 2, timeout_seconds=1)
    assert lines[0] == "Programs run with 2 workers; how long is known once a run has ended."
    finished = adopted(state.folder, plan).train().state
    assert len(forecast(finished, slots=[SLOT], timeout_seconds=1)) == len(lines) - 1
    more = replace(plan, cells=tuple(replace(each, seeds=(0, 1, 2)) for each in plan.cells))
    lines = forecast(StudyState.read(state.folder, more), slots=[SLOT] * 2, timeout_seconds=1)
    assert re.fullmatch(
        "Training takes about .* with 2 workers, estimated from the 4 runs so far.", lines[0]
    )
