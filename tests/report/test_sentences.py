from __future__ import annotations

import math
from dataclasses import replace

import pytest
from pytest import param

from ablate.analysis.analyse import analyse
from ablate.analysis.findings import (
    Candidate,
    CellRate,
    Component,
    Effect,
    Pairing,
    SeedRange,
    Setting,
    Simplest,
    Verdict,
    Withheld,
)
from ablate.report.sentences import (
    REASONS,
    component_sentence,
    effect_method,
    no_answer_sentence,
    seed_range_text,
    simplest_sentence,
    verdict_meanings,
)
from ablate.study.design import Cell
from ablate.study.response import Response
from ablate.study.study import Factor, Level, Study
from tests.analysis.planted import broken, noisy, study_of, table_of

STUDY = study_of("x", "y", "z")
EFFECT = Effect(
    name="x",
    kind="simple",
    estimate=5.0,
    low=4.0,
    high=6.0,
    p=0.001,
    p_adjusted=0.002,
    n=5,
    verdict=None,
    pairing=Pairing.BY_SEED,
    error=0.4,
    df=4.0,
    exact=False,
    looks=1,
    missing=(),
)


CANDIDATE = Candidate(
    "x=absent",
    {"x": "absent", "y": "present", "z": "present"},
    loss=0.4,
    low=-0.5,
    high=1.2,
    further=SeedRange(3, 8),
)


def sentences(study: Study, runs: object) -> list[str]:
    return [component_sentence(part, study) for part in analyse(runs, study).components]


def varied(levels: dict[str, str], seed: int) -> float:
    """A score that falls by 20 without both parts, with a small spread."""
    lost = levels["residual"] == levels["norm"] == "absent"
    absent = sum(level == "absent" for level in levels.values())
    return 90 - 20 * lost + 0.1 * ((3 * seed + 7 * absent) % 5)


def test_each_component_has_its_verdicts_in_words():
    first, second, _ = sentences(STUDY, noisy(STUDY, spread=0.2, x=5.0))

    assert first.startswith("x: needed in the full model (+")
    assert "needed on average over the other factors" in first
    assert first.endswith("; margin 1.0.")
    assert second.startswith("y: no difference in the full model (")


def test_a_harmful_part_is_called_harmful():
    study = study_of("x", "y")

    assert sentences(study, noisy(study, spread=0.2, x=-5.0))[0].startswith(
        "x: harmful in the full model (−"
    )


def test_an_average_that_depends_on_another_part_is_given_by_setting():
    study = study_of("residual", "norm", "z")
    sentence = sentences(study, table_of(study, varied))[0]

    assert "residual: no difference in the full model" in sentence
    assert "no verdict on average" in sentence
    assert "since it depends on another part" in sentence
    assert "By setting: 0.0 (" in sentence
    assert "where norm is present; +20." in sentence


def test_levels_are_named_where_a_factor_has_three():
    norm = Factor("norm", (Level("before"), Level("after"), Level("none")))
    study = study_of("residual", norm)

    def score(levels: dict[str, str], seed: int) -> float:
        lost = levels["residual"] == "absent" and levels["norm"] == "none"
        absent = sum(level == "absent" for level in levels.values())
        return 90 - 20 * lost + 0.1 * ((3 * seed + 7 * absent) % 5)

    shown = sentences(study, table_of(study, score))

    assert "where norm is none" in shown[0]
    assert shown[2].startswith("norm=before (against none): no difference")


@pytest.mark.parametrize(
    ("verdict", "end"),
    [
        param(Verdict.HELPS, "; whether by the margin is open; margin 1.0.", id="helps"),
        param(Verdict.NOT_NEEDED, "; whether removing it improves is open; margin 1.0.", id="less"),
        param(Verdict.NEEDED, "(+5.0, 95 % interval +4.0 to +6.0; 5 seeds); margin 1.0.", id="is"),
    ],
)
def test_what_a_verdict_leaves_open_is_said(verdict, end):
    component = Component("x", "x", "absent", replace(EFFECT, verdict=verdict), None)

    assert component_sentence(component, STUDY).endswith(end)


def test_a_confused_effect_names_the_interaction():
    effect = replace(EFFECT, kind="main", withheld=Withheld.CONFUSED, confused_with=("y:z",))

    assert "no verdict on average over the other factors (+5.0, " in component_sentence(
        Component("x", "x", "absent", None, effect), STUDY
    )
    assert "since the combinations that were run mix it with y × z" in component_sentence(
        Component("x", "x", "absent", None, effect), STUDY
    )


def test_a_part_without_an_effect_is_not_left_out():
    setting = Setting((("y", "absent"), ("z", "present")), 0.2, math.nan, math.nan, 1)

    assert component_sentence(Component("x", "x", "absent", None, None, (setting,)), STUDY) == (
        "x: not estimable from the full model, since it was switched only in other models. By "
        "setting: +0.2 (no interval) where y is absent and z is present."
    )
    assert "no two cells differ in it alone" in component_sentence(
        Component("x", "x", "absent", None, None), STUDY
    )


def test_a_full_model_that_did_not_learn_gives_no_answer():
    failed = CellRate(Cell((("x", "present"),)), 3, 5, 0.1, 0.9)

    assert no_answer_sentence(failed, STUDY).startswith(
        "No answer: the full model itself did not learn (3 of 5 runs at the score of guessing). "
        "Train it"
    )


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [
        ((3, 8), "3 to 8 more seeds"),
        ((1, 1), "1 more seed"),
        ((2, 2), "2 more seeds"),
    ],
)
def test_further_seeds_are_a_range(seeds, expected):
    assert seed_range_text(SeedRange(*seeds)) == expected


def test_a_unit_stays_as_it_is_written_in_the_meaning_of_a_verdict():
    assert verdict_meanings("0.5 IoU")[Verdict.NEEDED] == (
        "Without the part the model is worse by 0.5 IoU or more."
    )


def test_every_verdict_has_a_meaning_and_every_reason_a_text():
    assert set(verdict_meanings("1 point")) == set(Verdict)
    assert set(REASONS) == set(Withheld)


def test_a_claim_that_holm_takes_back_is_explained():
    study = study_of("x", "y", "z", replicates=4)
    for seed in range(50):
        component = analyse(noisy(study, seed=seed, spread=1.0, x=3.0), study).components[0]
        full = component.full
        if full.low > 0 and full.p_adjusted > 0.05 and full.high > study.margin:
            assert full.verdict == "undecided"
            assert "when several parts are tested: p" in component_sentence(component, study)
            return
    pytest.fail("no such study among fifty")


def test_a_missing_cell_is_named():
    study = study_of("x", "y")
    runs = noisy(study)
    lost = (runs["x"] == "absent") & (runs["y"] == "present")

    assert "no complete run of [no x])" in sentences(study, broken(runs, lost))[0]


def test_a_single_factor_has_one_claim_in_the_unit_of_the_response():
    study = study_of("x", responses=(Response("score", "lower", "seconds"),))
    (sentence,) = sentences(study, noisy(study, x=-4.0))

    assert "on average" not in sentence
    assert " s, 95 % interval" in sentence


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        param({}, "paired by seed, t with 4 df; p: t (smallest sign-flip p: 0.062)", id="t"),
        param({"exact": True}, "paired by seed, t with 4 df; p: exact sign-flip", id="exact"),
        param({"error": 0.0}, "t with 4 df; no spread, p: exact sign-flip", id="no_spread"),
        param({"looks": 4}, "; corrected for 4 looks, since seeds were added", id="looks"),
        param({"error": math.nan}, "too few runs for an interval", id="one_run"),
        param({"pairing": Pairing.NO_SEEDS}, "df 4.0 (runs without seeds)", id="no_seeds"),
        param(
            {"pairing": Pairing.TOO_FEW_SHARED_SEEDS},
            "Welch-Satterthwaite t, df 4.0 (fewer than two seeds in all its cells)",
            id="few_shared",
        ),
        param(
            {"missing": (Cell((("x", "absent"), ("y", "present"), ("z", "absent"))),)},
            "not estimable: no complete run of [no x, no z]",
            id="missing",
        ),
    ],
)
def test_the_method_of_an_effect_is_stated(changes, expected):
    assert expected in effect_method(replace(EFFECT, **changes), STUDY)


@pytest.mark.parametrize(
    ("levels", "facts", "expected"),
    [
        param(
            "-+-",
            {"tested": 7, "loss": 0.25, "p": 0.0123},
            "The simplest model that does the job: no x, no z. It scored 0.2 worse than the full "
            "model; a loss of 1.0 or more is ruled out (p = 0.012, after Holm's correction over 7 "
            "simpler models).",
            id="worse",
        ),
        param(
            "-+-",
            {"tested": 7, "loss": -0.75, "p": 0.03, "low": -1.9, "high": 0.3, "n": 3},
            "It scored 0.8 better than the full model (−0.3 to +1.9; 3 seeds); a loss of 1.0 or "
            "more is ruled out (p = 0.03",
            id="interval",
        ),
        param("-+-", {"tested": 1, "loss": -0.5, "p": 0.0}, "0.5 better than", id="better"),
        param("-+-", {"tested": 1, "loss": 0.0, "p": 0.0}, "It scored as good as", id="equal"),
        param(
            "-++",
            {"tested": 1, "loss": 0.0, "p": 0.0, "parameters": 6.0, "macs": 0.158},
            "A model with fewer parts does the job, but with 6.0 times the parameters and 0.16 "
            "times the multiply-accumulates of the full model: no x. It scored",
            id="larger",
        ),
        param(
            "-++",
            {"tested": 1, "loss": 0.0, "p": 0.0, "parameters": 0.5, "macs": 1.0},
            "The simplest model that does the job: no x, with 0.50 times the parameters and 1.0 "
            "times the multiply-accumulates of the full model. It scored",
            id="smaller",
        ),
        param(
            "+++",
            {"tested": 7, "candidate": replace(CANDIDATE, loss=5.0, low=4.0, high=6.0)},
            "No simpler model does the job: the closest, no x, loses too much (−5.0 against the "
            "full model, 95 % interval −6.0 to −4.0).",
            id="far",
        ),
        param(
            "+++",
            {"tested": 7, "candidate": replace(CANDIDATE, further=SeedRange(4, 1000))},
            "95 % interval −1.2 to +0.5).",
            id="seeds unknown",
        ),
        param(
            "+++",
            {"tested": 7, "candidate": CANDIDATE},
            "No simpler model is shown yet to be less than 1.0 worse than the full model. The best "
            "candidate: no x (−0.4 against the full model, 95 % interval −1.2 to +0.5). 3 to 8 "
            "more seeds would likely show it.",
            id="none",
        ),
        param("+++", {"tested": 0}, "No simpler model could be tested", id="untested"),
    ],
)
def test_the_simplest_model_is_stated(levels, facts, expected):
    words = {"+": "present", "-": "absent"}
    named = dict(zip("xyz", (words[sign] for sign in levels), strict=True))

    assert expected in simplest_sentence(Simplest("cell", named, **facts), STUDY)


def test_a_model_without_parts_that_have_no_verdict_is_one_thing_shown():
    levels = {"x": "absent", "y": "present", "z": "absent"}
    text = simplest_sentence(Simplest("cell", levels, 1, loss=0.0, p=0.0), STUDY, judged=False)

    assert text.startswith("One thing is shown: [no x, no z] scored as good as the full model; a")
    assert text.endswith("What each of x and z does alone is open.")
