from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pytest import param

from ablate.analysis import warnings
from ablate.analysis.analyse import analyse, analyse_record
from ablate.analysis.checks import Background
from ablate.analysis.findings import Analysis
from ablate.study.record import StudyRecord
from ablate.study.response import Response
from ablate.study.study import Study
from tests.analysis.planted import broken, noisy, study_of, table_of
from tests.conftest import ACCURACY


def kinds(analysis: Analysis) -> list[type]:
    return [type(warning) for warning in analysis.warnings]


def only(analysis: Analysis, kind: type) -> Any:
    """The one warning of a kind."""
    (warning,) = (warning for warning in analysis.warnings if type(warning) is kind)
    return warning


def names(cells: warnings.Cells) -> list[str]:
    return [cell.name for cell in cells]


def accuracy_study(**own: object) -> Study:
    return study_of("x", "y", margin=0.01, responses=(ACCURACY,), **own)


def accurate(study: Study, level: float = 0.9, step: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return table_of(
        study,
        lambda levels, _: level - step * (levels["x"] == "absent") + 0.001 * rng.standard_normal(),
    )


def histories(
    runs: pd.DataFrame, gain: float, *, epochs: int = 12, last: float | None = None
) -> Background:
    """A curve for every run that rises by `gain` an epoch, and at the end by `last`."""
    rows = []
    for _, run in runs.iterrows():
        value = 0.5
        for epoch in range(1, epochs + 1):
            value += last if last is not None and epoch > epochs // 2 else gain
            rows.append(
                {"cell": run["cell"], "seed": run["seed"], "epoch": epoch, "val_accuracy": value}
            )
    return Background(histories=pd.DataFrame(rows).astype({"seed": "Int64"}))


def test_a_sound_study_has_no_warning():
    study = accuracy_study()
    runs = accurate(study)
    flat = histories(runs, 0.02, last=0.0).histories

    assert analyse(runs, study, background=Background(flat, chance=0.1)).warnings == ()


def test_runs_left_out_are_named_first():
    study = accuracy_study()
    runs = accurate(study)
    lost = (runs["x"] == "absent") & (runs["seed"] == 2)
    analysis = analyse(broken(runs, lost, status="diverged"), study)
    first = analysis.warnings[0]

    assert isinstance(first, warnings.RunsLeftOut)
    assert first.serious
    assert (first.runs, first.statuses) == (2, (("diverged", 2),))
    assert names(first.cells) == ["x=absent, y=present", "x=absent, y=absent"]
    unequal = only(analysis, warnings.UnequalRuns)
    assert (unequal.fewest, unequal.most, unequal.paired) == (4, 5, True)


def test_missing_cells_are_named():
    study = accuracy_study()
    runs = accurate(study)
    missing = only(analyse(runs[runs["x"] == "present"], study), warnings.MissingCells)

    assert names(missing.cells) == ["x=absent, y=present", "x=absent, y=absent"]


@pytest.mark.parametrize(
    ("level", "step", "kind"),
    [(0.101, 0.0, warnings.NoCellLearned), (0.9, 0.8, warnings.RunsAtChance)],
    ids=["all", "some"],
)
def test_chance_level_is_noticed(level, step, kind):
    study = accuracy_study()
    runs = accurate(study, level, step)

    assert only(analyse(runs, study, background=Background(chance=0.1)), kind).chance == 0.1
    assert kind not in kinds(analyse(runs, study))


@pytest.mark.parametrize(
    ("measure", "good", "bad"),
    [
        param(Response("accuracy", "higher", "fraction"), 0.98, 0.3, id="higher_is_better"),
        param(Response("error", "lower", "fraction"), 1.0, 1.7, id="lower_is_better"),
    ],
)
def test_stale_normalization_statistics_are_noticed(measure, good, bad):
    study = accuracy_study()
    background = Background(measures=(measure,))
    names_of_both = (f"train_{measure.name}", f"train_{measure.name}_inference")
    runs = accurate(study).assign(**dict(zip(names_of_both, (0.99, good), strict=True)))
    assert analyse(runs, study, background=background).warnings == ()

    runs.loc[runs["y"] == "present", names_of_both[1]] = bad
    stale = only(analyse(runs, study, background=background), warnings.StaleStatistics)
    assert names(stale.cells) == ["x=present, y=present", "x=absent, y=present"]
    assert stale.measure == measure.name
    assert (stale.inference, stale.training) == pytest.approx((bad, 0.99))


def test_a_rise_over_the_last_epochs_is_not_converged():
    study = accuracy_study()
    runs = accurate(study)
    rising = only(analyse(runs, study, background=histories(runs, 0.02)), warnings.NotConverged)

    assert rising.measure == "val_accuracy"
    assert rising.gain == pytest.approx(0.06)
    assert len(rising.cells) == 4


@pytest.mark.parametrize(
    ("gain", "noticed"), [param(-0.02, True, id="falls"), param(0.02, False, id="rises")]
)
def test_a_falling_loss_is_not_converged(gain, noticed):
    study = study_of("x", margin=0.01, responses=(Response("test_loss", "lower"),))
    runs = table_of(study, lambda levels, seed: 0.1 + 0.001 * seed * (levels["x"] == "absent"))
    curves = histories(runs, gain).histories.rename(columns={"val_accuracy": "val_loss"})
    analysis = analyse(runs, study, background=Background(curves))

    assert (warnings.NotConverged in kinds(analysis)) is noticed


def test_unequal_numbers_of_epochs_are_noticed():
    study = accuracy_study()
    runs = accurate(study)
    flat = histories(runs, 0.0).histories
    short = (flat["cell"] == runs["cell"].iloc[0]) & (flat["epoch"] > 8)
    analysis = analyse(runs, study, background=Background(flat[~short]))

    assert only(analysis, warnings.UnequalEpochs) == warnings.UnequalEpochs(8, 12)


def test_few_seeds_are_noticed():
    study = accuracy_study(replicates=3)

    assert only(analyse(accurate(study), study), warnings.FewSeeds).n == 3


def test_few_seeds_of_averages_do_not_question_the_answer():
    study = study_of("a", "b")
    runs = noisy(study)
    both = (runs["a"] == "absent") & (runs["b"] == "absent")
    analysis = analyse(broken(runs, both & (runs["seed"] > 1)), study)
    few = only(analysis, warnings.FewSeeds)

    assert (few.n, few.averages, few.serious) == (2, True, False)


def test_few_seeds_of_one_part_name_it():
    study = study_of("a", "b", design="leave_one_out")
    runs = noisy(study)
    few = only(
        analyse(broken(runs, (runs["a"] == "absent") & (runs["seed"] > 1)), study),
        warnings.FewSeeds,
    )

    assert (few.n, few.effects, few.serious) == (2, ("a",), True)


def test_single_runs_are_noticed():
    study = accuracy_study(replicates=1)

    assert only(analyse(accurate(study), study), warnings.OneRunPerCell).serious


def test_runs_without_seeds_are_called_unpaired():
    study = accuracy_study()

    assert warnings.UnpairedRuns in kinds(analyse(accurate(study).assign(seed=pd.NA), study))


def test_a_study_too_small_for_its_margin_is_underpowered():
    study = study_of("x", "y", replicates=3)
    analysis = analyse(noisy(study, spread=2.0), study)
    weak = only(analysis, warnings.Underpowered)

    assert weak.components == ("x", "y")
    assert weak.worst in weak.components
    assert weak.detectable > study.margin
    assert not weak.serious
    assert warnings.SpreadLargerThanEffect in kinds(analysis)
    assert analysis.smallest_detectable > 5


def test_effects_smaller_than_their_spread_are_named():
    study = study_of("x", "y", replicates=3)
    analysis = analyse(noisy(study, spread=2.0), study)

    for effect in only(analysis, warnings.SpreadLargerThanEffect).effects:
        assert effect.spread == pytest.approx(effect.error * 3**0.5)
        assert effect.spread > max(abs(effect.estimate), study.margin)


def test_runs_that_are_all_the_same_are_noticed():
    study = accuracy_study()
    runs = accurate(study)
    runs.loc[runs["x"] == "absent", "test_accuracy"] = 1.0
    equal = only(analyse(runs, study), warnings.NoSpread)

    assert names(equal.cells) == ["x=absent, y=present", "x=absent, y=absent"]


def test_runs_with_a_wild_value_are_named_and_not_for_their_equality():
    study = accuracy_study()
    runs = accurate(study)
    wild = (runs["x"] == "absent") & (runs["y"] == "absent")
    runs.loc[wild, "test_accuracy"] = -1e11
    analysis = analyse(runs, study)
    found = only(analysis, warnings.WildValues)

    assert (found.largest, found.runs) == (-1e11, 5)
    assert names(found.cells) == ["x=absent, y=absent"]
    assert warnings.NoSpread not in kinds(analysis)


def test_a_loss_that_did_not_fall_is_not_wild():
    study = study_of("x", margin=0.01, responses=(Response("loss", "lower"),))
    runs = table_of(study, lambda levels, seed: 2.3 if levels["x"] == "absent" else 1e-9 * seed)

    assert warnings.WildValues not in kinds(analyse(runs, study))


def test_an_untuned_learning_rate_is_named():
    study = accuracy_study()
    held = {"recipe.learning_rate": "0.001", "recipe.epochs": "12"}
    analysis = analyse(accurate(study), study, background=Background(held_constant=held))

    assert only(analysis, warnings.UntunedLearningRate) == warnings.UntunedLearningRate(
        "recipe.learning_rate", "0.001"
    )


def test_faults_of_a_record_follow_the_other_warnings():
    study = accuracy_study()
    record = StudyRecord(
        study, accurate(study), kept=3, changes=("a", "b"), interruptions=("killed",)
    )

    assert analyse_record(record).warnings == (
        warnings.ReusedResults(3, ("a", "b")),
        warnings.InterruptedRuns(("killed",)),
    )


def test_a_study_without_a_complete_run_has_cells_and_a_warning():
    study = accuracy_study()
    runs = broken(accurate(study).rename(columns={"test_accuracy": "score"}), slice(None))
    analysis = analyse_record(StudyRecord(study, runs.rename(columns={"score": "test_accuracy"})))

    assert analysis.warnings == (warnings.NoCompleteRun(20),)
    assert analysis.cells["n"].tolist() == [0, 0, 0, 0]


def test_cells_that_were_never_run_are_counted():
    study = accuracy_study()
    runs = accurate(study)
    analysis = analyse_record(StudyRecord(study, runs[runs["x"] == "present"]))

    assert only(analysis, warnings.CellsNeverRun) == warnings.CellsNeverRun(2, 4)
    assert len(analysis.cells) == 2
