"""`ablate.analyse`: results of any program in a pandas table."""

from __future__ import annotations

import numpy
import pandas as pd
import pytest

import ablate
from ablate.report.command import main
from ablate.report.sections import effects


@pytest.fixture
def frame() -> pd.DataFrame:
    """Two parts of which `norm` is worth 10 points and `skip` nothing, in 5 seeds."""
    rng = numpy.random.default_rng(0)
    rows = [
        {"norm": norm, "skip": skip, "seed": seed, "acc": 0.8 + 0.1 * norm + rng.normal(0, 0.002)}
        for norm in (True, False)
        for skip in (True, False)
        for seed in range(5)
    ]
    return pd.DataFrame(rows)


def test_a_table_gets_its_verdicts(frame: pd.DataFrame) -> None:
    study = ablate.analyse(frame, factors=["norm", "skip"], response="acc", seed="seed")
    assert list(study.verdicts["verdict"]) == ["needed", "no difference"]
    assert study.answer.startswith("Keep norm")


def test_a_table_and_its_file_give_equal_effects(
    frame: pd.DataFrame, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(str(tmp_path))
    frame.to_csv("results.csv", index=False)
    with pytest.raises(SystemExit):
        main(["runs=results.csv", "factors=[norm,skip]", "response=acc", "seed=seed"])
    study = ablate.analyse(frame, factors=["norm", "skip"], response="acc", seed="seed")
    written = pd.read_csv("reports/results/effects.csv")
    for column in ("estimate", "low", "high", "p", "p_adjusted", "n"):
        numpy.testing.assert_array_equal(study.effects[column].astype(float), written[column])


def test_only_the_figure_that_is_asked_for_is_drawn(
    frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = ablate.analyse(frame, factors=["norm", "skip"], response="acc", seed="seed")
    monkeypatch.delattr(effects, "content")
    grid = study.figure("grid")
    assert grid._repr_svg_().startswith("<svg")
    assert len(repr(grid)) < 2000
    with pytest.raises(AttributeError):
        study.figure("effects")


def test_a_column_that_is_not_there_is_named(frame: pd.DataFrame) -> None:
    with pytest.raises(ablate.RequestError, match="Did you mean 'norm'"):
        ablate.analyse(frame, factors=["nrom"], response="acc")


@pytest.mark.parametrize("option", [{"margin": -1}, {"direction": "up"}, {"chance": "high"}])
def test_an_option_that_is_not_valid_is_refused(
    frame: pd.DataFrame, option: dict[str, object]
) -> None:
    with pytest.raises(ablate.RequestError, match=next(iter(option))):
        ablate.analyse(frame, factors=["norm"], response="acc", **option)


def test_an_unknown_option_is_named(frame: pd.DataFrame) -> None:
    with pytest.raises(ablate.RequestError, match="Did you mean 'margin'"):
        ablate.analyse(frame, factors="norm", response="acc", margins=0.05)


@pytest.mark.parametrize("table", [None, {"norm": [1]}, [1, 2]])
def test_a_table_of_another_type_is_refused(table: pd.DataFrame) -> None:
    with pytest.raises(ablate.RequestError, match="DataFrame"):
        ablate.analyse(table, factors="norm", response="acc")


def test_results_of_other_programs_hold_no_model(frame: pd.DataFrame) -> None:
    with pytest.raises(ablate.RequestError, match="no trained models"):
        ablate.analyse(frame, factors=["norm"], response="acc").load_model()
