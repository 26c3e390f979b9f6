from __future__ import annotations

import pytest

from ablate.analysis.analyse import analyse
from ablate.analysis.findings import Withheld
from ablate.study.design import Cell
from ablate.study.response import Response
from ablate.study.study import Factor, Level
from tests.analysis.planted import broken, named, noisy, study_of, table_of


def wobble(levels: dict[str, str], seed: int) -> float:
    """A small fixed deviation that differs from cell to cell."""
    return 0.1 * ((3 * seed + 7 * sum(level == "absent" for level in levels.values())) % 5)


def test_a_component_has_the_effects_of_its_name():
    study = study_of("x", "y", "z")
    analysis = analyse(noisy(study, spread=0.2, x=5.0), study)
    by_name = {component.name: component for component in analysis.components}

    assert list(by_name) == ["x", "y", "z"]
    assert by_name["x"].full == named(analysis, "x", "simple")
    assert by_name["x"].average == named(analysis, "x", "main")
    assert by_name["x"].full.verdict == by_name["x"].average.verdict == "needed"
    assert by_name["y"].full.verdict == "no difference"
    assert by_name["x"].settings == ()


def test_a_harmful_part_is_called_so():
    study = study_of("x", "y")
    first = analyse(noisy(study, spread=0.2, x=-5.0), study).components[0]

    assert first.full.verdict == "harmful"
    assert first.further is None


def test_a_certain_interaction_gives_the_effect_at_each_setting():
    study = study_of("residual", "norm", "z")

    def score(levels: dict[str, str], seed: int) -> float:
        lost = levels["residual"] == levels["norm"] == "absent"
        return 90 - 20 * lost + wobble(levels, seed)

    residual = analyse(table_of(study, score), study).components[0]
    present, absent = residual.settings

    assert residual.full.verdict == "no difference"
    assert (residual.average.verdict, residual.average.withheld) == (None, Withheld.INTERACTION)
    assert (present.where, absent.where) == ((("norm", "present"),), (("norm", "absent"),))
    assert present.estimate == pytest.approx(0, abs=0.5)
    assert absent.estimate == pytest.approx(20, abs=0.5)
    assert (present.low, absent.high) == (pytest.approx(0, abs=0.5), pytest.approx(20, abs=0.5))


def test_a_certain_interaction_withholds_the_average_of_an_undecided_part():
    study = study_of("residual", "norm", "z", margin=0.1)

    def score(levels: dict[str, str], seed: int) -> float:
        lost = levels["residual"] == levels["norm"] == "absent"
        return 90 - 20 * lost + wobble(levels, seed)

    residual = analyse(table_of(study, score), study).components[0]

    assert residual.full.verdict == "undecided"
    assert residual.average.withheld is Withheld.INTERACTION
    assert [setting.where[0][1] for setting in residual.settings] == ["present", "absent"]


def test_an_interaction_below_the_margin_withholds_no_verdict():
    study = study_of("residual", "norm", margin=30.0)

    def score(levels: dict[str, str], seed: int) -> float:
        lost = levels["residual"] == levels["norm"] == "absent"
        return 90 - 20 * lost + wobble(levels, seed)

    assert analyse(table_of(study, score), study).components[0].average.verdict == "no difference"


def test_the_setting_is_named_where_a_factor_has_three_levels():
    norm = Factor("norm", (Level("before"), Level("after"), Level("none")))
    study = study_of("residual", norm)

    def score(levels: dict[str, str], seed: int) -> float:
        lost = levels["residual"] == "absent" and levels["norm"] == "none"
        return 90 - 20 * lost + wobble(levels, seed)

    components = analyse(table_of(study, score), study).components

    assert [component.name for component in components] == ["residual", "norm=after", "norm=none"]
    assert [setting.where for setting in components[0].settings] == [
        (("norm", "before"),),
        (("norm", "none"),),
    ]
    assert components[0].settings[1].estimate == pytest.approx(20, abs=0.5)
    assert components[2].full.verdict == "no difference"


def test_two_alternatives_are_better_or_worse():
    study = study_of(Factor("activation", (Level("gelu"), Level("relu"))))

    def judged(worth: float) -> str:
        runs = table_of(
            study, lambda levels, seed: worth * (levels["activation"] == "gelu") + 0.1 * (seed % 2)
        )
        return str(analyse(runs, study).components[0].full.verdict)

    assert [judged(worth) for worth in (5.0, -5.0, 0.0)] == ["better", "worse", "no difference"]


def test_an_absence_at_the_reference_level_is_an_alternative():
    study = study_of(Factor("dropout", (Level("absent"), Level("present"))))
    runs = table_of(study, lambda levels, seed: 5.0 * (levels["dropout"] == "absent") + seed % 2)

    assert analyse(runs, study).components[0].full.verdict == "better"


def test_only_a_part_that_helps_has_seeds_for_its_worth():
    study = study_of("x", "y")
    helps, nothing = analyse(noisy(study, spread=0.6, x=1.1), study).components

    assert (helps.full.verdict, nothing.full.verdict) == ("helps", "no difference")
    assert helps.margin_seeds.low <= helps.margin_seeds.high
    assert nothing.margin_seeds is None


def test_an_undecided_part_has_a_number_of_further_seeds():
    study = study_of("x", "y", replicates=3)
    components = analyse(noisy(study, spread=3.0), study).components

    assert {component.full.verdict for component in components} == {"undecided"}
    assert all(1 < part.further.low < 10 < part.further.high for part in components)


def test_a_claim_that_fails_after_holm_is_undecided():
    study = study_of("x", "y", "z", replicates=4)
    for seed in range(50):
        analysis = analyse(noisy(study, seed=seed, spread=1.0, x=3.0), study)
        full = analysis.components[0].full
        if full.low > 0 and full.p_adjusted > 0.05 and full.high > study.margin:
            assert full.verdict == "undecided"
            return
    pytest.fail("no such study among fifty")


def test_a_missing_cell_is_named_in_the_effect():
    study = study_of("x", "y")
    runs = noisy(study)
    lost = (runs["x"] == "absent") & (runs["y"] == "present")
    analysis = analyse(broken(runs, lost), study)

    missing = Cell((("x", "absent"), ("y", "present")))
    assert analysis.components[0].full.missing == (missing,)
    assert named(analysis, "y", "simple").estimate == pytest.approx(0, abs=3)
    assert analysis.components[0].full.withheld is Withheld.MISSING_CELLS
    assert analysis.components[0].further is None


def test_leave_one_out_gives_effects_in_the_full_model_only():
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
