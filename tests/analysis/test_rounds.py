from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pytest import param

from ablate.analysis.analyse import analyse
from ablate.analysis.contrasts import contrasts_of
from ablate.analysis.estimates import estimate
from ablate.analysis.findings import Verdict
from ablate.analysis.looks import looks_of
from ablate.analysis.rounds import Round, next_round
from ablate.analysis.verdicts import VERDICTS, judge
from ablate.analysis.warnings import SeedsInRounds, UnequalRuns
from ablate.study.design import cells_of
from ablate.study.study import Study
from benchmarks.calibration.adaptive import play
from tests.analysis.planted import broken, named, noisy, study_of, table_of

FULL = "a=present,b=present"


def adaptive(*parts: str, fewest: int = 3, most: int = 12, **own: object) -> Study:
    return study_of(*parts, replicates=fewest, most_replicates=most, **own)


def everything(study: Study, **worth: float) -> pd.DataFrame:
    """All runs that the study could ask for."""
    return noisy(replace(study, replicates=study.most_replicates, most_replicates=None), **worth)


def having(runs: pd.DataFrame, round_: Round) -> pd.DataFrame:
    return runs[runs["seed"] < runs["cell"].map(round_.seeds)]


def played(study: Study, runs: pd.DataFrame) -> list[Round]:
    """The rounds in the order in which a runner plays them."""
    rounds = [next_round(pd.DataFrame(), study)]
    while len(rounds) < 20:
        after = next_round(having(runs, rounds[-1]), study)
        if after.seeds == rounds[-1].seeds:
            return rounds
        rounds.append(after)
    raise AssertionError("the rounds do not end")


@pytest.mark.parametrize(
    ("fewest", "most", "expected"),
    [
        param(3, 12, (3, 5, 8, 12), id="the example"),
        param(5, 20, (5, 8, 13, 20), id="more"),
        param(2, 3, (2, 3), id="least"),
        param(3, 100, (3, 4, 7, 10, 14, 21, 31, 46, 68, 100), id="far"),
        param(4, None, (4,), id="not adaptive"),
    ],
)
def test_each_look_has_about_half_as_many_seeds_again(fewest, most, expected):
    assert looks_of(adaptive("a", fewest=fewest, most=most)) == expected


def test_the_first_round_gives_every_cell_the_fewest_seeds():
    study = adaptive("a", "b")
    runs = everything(study)

    first = next_round(runs.iloc[:0], study)

    assert first == Round(1, dict.fromkeys((cell.slug for cell in cells_of(study)), 3))
    assert next_round(having(runs, first).iloc[:-1], study) == first


def test_a_study_that_is_not_adaptive_has_one_round():
    study = study_of("a", replicates=3)

    assert set(next_round(noisy(study), study).seeds.values()) == {3}


def test_clear_verdicts_stop_early():
    study = adaptive("a", "b")

    rounds = played(study, everything(study, a=4.0, b=0.0, spread=0.02))

    assert [set(round_.seeds.values()) for round_ in rounds] == [{3}]


def test_only_cells_of_undecided_components_get_more():
    # The noise of one cell hides the effect of b in the full model; the design has no average.
    study = adaptive("a", "b", "c", design="leave_one_out")
    runs = everything(study, a=4.0, b=0.5, c=4.0, spread=0.02)
    loud = (runs["b"] == "absent") & (runs["status"] == "complete")
    runs.loc[loud, "score"] += np.random.default_rng(1).normal(0, 5, loud.sum())

    last = played(study, runs)[-1]

    assert last.number == 4
    assert list(last.seeds.values()) == [12, 3, 12, 3]


def test_seeds_stop_at_the_most_though_parts_are_undecided():
    study = adaptive("a", "b", most=5)
    runs = everything(study, spread=100.0)

    rounds = played(study, runs)
    last = having(runs, rounds[-1])
    end = next_round(last, study)

    assert [set(round_.seeds.values()) for round_ in rounds] == [{3}, {5}]
    assert end.seeds == rounds[-1].seeds
    assert {part.full.verdict for part in analyse(last, study).components} == {Verdict.UNDECIDED}


@pytest.mark.parametrize(
    ("worth", "seeds"),
    [
        param(0.6, 5, id="more seeds may show that it is below the margin"),
        param(0.98, 3, id="more seeds would hardly change it"),
    ],
)
def test_a_helpful_part_gets_more_seeds_if_it_may_be_below_the_margin(worth, seeds):
    study = adaptive("a")
    runs = table_of(
        study, lambda levels, seed: worth + 0.1 * (seed - 1) if levels["a"] == "present" else 0.0
    )

    assert analyse(runs, study).components[0].full.verdict is Verdict.HELPS
    assert set(next_round(runs, study).seeds.values()) == {seeds}


def test_a_killed_study_resumes_as_if_it_had_not_been():
    study = adaptive("a", "b")
    runs = everything(study, a=2.0, b=0.4, spread=0.6, seed=4)
    rounds = played(study, runs)
    assert len(rounds) > 2
    third, done = having(runs, rounds[2]), having(runs, rounds[1])
    new = third.drop(done.index).sample(frac=1.0, random_state=0)

    for count in range(len(new)):
        partly = pd.concat([new.iloc[:count], done.sample(frac=1.0, random_state=count)])
        assert next_round(partly, study) == rounds[2]


def test_runs_beyond_the_round_do_not_change_it():
    study = adaptive("a", "b")
    runs = everything(study, a=4.0, b=0.0, spread=0.02)
    runs.loc[runs["seed"] > 3, "score"] = np.random.default_rng(0).normal(0, 100, 32)

    assert next_round(runs, study).number == 1


@pytest.mark.parametrize("status", ["failed", "diverged", "crashed"])
def test_a_cell_that_never_completes_asks_for_nothing(status):
    study = adaptive("a", "b")
    runs = everything(study, spread=100.0)
    runs = broken(runs, runs["a"] == "absent", status=status)

    last = played(study, runs)[-1]

    assert {seeds for slug, seeds in last.seeds.items() if "a=absent" in slug} == {3}
    assert {seeds for slug, seeds in last.seeds.items() if "a=present" in slug} == {12}


def test_a_study_without_a_complete_run_ends_after_one_round():
    study = adaptive("a", "b")
    runs = everything(study)

    assert [r.number for r in played(study, broken(runs, runs["seed"] >= 0))] == [1]


def test_a_cell_that_sometimes_fails_ends_at_the_most():
    study = adaptive("a", "b")
    runs = everything(study, spread=100.0)
    runs = broken(runs, (runs["cell"] == FULL) & (runs["seed"] % 3 != 1))

    last = played(study, runs)[-1]

    assert last.seeds[FULL] == 12
    assert analyse(having(runs, last), study).components[0].full.n == 4


def test_effects_and_warnings_take_the_looks_into_account():
    study = adaptive("a", "b")
    runs = everything(study, a=2.0, b=0.4, spread=0.6, seed=4)
    runs = having(runs, played(study, runs)[-1])
    plain = replace(study, most_replicates=None)

    analysis, uncorrected = analyse(runs, study), analyse(runs, plain)

    (rounds,) = (item for item in analysis.warnings if isinstance(item, SeedsInRounds))
    assert rounds.looks == (3, 5, 8, 12)
    assert not any(isinstance(item, UnequalRuns) for item in analysis.warnings)
    assert analysis.cells["n"].tolist() == analysis.cells["n_planned"].tolist()
    for kind in ("simple", "main"):
        effect, bare = named(analysis, "b", kind), named(uncorrected, "b", kind)
        assert (effect.looks, bare.looks) == (4, 1)
        assert effect.high - effect.low > bare.high - bare.low
        assert effect.p == bare.p


def test_looks_share_the_error():
    runs = np.random.default_rng(0).standard_normal((200, 4, 3))
    weights = np.array([[1.0, -1.0, 0.0], [1.0, 0.0, -1.0]])

    once = estimate(runs, weights, paired=True)
    often = estimate(runs, weights, paired=True, looks=4)

    assert (often.high - often.estimate > once.high - once.estimate).all()
    np.testing.assert_allclose(often.p_adjusted, np.minimum(4 * once.p_adjusted, 1.0), atol=0.0)


def simulated(study: Study, studies: int, **worth: float) -> np.ndarray:
    """Responses of all runs that each study could ask for, shape `(studies, seeds, cells)`."""
    means = [
        sum(size for name, size in worth.items() if cell[name] == "present")
        for cell in cells_of(study)
    ]
    shape = (studies, study.most_replicates, len(means))
    return np.array(means) + 0.4 * np.random.default_rng(2).standard_normal(shape)


def test_the_calibration_plays_the_same_rounds():
    study = adaptive("a", "b")
    responses = simulated(study, 6, a=2.0, b=0.3)

    _, counts = play(study, responses)

    slugs = [cell.slug for cell in cells_of(study)]
    for own, expected in zip(responses, counts, strict=True):
        of_cell = {cell.levels: own[:, index] for index, cell in enumerate(cells_of(study))}
        runs = table_of(
            study,
            lambda levels, seed, of_cell=of_cell: of_cell[tuple(levels.items())][seed],
            seeds=range(12),
        )
        assert [next_round(runs, study).seeds[slug] for slug in slugs] == expected.tolist()
    assert len(np.unique(counts)) > 1


def test_rounds_save_runs_and_rarely_make_false_claims():
    study = adaptive("a", "b", "c")

    found, counts = play(study, simulated(study, 1000, a=2.0, b=0.0, c=0.0))

    names = [contrast.name for contrast in contrasts_of(study, cells_of(study), order=1)]
    verdicts = np.array(VERDICTS)[judge(found, study.margin)]
    nothing = np.array([name != "a" for name in names])
    false = np.isin(verdicts, [Verdict.NEEDED, Verdict.HELPS, Verdict.HARMFUL])[:, nothing].any(
        axis=1
    )
    assert counts.mean() < 0.6 * 12
    assert false.mean() < 0.03
    assert np.isin(verdicts[:, ~nothing], [Verdict.NEEDED, Verdict.HELPS]).mean() > 0.99
