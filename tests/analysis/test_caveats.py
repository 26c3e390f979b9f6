from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ablate.analysis.analyse import analyse
from ablate.study.response import Response
from tests.analysis.planted import broken, noisy, study_of, table_of

ACCURACY = (Response("test_accuracy", "higher", "fraction"),)


def titles(analysis) -> list[str]:
    return [caveat.title for caveat in analysis.caveats]


def evidence(analysis, title: str) -> str:
    return next(caveat.evidence for caveat in analysis.caveats if caveat.title == title)


def accuracy_study(**own):
    return study_of("x", "y", margin=0.01, responses=ACCURACY, **own)


def accurate(study, level: float = 0.9, step: float = 0.0):
    rng = np.random.default_rng(0)
    return table_of(
        study,
        lambda levels, _: level - step * (levels["x"] == "absent") + 0.001 * rng.standard_normal(),
    )


def histories(runs: pd.DataFrame, gain: float, *, epochs: int = 12, last: float | None = None):
    """A curve for every run that rises by `gain` an epoch, and at the end by `last`."""
    rows = []
    for _, run in runs.iterrows():
        value = 0.5
        for epoch in range(1, epochs + 1):
            value += last if last is not None and epoch > epochs // 2 else gain
            rows.append(
                {"cell": run["cell"], "seed": run["seed"], "epoch": epoch, "val_accuracy": value}
            )
    return pd.DataFrame(rows).astype({"seed": "Int64"})


def test_a_sound_study_has_none():
    study = accuracy_study()
    runs = accurate(study)

    assert titles(analyse(runs, study, histories=histories(runs, 0.02, last=0.0), chance=0.1)) == []


def test_runs_left_out_are_named_first():
    study = accuracy_study()
    runs = accurate(study)
    lost = (runs["x"] == "absent") & (runs["seed"] == 2)
    analysis = analyse(broken(runs, lost, status="diverged"), study)

    assert titles(analysis)[0] == "Runs left out"
    assert analysis.caveats[0].serious
    assert "2 diverged" in analysis.caveats[0].evidence
    assert "[no x] and [no x, no y]" in analysis.caveats[0].evidence
    assert "4 to 5 complete runs" in evidence(analysis, "Unequal n")


def test_missing_cells_are_named():
    study = accuracy_study()
    runs = accurate(study)

    assert "[no x]" in evidence(analyse(runs[runs["x"] == "present"], study), "Missing cells")


@pytest.mark.parametrize(
    ("level", "step", "title"),
    [(0.101, 0.0, "Best cell at chance level"), (0.9, 0.8, "Cells at chance level")],
)
def test_chance_level_is_seen(level, step, title):
    study = accuracy_study()
    analysis = analyse(accurate(study, level, step), study, chance=0.1)

    assert "0.1" in evidence(analysis, title)
    assert title not in titles(analyse(accurate(study, level, step), study))


def test_stale_normalization_statistics_are_seen():
    study = accuracy_study()
    runs = accurate(study).assign(train_accuracy=0.99, train_accuracy_inference=0.98)
    assert titles(analyse(runs, study)) == []

    runs.loc[runs["y"] == "present", "train_accuracy_inference"] = 0.3
    said = evidence(analyse(runs, study), "Stale normalization statistics")
    assert "[full model] and [no x] (at most 0.3 against 0.99)" in said


def test_a_rise_over_the_last_epochs_is_not_converged():
    study = accuracy_study()
    runs = accurate(study)
    rising = histories(runs, 0.02)

    said = evidence(analyse(runs, study, histories=rising), "Not converged")
    assert "val_accuracy still improved by more than the margin (at most by 6.00 points)" in said


def test_a_rise_is_bad_where_less_is_better():
    study = study_of("x", margin=0.01, responses=(Response("test_loss", "lower"),))
    runs = table_of(study, lambda levels, seed: 0.1 + 0.001 * seed * (levels["x"] == "absent"))
    losses = histories(runs, -0.02).rename(columns={"val_accuracy": "val_loss"})

    assert "Not converged" in titles(analyse(runs, study, histories=losses))
    worse = histories(runs, 0.02).rename(columns={"val_accuracy": "val_loss"})
    assert "Not converged" not in titles(analyse(runs, study, histories=worse))


def test_unequal_numbers_of_epochs_are_an_unequal_budget():
    study = accuracy_study()
    runs = accurate(study)
    flat = histories(runs, 0.0)
    short = (flat["cell"] == runs["cell"].iloc[0]) & (flat["epoch"] > 8)

    assert "8 to 12 epochs" in evidence(
        analyse(runs, study, histories=flat[~short]), "Unequal budget"
    )


def test_few_seeds_state_the_smallest_sign_flip_p():
    study = accuracy_study(replicates=3)

    assert "test is 0.25" in evidence(analyse(accurate(study), study), "Few seeds")


def test_runs_without_seeds_are_called_unpaired():
    study = accuracy_study()

    assert "Unpaired runs" in titles(analyse(accurate(study).assign(seed=pd.NA), study))


def test_a_study_too_small_for_its_margin_says_so():
    study = study_of("x", "y", replicates=3)
    analysis = analyse(noisy(study, spread=2.0), study)

    assert "margin of 1.00" in evidence(analysis, "Underpowered")
    assert "Seed spread larger than the effect" in titles(analysis)
    assert analysis.smallest_detectable > 5


def test_runs_that_are_all_the_same_are_pointed_out():
    study = accuracy_study()
    runs = accurate(study)
    runs.loc[runs["x"] == "absent", "test_accuracy"] = 1.0

    assert "[no x] and [no x, no y]" in evidence(analyse(runs, study), "No spread over seeds")


def test_an_untuned_learning_rate_is_named():
    study = accuracy_study()
    held = {"recipe.learning_rate": "0.001", "recipe.epochs": "12"}

    assert "recipe.learning_rate = 0.001" in evidence(
        analyse(accurate(study), study, held_constant=held), "Learning rate not tuned"
    )
