from __future__ import annotations

import pytest

from ablate.analysis.analyse import analyse
from ablate.study.design import Cell
from ablate.study.response import Response
from ablate.study.study import Factor, Level
from tests.analysis.planted import broken, named, noisy, study_of, table_of


def wobble(levels: dict[str, str], seed: int) -> float:
    """A small swing that differs from cell to cell, the same every time."""
    return 0.1 * ((3 * seed + 7 * sum(level == "absent" for level in levels.values())) % 5)


def test_each_part_says_what_its_effects_say():
    study = study_of("x", "y", "z")
    analysis = analyse(noisy(study, spread=0.2, x=5.0), study)
    by_name = {component.name: component for component in analysis.components}

    assert list(by_name) == ["x", "y", "z"]
    assert by_name["x"].full == named(analysis, "x", "simple")
    assert by_name["x"].average == named(analysis, "x", "main")
    assert by_name["x"].sentence.startswith("x is needed in the full model (+")
    assert "needed on average over the other factors" in by_name["x"].sentence
    assert by_name["y"].sentence.startswith("y is not needed in the full model at a margin of 1.00")


def test_a_harmful_part_is_called_so():
    study = study_of("x", "y")
    first = analyse(noisy(study, spread=0.2, x=-5.0), study).components[0]

    assert first.sentence.startswith("x is harmful in the full model (−")
    assert first.further_seeds is None


def test_where_the_verdicts_differ_the_interaction_is_named():
    study = study_of("residual", "norm", "z")

    def score(levels: dict[str, str], seed: int) -> float:
        lost = levels["residual"] == levels["norm"] == "absent"
        return 90 - 20 * lost + wobble(levels, seed)

    sentence = analyse(table_of(study, score), study).components[0].sentence

    assert "residual is not needed in the full model" in sentence
    assert "; needed on average" in sentence
    assert "residual matters only where norm is absent (+20." in sentence
    assert "interaction residual:norm −10." in sentence


def test_a_certain_interaction_is_named_where_a_verdict_is_still_open():
    study = study_of("residual", "norm", "z", margin=0.1)

    def score(levels: dict[str, str], seed: int) -> float:
        lost = levels["residual"] == levels["norm"] == "absent"
        return 90 - 20 * lost + wobble(levels, seed)

    sentence = analyse(table_of(study, score), study).components[0].sentence

    assert "residual is undecided in the full model" in sentence
    assert "interaction residual:norm −10." in sentence


def test_the_level_is_named_where_a_factor_has_three():
    norm = Factor("norm", (Level("before"), Level("after"), Level("none")))
    study = study_of("residual", norm)

    def score(levels: dict[str, str], seed: int) -> float:
        lost = levels["residual"] == "absent" and levels["norm"] == "none"
        return 90 - 20 * lost + wobble(levels, seed)

    components = analyse(table_of(study, score), study).components

    assert [component.name for component in components] == ["residual", "norm=after", "norm=none"]
    assert "residual matters only where norm is none (+20." in components[0].sentence
    assert components[2].sentence.startswith("norm=before (against none) is not needed")


def test_an_undecided_part_says_how_many_seeds_would_decide_it():
    study = study_of("x", "y", replicates=3)
    components = analyse(noisy(study, spread=3.0), study).components

    assert {component.full.verdict for component in components} == {"undecided"}
    assert all(component.further_seeds > 10 for component in components)


def test_words_agree_with_the_table_where_holm_takes_a_claim_back():
    study = study_of("x", "y", "z", replicates=4)
    for seed in range(50):
        analysis = analyse(noisy(study, seed=seed, spread=1.0, x=3.0), study)
        full = analysis.components[0].full
        if full.low > 0 and full.p_adjusted > 0.05 and full.high > study.margin:
            assert full.verdict == "undecided"
            assert "after Holm's correction is above 0.05" in analysis.components[0].sentence
            return
    pytest.fail("no such study among fifty")


def test_a_missing_cell_is_the_reason_given():
    study = study_of("x", "y")
    runs = noisy(study)
    lost = (runs["x"] == "absent") & (runs["y"] == "present")
    analysis = analyse(broken(runs, lost), study)

    assert "no complete run of [no x])" in analysis.components[0].sentence
    assert named(analysis, "y", "simple").estimate == pytest.approx(0, abs=3)
    assert analysis.components[0].further_seeds is None


def test_leave_one_out_speaks_of_the_full_model_alone():
    study = study_of("x", "y", "z")
    levels = [
        ("present",) * 3,
        *(tuple("absent" if i == j else "present" for j in range(3)) for i in range(3)),
    ]
    cells = [Cell(tuple(zip("xyz", row, strict=True))) for row in levels]
    runs = noisy(study, spread=0.2, x=5.0)
    runs = runs[runs["cell"].isin([cell.slug for cell in cells])]
    first = analyse(runs, study).components[0]

    assert first.full.verdict == "needed"


def test_a_single_factor_is_not_corrected_for_itself():
    study = study_of("x", responses=(Response("score", "lower", "seconds"),))
    analysis = analyse(noisy(study, x=-4.0), study)
    simple, main = named(analysis, "x", "simple"), named(analysis, "x", "main")

    assert simple.p == simple.p_adjusted == main.p_adjusted
    assert "on average" not in analysis.components[0].sentence
    assert " s, 95 % interval" in analysis.components[0].sentence
