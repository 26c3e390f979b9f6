"""Results on which conclusions were once wrong, with what is true of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pytest import param
from scipy import stats

from ablate.analysis import warnings
from ablate.analysis.analyse import analyse
from ablate.analysis.checks import Background
from ablate.analysis.findings import Analysis, Verdict, Withheld
from ablate.study.design import Cell
from ablate.study.response import Response
from ablate.study.study import Factor, Level, Study
from tests.analysis.planted import named, study_of, table_of
from tests.conftest import ACCURACY

LOSS = (Response("loss", "lower"),)
GUESSING = Background(chance=0.1)


def wave(levels: dict[str, str], seed: int) -> float:
    """A deviation between -1 and 1 that looks random over cells and seeds."""
    absent = sum(3**index for index, level in enumerate(levels.values()) if level == "absent")
    return float(np.sin(12.9898 * (absent + 1) + 78.233 * (seed + 1)))


def verdicts(analysis: Analysis) -> set[Verdict | None]:
    return {effect.verdict for effect in analysis.effects}


def warning(analysis: Analysis, kind: type) -> object:
    return next(found for found in analysis.warnings if isinstance(found, kind))


@pytest.mark.parametrize("wild_seeds", [range(5), (4,)], ids=["every_seed", "one_seed"])
def test_a_wild_cell_does_not_change_effects_of_others(wild_seeds):
    study = study_of("a", "b", margin=0.01, responses=LOSS)

    def loss(levels: dict[str, str], seed: int) -> float:
        if set(levels.values()) == {"absent"} and seed in wild_seeds:
            return 1e12
        return 0.1 + 0.05 * (levels["a"] == "absent") + 0.002 * wave(levels, seed)

    runs = table_of(study, loss)
    calm = runs[(runs["a"] == "present") | (runs["b"] == "present")]
    analysis = analyse(runs, study)
    full, alone = named(analysis, "a", "simple"), named(analyse(calm, study), "a", "simple")

    assert full.verdict is Verdict.NEEDED
    assert (full.low, full.estimate, full.high) == (alone.low, alone.estimate, alone.high)
    assert full.p == alone.p
    assert analysis.simplest.levels["a"] == "present"


def half_fraction(*signs: str) -> tuple[Cell, ...]:
    words = {"+": "present", "-": "absent"}
    return tuple(
        Cell(tuple(zip("abc", (words[sign] for sign in row), strict=True))) for row in signs
    )


def test_a_confused_main_effect_names_the_interaction_and_has_no_verdict():
    cells = half_fraction("+++", "+--", "-+-", "--+")
    levels = tuple(cell.levels for cell in cells)
    study = study_of(
        "a", "b", "c", margin=0.01, responses=(ACCURACY,), design="cells", cells=levels
    )

    def score(levels: dict[str, str], seed: int) -> float:
        return 0.9 + 0.04 * (levels["b"] == levels["c"]) + 0.003 * wave(levels, seed)

    analysis = analyse(table_of(study, score, cells=cells), study)
    effect = named(analysis, "a", "main")

    assert effect.p_adjusted < 0.001
    assert (effect.verdict, effect.withheld) == (None, Withheld.CONFUSED)
    assert effect.confused_with == ("b:c",)
    assert [named(analysis, name, "main").confused_with for name in "bc"] == [("a:c",), ("a:b",)]
    assert len(warning(analysis, warnings.ConfusedEffects).effects) == 3


def test_confused_interactions_name_each_other():
    study = study_of("a", "b", "c", "d", design="fractional_factorial", resolution=4)
    analysis = analyse(table_of(study, wave), study)

    assert named(analysis, "a:b", "interaction").confused_with == ("c:d",)
    assert named(analysis, "a", "main").confused_with == ()
    assert named(analysis, "a", "main").withheld is None


def test_partly_confused_effects_get_no_verdict_either():
    study = study_of("a", "b", "c", "d", "e", design="plackett_burman")
    analysis = analyse(table_of(study, wave), study)
    effect = named(analysis, "a", "main")

    assert effect.withheld is Withheld.CONFUSED
    assert "b:c" in effect.confused_with


def test_holm_counts_the_comparisons_of_one_factor_once():
    levels = ("8500", "8700", "8900", "9100")
    study = study_of(Factor("pressure", tuple(map(Level, levels))), replicates=6)
    # Montgomery, Design and Analysis of Experiments, table 4.3: vascular grafts, six batches.
    grafts = {
        "8500": (90.3, 89.2, 98.2, 93.9, 87.4, 97.9),
        "8700": (92.5, 89.5, 90.6, 94.7, 87.0, 95.8),
        "8900": (85.5, 90.8, 89.6, 86.2, 88.0, 93.4),
        "9100": (82.5, 89.5, 85.6, 87.4, 78.9, 90.7),
    }
    analysis = analyse(table_of(study, lambda cell, seed: grafts[cell["pressure"]][seed]), study)
    worst = named(analysis, "pressure=9100", "simple")

    assert worst.p == pytest.approx(stats.ttest_rel(grafts["8500"], grafts["9100"]).pvalue)
    assert worst.p_adjusted == pytest.approx(3 * worst.p)
    assert worst.p_adjusted == pytest.approx(0.0275, abs=1e-4)
    assert worst.verdict is Verdict.BETTER


def test_equal_differences_in_three_seeds_are_no_contradiction():
    study = study_of("a", "b", "c", replicates=3, margin=0.01, responses=(ACCURACY,))

    def score(levels: dict[str, str], seed: int) -> float:
        return 0.9 + 0.001 * seed - 0.2 * (levels["a"] == "absent")

    effect = named(analyse(table_of(study, score), study), "a", "simple")

    assert effect.verdict is Verdict.NEEDED
    assert effect.low < 0.2 < effect.high
    assert effect.p_adjusted < 0.05


@pytest.mark.parametrize(
    ("full", "ablated"),
    [
        param((0.9828, 0.9928), (0.98, 0.99), id="one image apart"),
        param((0.9805, 0.9805), (0.9805, 0.9805), id="equal"),
        param((0.9375, 0.9375), (0.9375, 0.9375), id="15 of 16 images"),
    ],
)
def test_two_seeds_that_agree_are_no_proof(full, ablated):
    study = study_of("a", replicates=2, margin=0.01, responses=(ACCURACY,))
    scores = {"present": full, "absent": ablated}
    analysis = analyse(table_of(study, lambda cell, seed: scores[cell["a"]][seed]), study)
    effect = named(analysis, "a", "simple")

    assert effect.low < effect.estimate < effect.high
    assert (effect.verdict, effect.withheld) == (None, Withheld.TOO_FEW_SEEDS)
    assert analysis.simplest.levels == study.reference
    assert warning(analysis, warnings.FewSeeds).serious


def test_three_equal_scores_on_sixteen_images_decide_nothing():
    study = study_of("a", replicates=3, margin=0.01, responses=(ACCURACY,))
    runs = table_of(study, lambda cell, seed: 0.9375)

    assert named(analyse(runs, study), "a", "simple").verdict is Verdict.UNDECIDED
    fine = Background(resolution=1 / 10_000)
    assert (
        named(analyse(runs, study, background=fine), "a", "simple").verdict is Verdict.NO_DIFFERENCE
    )


def accurate(study: Study, failing: dict[tuple[str, ...], int]) -> pd.DataFrame:
    """Runs at 97 %, of which some cells fail in their first seeds."""

    def score(levels: dict[str, str], seed: int) -> float:
        fails = seed < failing.get(tuple(levels.values()), 0)
        return 0.1 if fails else 0.97 + 0.002 * wave(levels, seed)

    return table_of(study, score)


def of_two_parts(replicates: int = 3) -> Study:
    return study_of("a", "b", replicates=replicates, margin=0.01, responses=(ACCURACY,))


@pytest.mark.parametrize("failed", [2, 3], ids=["most_runs", "all_runs"])
def test_a_full_model_that_did_not_learn_gives_no_answer(failed):
    study = of_two_parts()
    analysis = analyse(
        accurate(study, {("present", "present"): failed}), study, background=GUESSING
    )

    assert (analysis.no_answer.failed, analysis.no_answer.runs) == (failed, 3)
    assert analysis.simplest is None
    assert verdicts(analysis) == {None}
    assert {effect.withheld for effect in analysis.effects if effect.kind != "interaction"} == {
        Withheld.REFERENCE_DID_NOT_LEARN
    }


def test_nothing_that_learned_gives_no_answer():
    study = of_two_parts()
    analysis = analyse(
        table_of(study, lambda levels, seed: 0.1 + 0.003 * wave(levels, seed)),
        study,
        background=GUESSING,
    )

    assert analysis.no_answer is not None
    assert isinstance(analysis.warnings[0], warnings.NoCellLearned)


def test_runs_that_did_not_learn_are_counted_one_by_one():
    study = of_two_parts()
    analysis = analyse(accurate(study, {("absent", "absent"): 2}), study, background=GUESSING)
    (rate,) = warning(analysis, warnings.RunsAtChance).rates
    part = analysis.components[0]

    assert (rate.failed, rate.runs) == (2, 3)
    exact = stats.binomtest(2, 3).proportion_ci(0.95, "exact")
    assert (rate.low, rate.high) == pytest.approx((exact.low, exact.high))
    assert part.average.withheld is Withheld.RUNS_DID_NOT_LEARN
    assert [(setting.where, setting.failed) for setting in part.settings] == [
        ((("b", "present"),), 0),
        ((("b", "absent"),), 2),
    ]
    assert part.full.withheld is None
    assert analysis.no_answer is None


def test_a_loss_at_that_of_guessing_is_counted_too():
    study = study_of("a", "b", margin=0.05, responses=LOSS)

    def loss(levels: dict[str, str], seed: int) -> float:
        return 2.3 if set(levels.values()) == {"absent"} else 0.1 + 0.01 * wave(levels, seed)

    analysis = analyse(table_of(study, loss), study, background=Background(chance=2.303))

    assert warning(analysis, warnings.RunsAtChance).rates[0].failed == 5


@pytest.mark.parametrize(("runs", "rate"), [(3, 0.632), (5, 0.451), (8, 0.312)])
def test_seeds_without_a_failure_allow_a_rate(runs, rate):
    study = of_two_parts(replicates=runs)
    analysis = analyse(accurate(study, {}), study)
    unseen = next(note for note in analysis.notes if isinstance(note, warnings.UnseenFailures))

    assert (unseen.runs, unseen.rate) == (runs, pytest.approx(rate, abs=5e-4))


@pytest.mark.parametrize(
    ("worth", "spread", "expected"),
    [
        param(-0.0005, 0.0002, Verdict.NO_DIFFERENCE, id="surely harmful, below the margin"),
        param(0.0095, 0.002, Verdict.HELPS, id="helps, the margin is open"),
        param(0.02, 0.002, Verdict.NEEDED, id="needed"),
    ],
)
def test_one_margin_holds_in_both_directions(worth, spread, expected):
    study = study_of("a", replicates=10, margin=0.01, responses=(ACCURACY,))

    def score(levels: dict[str, str], seed: int) -> float:
        return 0.95 + worth * (levels["a"] == "present") + spread * wave(levels, seed)

    assert named(analyse(table_of(study, score), study), "a", "simple").verdict is expected


def test_a_fraction_without_the_full_model_has_main_effects():
    study = study_of("a", "b", "c")
    cells = half_fraction("++-", "+-+", "-++", "---")
    runs = table_of(study, lambda levels, seed: 5.0 * (levels["a"] == "present"), cells=cells)
    analysis = analyse(runs, study)

    assert named(analysis, "a", "main").estimate == 5.0
    assert named(analysis, "a", "main").confused_with == ("b:c",)
    assert analysis.simplest is None


def test_seeds_shared_only_in_part_are_noticed():
    study = study_of("a", "b")
    runs = table_of(study, wave)
    runs["seed"] += 3 * (runs["b"] == "absent")
    analysis = analyse(runs, study)
    answer, averages = (
        found for found in analysis.warnings if isinstance(found, warnings.SeedsNotShared)
    )

    assert (answer.used, answer.runs, answer.effects) == (2, 5, ("b",))
    assert answer.serious
    assert (averages.used, averages.runs, averages.effects) == (2, 5, ("a", "b"))
    assert not averages.serious


def test_intervals_of_fractions_stay_within_what_is_possible():
    study = of_two_parts()
    analysis = analyse(accurate(study, {("absent", "absent"): 2}), study)
    ends = analysis.cells[["test_accuracy_low", "test_accuracy_high"]]

    assert ends.min().min() >= 0
    assert ends.max().max() <= 1
    assert all(-2 <= effect.low <= effect.high <= 2 for effect in analysis.effects)
    assert max(effect.high for effect in analysis.effects if effect.kind == "simple") <= 1


def test_a_factor_switched_in_another_model_only_is_not_left_out():
    backbone = Factor("backbone", (Level("hog"), Level("mp")))
    switched = (("hog", "present"), ("mp", "present"), ("mp", "absent"))
    levels = tuple((("backbone", backbone), ("align", align)) for backbone, align in switched)
    study = study_of(backbone, "align", design="cells", cells=levels)
    cells = [Cell(own) for own in levels]
    runs = table_of(study, lambda cell, seed: 20.0 * (cell["align"] == "present"), cells=cells)
    align = next(part for part in analyse(runs, study).components if part.name == "align")

    assert (align.full, align.average) == (None, None)
    (setting,) = align.settings
    assert (setting.where, setting.estimate) == ((("backbone", "mp"),), 20.0)


def test_times_of_equal_runs_that_differ_show_a_shared_machine():
    study = of_two_parts()
    runs = accurate(study, {}).assign(train_seconds=10.0)
    assert not any(
        isinstance(found, warnings.SharedMachine) for found in analyse(runs, study).warnings
    )

    runs.loc[runs["seed"] == 2, "train_seconds"] = 30.0
    found = warning(analyse(runs, study), warnings.SharedMachine)
    assert (found.fastest, found.slowest) == (10.0, 30.0)
