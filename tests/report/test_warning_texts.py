from __future__ import annotations

import math
from dataclasses import is_dataclass

import pytest
from pytest import param

from ablate.analysis import warnings
from ablate.report.warning_texts import warning_texts
from ablate.study.design import Cell
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
        "Left out: 3 runs (2 diverged and 1 failed), in [no x] and [no x, no y].",
        id="left_out",
    ),
    param(
        warnings.NoCellLearned(0.102, 0.1),
        "Best cell at chance level",
        "The best mean is 0.102 and guessing gives 0.1",
        id="no_cell_learned",
    ),
    param(
        warnings.CellsAtChance(0.1, (NO_X,)),
        "Cells at chance level",
        "No better than guessing (0.1): [no x].",
        id="cells_at_chance",
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
        "val_accuracy still improved by more than the margin (at most by 6.00) in [no x]",
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
        warnings.FewSeeds(3),
        "Few seeds",
        "With 3 seeds, the smallest p value of an exact sign-flip test is 0.25.",
        id="few_seeds",
    ),
    param(
        warnings.NoSpread("score", CELLS),
        "No spread over seeds",
        "All runs have the same score in [no x] and [no x, no y]",
        id="no_spread",
    ),
    param(
        warnings.Underpowered(("x", "y"), "x", detectable=2.5, serious=True),
        "Underpowered",
        "the margin of 1.00 would be missed more than one time in five for x and y; for x, only "
        "effects of 2.50 or more",
        id="underpowered",
    ),
    param(
        warnings.SpreadLargerThanEffect((EFFECT,)),
        "Seed spread larger than the effect",
        f"x (+5.00, spread {0.4 * math.sqrt(5):.2f})",
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
        for kind in vars(warnings).values()
        if is_dataclass(kind) and kind.__module__ == warnings.__name__
    }

    assert kinds == {type(text.values[0]) for text in TEXTS}


def test_what_is_no_warning_is_refused():
    with pytest.raises(TypeError, match="Expected a kind of warning"):
        warning_texts([EFFECT], STUDY)
