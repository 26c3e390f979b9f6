from __future__ import annotations

import math
from dataclasses import is_dataclass, replace

import pytest
from pytest import param

from ablate.analysis import assumptions, warnings
from ablate.analysis.assumptions import GuessedReference
from ablate.analysis.findings import CellRate
from ablate.report.warning_texts import warning_texts
from ablate.report.warning_words.words import detectable_text
from ablate.study.design import Cell
from ablate.study.response import Response
from tests.analysis.planted import study_of
from tests.report.test_sentences import EFFECT

STUDY = study_of("x", "y", margin=1.0)
NO_X = Cell((("x", "absent"), ("y", "present")))
NO_X_NO_Y = Cell((("x", "absent"), ("y", "absent")))
CELLS = (NO_X, NO_X_NO_Y)

TEXTS = [
    param(
        warnings.RunsLeftOut(3, (("diverged", 2), ("failed", 1)), CELLS),
        "Runs left out",
        "3 runs left out (2 diverged and 1 failed), in [no x] and [no x, no y].",
        id="left_out",
    ),
    param(
        warnings.NoCellLearned(0.102, 0.1),
        "Best cell at chance level",
        "The best mean is 0.102 and guessing gives 0.1",
        id="no_cell_learned",
    ),
    param(
        warnings.RunsAtChance(0.1, (CellRate(NO_X, 2, 3, 0.09, 0.99),), withheld=True),
        "Runs that did not learn",
        "2 of 3 runs of [no x] stayed at the score of guessing (0.1). By cell: 2 of 3 of [no x] "
        "(rate 9 % to 99 %).",
        id="runs_at_chance",
    ),
    param(
        warnings.RunsAtChance(0.1, (CellRate(NO_X, 2, 5, 0.09, 0.99, 0.1, 0.25),), withheld=True),
        "Runs that did not learn",
        "2 of 5 runs of [no x] stayed at the score of guessing (0.1); all of them lie between 0.1 "
        "and 0.25. By cell",
        id="range_of_runs",
    ),
    param(
        warnings.UnseenFailures(5, 0.4507),
        "Rare failures",
        "5 runs of a cell without a failure allow a failure rate of up to 45 %.",
        id="unseen_failures",
    ),
    param(
        warnings.ConfusedEffects((replace(EFFECT, confused_with=("y:z",)),)),
        "Effects that cannot be told apart",
        "The combinations that were run mix x with y × z.",
        id="confused",
    ),
    param(
        warnings.SeedsNotShared(("x",), 2, 5),
        "Seeds shared only in part",
        "x: only 2 of 5 runs of each cell are compared.",
        id="seeds_not_shared",
    ),
    param(
        warnings.SeedsNotShared(("x",), 2, 3, averages=True),
        "Seeds shared only in part",
        "Averages over the other parts (not the table above): only 2 of 3 runs of each cell",
        id="averages_use_fewer_seeds",
    ),
    param(
        GuessedReference((("x", "plain"),), ("x", "deep")),
        "Full model guessed",
        "Full model: x=plain, the first in the file. Give reference='{x: deep}' for another.",
        id="guessed_reference",
    ),
    param(
        warnings.IntervalsOfSeeds(0.28, counted=True),
        "What an interval covers",
        "what other seeds would give on the same test images; on other images effects can differ "
        "by more. One test image more or less is 0.3. Another kind of processor",
        id="intervals",
    ),
    param(
        warnings.IntervalsOfSeeds(0.28, counted=False),
        "What an interval covers",
        "on the same test data; on other data effects can differ by more. Another kind",
        id="intervals_without_images",
    ),
    param(
        warnings.SharedMachine(10.0, 30.0),
        "Times of a shared machine",
        "Equal runs took 10.0 to 30.0 s to train.",
        id="shared_machine",
    ),
    param(
        warnings.StaleStatistics("mean_iou", CELLS, training=0.99, inference=0.3),
        "Stale normalization statistics",
        "the mean iou in inference mode is far worse than in training mode in [no x] and "
        "[no x, no y] (at most 0.3 against 0.99)",
        id="stale",
    ),
    param(
        warnings.NotConverged("val_accuracy", 6.0, (NO_X,)),
        "Not converged",
        "val_accuracy still improved by more than the margin (at most by 6.0) in [no x]",
        id="not_converged",
    ),
    param(warnings.UnequalEpochs(8, 12), "Unequal budget", "8 to 12 epochs", id="epochs"),
    param(
        warnings.MissingCells((NO_X,)), "Missing cells", "No complete run of [no x]", id="missing"
    ),
    param(
        warnings.UnequalRuns(4, 5, (NO_X,), paired=True),
        "Unequal n",
        "Cells have 4 to 5 complete runs; the fewest: [no x]. An effect uses only the seeds",
        id="unequal_runs",
    ),
    param(
        warnings.SeedsInRounds(((12, (NO_X,)), (3, (NO_X_NO_Y,))), (3, 5, 8, 12)),
        "Seeds added in rounds",
        "12 in [no x]; 3 in [no x, no y]. Intervals and p values of effects, and verdicts, are "
        "corrected to hold at all 4 looks together (at 3, 5, 8 and 12 seeds).",
        id="rounds",
    ),
    param(warnings.UnpairedRuns(), "Unpaired runs", "Not every run has a seed", id="unpaired"),
    param(warnings.OneRunPerCell(), "One run a cell", "With one run a cell", id="one_run"),
    param(
        warnings.FewSeeds(3, serious=False),
        "Quick look",
        "3 seeds a cell is a quick look; five or more give reliable averages. The smallest p value "
        "of an exact sign-flip test is 0.25, so",
        id="few_seeds",
    ),
    param(
        warnings.FewSeeds(2, serious=True),
        "Too few seeds",
        "2 seeds a cell: estimates only, no verdicts.",
        id="too_few_seeds",
    ),
    param(
        warnings.FewSeeds(2, serious=True, effects=("x",)),
        "Too few seeds",
        "x: only 2 seeds shared by the cells that are compared: no verdict.",
        id="too_few_seeds_of_one",
    ),
    param(
        warnings.FewSeeds(2, serious=False, averages=True),
        "Few seeds of averages",
        "Averages over the other parts (not the table above): only 2 seeds are shared by all "
        "cells, so no verdict on them.",
        id="few_seeds_of_averages",
    ),
    param(
        warnings.NoSpread(CELLS),
        "No spread over seeds",
        "All runs have the same score in [no x] and [no x, no y]",
        id="no_spread",
    ),
    param(
        warnings.WildValues(1e11, 3, (NO_X,)),
        "Values far from all others",
        "3 runs of [no x] ended with a score of up to 1e+11.",
        id="wild",
    ),
    param(
        warnings.Underpowered(("x", "y"), "x", detectable=2.5),
        "Underpowered",
        "the margin of 1.0 would often be missed in the full model. This means more than one time "
        "in five, for x and y; for x, only effects of 2.5 or more would be found",
        id="underpowered",
    ),
    param(
        warnings.SpreadLargerThanEffect((EFFECT,)),
        "Seed spread larger than the effect",
        f"x (+5.0, spread {0.4 * math.sqrt(5):.1f})",
        id="spread",
    ),
    param(
        warnings.UntunedLearningRate("recipe.learning_rate", "0.001"),
        "Learning rate not tuned",
        "recipe.learning_rate = 0.001",
        id="learning_rate",
    ),
    param(warnings.NoCompleteRun(24), "No complete run", "None of the 24 runs", id="no_run"),
    param(warnings.CellsNeverRun(6, 8), "Not all combinations", "6 of the 8", id="never_run"),
    param(
        warnings.ReusedResults(3, ("a is b", "c is d")),
        "Results of other settings",
        "3 runs are kept although their settings have changed since they were trained: a is b; "
        "c is d.",
        id="reused",
    ),
    param(
        warnings.InterruptedRuns(tuple("abcdefg")),
        "Interrupted runs",
        ": a; b; c; d; e; and 2 more, all in report.json.",
        id="interrupted",
    ),
]


@pytest.mark.parametrize(("warning", "title", "part"), TEXTS)
def test_a_warning_is_put_into_words(warning, title, part):
    (text,) = warning_texts([warning], STUDY)

    assert (text.title, text.serious) == (title, warning.serious)
    assert part in text.evidence


def test_every_kind_of_warning_is_tested_here():
    kinds = {
        kind
        for module in (assumptions, warnings)
        for kind in vars(module).values()
        if is_dataclass(kind) and kind.__module__ == module.__name__
    }

    assert kinds == {type(text.values[0]) for text in TEXTS}


def test_no_effect_above_the_range_of_a_fraction_is_named():
    study = study_of("x", responses=(Response("test_accuracy", "higher", "fraction"),), margin=0.01)

    assert detectable_text(study, 3.87) == "nothing can be detected yet"
    assert "38.7 points or more" in detectable_text(study, 0.387)


def test_what_is_no_warning_is_refused():
    with pytest.raises(TypeError, match="Expected a kind of warning"):
        warning_texts([EFFECT], STUDY)


def test_a_score_is_written_as_in_the_tables():
    study = study_of("x", responses=(Response("test_accuracy", "higher", "fraction"),), margin=0.01)
    (text,) = warning_texts([warnings.NoCellLearned(0.1025, 0.1)], study)

    assert "The best mean is 10.2\u00a0% and guessing gives 10.0\u00a0%" in text.evidence
