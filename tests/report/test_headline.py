from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd
import pytest

from ablate.analysis.analyse import analyse, analyse_record
from ablate.analysis.findings import Analysis, Verdict
from ablate.report.headline import headline
from ablate.study.record import StudyRecord
from ablate.study.study import Factor, Level, Study
from tests.conftest import ACCURACY
from tests.report.simulated import runs_of


@pytest.fixture
def analysis(xyz: Study) -> Analysis:
    return analyse(runs_of(xyz), xyz)


def judged(analysis: Analysis, *verdicts: Verdict | None) -> Analysis:
    """The analysis with these verdicts on its parts."""
    components = []
    for component, verdict in zip(analysis.components, verdicts, strict=True):
        assert component.full is not None
        components.append(replace(component, full=replace(component.full, verdict=verdict)))
    return replace(analysis, components=tuple(components))


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_what_to_keep_comes_first_and_what_is_open_last(analysis: Analysis) -> None:
    verdicts = (Verdict.UNDECIDED, Verdict.NEEDED, Verdict.HARMFUL)
    text = plain(headline(judged(analysis, *verdicts)))
    assert text.startswith(
        "Keep norm: without it 3.6 points of test accuracy are lost (2.3 to 4.8); the margin is "
        "1.0 points. Remove separable: without it "
    )
    assert text.index("Remove separable") < text.index("Undecided at a margin")
    assert "points" in text


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (Verdict.NEEDED, "Keep residual, norm and separable: without each alone "),
        (Verdict.HELPS, "residual, norm and separable help: without each alone "),
        (Verdict.HARMFUL, "Remove residual, norm and separable: without each alone "),
    ],
)
def test_each_part_has_its_effect_and_interval(
    analysis: Analysis, verdict: Verdict, words: str
) -> None:
    text = plain(headline(judged(analysis, *[verdict] * 3)))
    assert text.startswith(words)
    assert text.count(" to ") == 3
    assert "1.0 points" in text


def test_a_choice_that_makes_no_difference_is_no_part_to_keep(chapter: Study) -> None:
    found = analyse(runs_of(chapter), chapter)
    verdicts = [Verdict.NO_DIFFERENCE if "after" in part.name else Verdict.NEEDED
                for part in found.components]  # fmt: skip
    text = plain(headline(judged(found, *verdicts)))
    assert "Whether norm is before_activation or after_activation makes no difference" in text
    assert "saves" not in text


def test_a_part_without_a_verdict_is_named(analysis: Analysis) -> None:
    verdicts = (None, Verdict.NEEDED, Verdict.NEEDED)
    text = headline(judged(analysis, *verdicts))
    assert "No verdict on residual" in text


def test_alternatives_are_named_by_both_levels(chapter: Study) -> None:
    analysis = analyse(runs_of(chapter), chapter)
    components = []
    for component in analysis.components:
        assert component.full is not None
        verdict = Verdict.UNDECIDED if component.factor == "conv" else Verdict.NEEDED
        components.append(replace(component, full=replace(component.full, verdict=verdict)))
    text = headline(replace(analysis, components=tuple(components)))
    assert "points: conv (separable against conv2d)" in text


def test_controls_are_no_part_of_the_answer() -> None:
    parts = (
        Factor("norm", (Level("present"), Level("absent"))),
        Factor("placebo", (Level("present"), Level("absent"))),
    )
    study = Study("controlled", parts, responses=(ACCURACY,), controls=("placebo",))
    text = headline(analyse(runs_of(study, failing=False), study))
    assert "placebo" not in text
    assert "norm" in text


def test_without_a_complete_run_there_is_no_answer(xyz: Study) -> None:
    runs = runs_of(xyz)
    runs["status"], runs["test_accuracy"] = "failed", math.nan
    analysis = analyse_record(StudyRecord(xyz, pd.DataFrame(runs)))
    assert headline(analysis).startswith("No answer yet")
