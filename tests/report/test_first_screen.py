"""The first screen of results on which it once misled: the sentence, and what to do next."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from ablate.analysis.analyse import analyse_record
from ablate.report.blocks import Paragraph, plain_text
from ablate.report.cells import value_range
from ablate.report.conditions import condition_sentence
from ablate.report.design_text import design_text
from ablate.report.headline import headline
from ablate.report.next_step import next_step
from ablate.report.page import report_data
from ablate.report.section import ReportData
from ablate.report.sections.answer import content
from ablate.report.sentences import simplest_sentence
from ablate.study.design import Cell
from ablate.study.record import StudyRecord
from ablate.study.response import Response
from ablate.study.study import Factor, Level, Study
from tests.analysis.planted import study_of, table_of
from tests.conftest import ACCURACY

LOSS = Response("loss", "lower")
OTHER_PROGRAM = "python -m ablate.report runs=r.csv 'factors=[a]' response=y"
PLANTED = study_of("a", "b")
OWN = "python -m ablate --multirun study=mine"


def wave(cell: Sequence[str], seed: int) -> float:
    """A deviation between -1 and 1 that looks random over cells and seeds."""
    return float(np.sin(12.9898 * (1 + sum(map(ord, "".join(cell)))) + 78.233 * (seed + 1)))


def data_of(
    study: Study,
    score: Callable[[dict[str, str], int], float],
    *,
    cells: Sequence[Cell] | None = None,
    own: bool = False,
    **record: object,
) -> ReportData:
    """A study of results of another program, or of this one."""
    runs = table_of(study, score, cells=cells)
    for name, value in record.pop("columns", {}).items():  # type: ignore[attr-defined]
        runs[name] = [value(row) for row in runs.to_dict("records")]
    provenance = {"command": OWN} if own else {"runs": "r.csv"}
    found = StudyRecord(study, runs, provenance=provenance, **record)  # type: ignore[arg-type]
    return report_data(found, analyse_record(found), commands=[OWN if own else OTHER_PROGRAM])


def shown(data: ReportData) -> tuple[str, str, str]:
    """The sentence, the reason of the next step and its command."""
    step = next_step(data)
    return headline(data.analysis).replace("\u00a0", " "), step.reason, step.command


def cells_of_rows(names: str, *rows: str) -> tuple[Cell, ...]:
    words = {"+": "present", "-": "absent"}
    return tuple(
        Cell(tuple(zip(names, (words[sign] for sign in row), strict=True))) for row in rows
    )


def helpful(worth: float, spread: float, *, replicates: int = 10) -> ReportData:
    study = study_of("a", margin=0.01, responses=(ACCURACY,), replicates=replicates)
    return data_of(
        study,
        lambda levels, seed: 0.9 + (levels["a"] == "present") * (worth + spread * (-1) ** seed),
    )


@pytest.mark.parametrize(
    ("worth", "spread", "expected"),
    [
        pytest.param(0.0095, 0.006, "more than 100 more seeds", id="at the margin"),
        pytest.param(0.02, 0.014, "more seeds in each cell would likely show whether a", id="far"),
    ],
)
def test_a_part_that_helps_is_not_about_to_be_removed(
    worth: float, spread: float, expected: str
) -> None:
    sentence, reason, _ = shown(helpful(worth, spread))
    assert re.fullmatch(
        r"a helps: without it \d\.\d points of test accuracy are lost \(0\.\d to \d\.\d\); whether "
        r"by 1\.0 points or more is open\.",
        sentence,
    )
    assert reason.startswith("More seeds are not needed to know that it helps.")
    assert expected in reason
    assert "enough" not in reason


def pressures(*levels: str, worth: dict[str, float], spread: float = 2.0) -> ReportData:
    study = study_of(Factor("pressure", tuple(map(Level, levels))), replicates=6)
    return data_of(
        study, lambda cell, seed: worth[cell["pressure"]] + spread * wave([cell["pressure"]], seed)
    )


def test_levels_of_one_factor_are_named_and_the_factor_once() -> None:
    worth = {"8500": 92.0, "8700": 91.3, "8900": 91.5, "9100": 70.0}
    sentence, reason, _ = shown(pressures(*worth, worth=worth))
    assert sentence.startswith(
        "Use pressure=8500: better than 9100 by 21.8 (19.8 to 23.8); the margin is 1.0. Undecided"
    )
    assert "pressure (8500 against 8700 and 8900)" in sentence
    assert "pressure and pressure" not in sentence + reason


def test_words_that_name_levels_are_not_read_as_words() -> None:
    worth = {"baseline": 37.0, "some": 56.0, "all": 57.2}
    sentence, reason, command = shown(pressures(*worth, worth=worth, spread=0.3))
    assert sentence == (
        "pressure=some and pressure=all are each better than baseline, by 19.0 (18.9 to 19.1) and "
        "20.2 (19.9 to 20.5); the margin is 1.0. The best mean is that of pressure=all."
    )
    assert "compared with baseline alone" in reason
    assert shlex.split(command)[-1] == "reference={pressure: all}"


def test_a_name_stays_as_it_is_written() -> None:
    order = Factor("norm_order", (Level("before_activation"), Level("after_activation")))
    study = study_of(order, "skip", margin=1.0)
    sentence, _, _ = shown(
        data_of(study, lambda cell, seed: 90 + 0.1 * wave([*cell.values()], seed))
    )
    assert (
        "Whether norm_order is before_activation or after_activation makes no difference"
        in sentence
    )
    assert "Norm_order" not in sentence
    assert "Before_activation" not in sentence
    assert "Skip" not in sentence


def confused(*, own: bool) -> ReportData:
    cells = cells_of_rows("abc", "+++", "+--", "-+-", "--+")
    study = study_of(
        "a", "b", "c", margin=0.01, responses=(ACCURACY,), design="cells",
        cells=tuple(cell.levels for cell in cells),
    )  # fmt: skip

    def score(levels: dict[str, str], seed: int) -> float:
        together = levels["b"] == levels["c"]
        return 0.9 + 0.04 * together + 0.003 * wave([*levels.values()], seed)

    return data_of(study, score, cells=cells, own=own)


def test_a_fraction_says_which_cells_would_separate_its_effects() -> None:
    sentence, reason, command = shown(confused(own=False))
    assert sentence == (
        "No verdict on a, b and c: only 4 of 8 combinations were run, which mix the effect of a "
        "part with an interaction of others: a with b × c, b with a × c and c with a × b."
    )
    assert "run [no c], [no b], [no a] and [no a, no b, no c] too" in reason
    assert command == OTHER_PROGRAM


def test_a_fraction_of_ones_own_gets_the_command_of_the_full_factorial() -> None:
    _, reason, command = shown(confused(own=True))
    assert "all 8 combinations" in reason
    assert command == f"{OWN} study.design=full_factorial study.cells=null"


@pytest.mark.parametrize("own", [True, False])
def test_of_a_million_combinations_each_removal_is_proposed(own: bool) -> None:
    study = study_of(*(f"f{number}" for number in range(20)), design="plackett_burman")
    data = data_of(study, lambda cell, seed: wave([*cell.values()], seed), own=own)
    _, reason, command = shown(data)
    if own:
        assert "the full model and the full model without each part, 21 combinations" in reason
        assert command == f"{OWN} study.design=leave_one_out"
    else:
        assert "run [no f0], [no f1], [no f2], " in reason
        assert "and 12 more too. Add them to r.csv" in reason


def test_a_part_switched_in_another_model_only_has_its_effect_there() -> None:
    backbone = Factor("backbone", (Level("hog"), Level("cnn"), Level("mp")))
    rows = (("hog", "present"), ("cnn", "present"), ("mp", "present"), ("mp", "absent"))
    levels = tuple((("backbone", name), ("align", align)) for name, align in rows)
    study = study_of(backbone, "align", design="cells", cells=levels)
    data = data_of(
        study,
        lambda cell, seed: 20.0 * (cell["align"] == "present") + wave([*cell.values()], seed),
        cells=[Cell(own) for own in levels],
    )
    sentence, reason, _ = shown(data)
    assert "No verdict on align: it was switched only in another model than the full one; +" in (
        sentence
    )
    assert "where backbone is mp" in sentence
    assert "run [no align] too" in reason
    assert data.analysis.simplest is not None
    assert simplest_sentence(data.analysis.simplest, study).startswith("No simpler model")


def test_a_wild_value_is_short_and_has_its_own_warning() -> None:
    study = study_of("a", "b", margin=0.01, responses=(LOSS,))

    def loss(levels: dict[str, str], seed: int) -> float:
        if set(levels.values()) == {"absent"}:
            return 1e11
        return 0.1 + 0.05 * (levels["a"] == "absent") + 0.002 * wave([*levels.values()], seed)

    data = data_of(study, loss)
    sentence, _, _ = shown(data)
    assert sentence.startswith(
        "Keep a: without it loss is 0.050 worse (0.049 to 0.051); the margin is 0.010. b makes no "
        "difference"
    )
    assert data.scale.number(1e11) == "1e+11"
    assert data.scale.signed(-1.234e11) == "−1.23e+11"
    assert value_range(data.analysis)[1] < 1
    assert "WildValues" in {type(found).__name__ for found in data.analysis.warnings}
    assert "NoSpread" not in {type(found).__name__ for found in data.analysis.warnings}


def test_a_part_that_the_full_model_lacks_is_an_alternative() -> None:
    dropout = Factor("dropout", (Level("absent"), Level("present")))
    study = study_of(dropout)
    sentence, _, _ = shown(
        data_of(
            study,
            lambda cell, seed: (
                5 * (cell["dropout"] == "absent") + 0.1 * wave([*cell.values()], seed)
            ),
        )
    )
    assert sentence == (
        "Use dropout=absent: better than present by 5.0 (5.0 to 5.0); the margin is 1.0."
    )


def test_an_interval_shows_why_a_verdict_is_open() -> None:
    study = study_of("a", margin=0.01, responses=(ACCURACY,))
    scale = data_of(study, lambda cell, seed: 0.9 + 0.001 * seed).scale
    assert scale.signed_interval(-0.0104, -0.005) == "[−1.04, −0.50]"
    assert scale.signed_interval(-0.018, -0.00031) == "[−1.80, −0.03]"
    assert scale.signed_interval(0.00996, 0.03) == "[+0.996, +3.000]"
    assert scale.signed_interval(-0.01, 0.0) == "[−1.0, 0.0]"
    assert scale.signed_interval(-0.018, 0.004) == "[−1.8, +0.4]"


def test_holm_explains_why_an_interval_without_0_is_undecided() -> None:
    study = study_of("a", "b", "c", replicates=4)
    rng = np.random.default_rng(0)
    for _ in range(60):
        noise = rng.normal(size=(8, 4))
        order = {cell: index for index, cell in enumerate(sorted(table_cells(study)))}
        data = data_of(
            study,
            lambda cell, seed, noise=noise, order=order: (
                3.0 * (cell["a"] == "present") + noise[order[tuple(cell.values())], seed]
            ),
        )
        full = data.analysis.components[0].full
        assert full is not None
        if full.low > 0 and full.verdict == "undecided":
            text = str(content(data).blocks)
            assert "likely worse without, but not certain when several parts are tested: p" in text
            assert " after Holm's correction" in text
            return
    pytest.fail("no such study among sixty")


def table_cells(study: Study) -> set[tuple[str, ...]]:
    return {tuple(row) for row in table_of(study, lambda *_: 0.0)[["a", "b", "c"]].to_numpy()}


@pytest.mark.parametrize(
    ("size", "start"),
    [
        pytest.param(0.5, "The simplest model that does the job: no a, with 0.50", id="smaller"),
        pytest.param(6.0, "A model with fewer parts does the job, but with 6.0", id="larger"),
    ],
)
def test_a_model_with_fewer_parts_says_first_that_it_is_larger(size: float, start: str) -> None:
    study = study_of("a")
    data = data_of(
        study,
        lambda cell, seed: 90 + 0.1 * wave([*cell.values()], seed),
        columns={"parameters": lambda row: 1000 * (size if row["a"] == "absent" else 1.0)},
    )
    assert data.analysis.simplest is not None
    assert simplest_sentence(data.analysis.simplest, study).startswith(start)


def test_one_range_goes_with_one_command() -> None:
    study = study_of("a", replicates=5)
    data = data_of(
        study,
        lambda cell, seed: (cell["a"] == "present") * (1.0 + (-1) ** seed),
        own=True,
    )
    sentence, reason, command = shown(data)
    further = data.analysis.components[0].further
    assert further is not None
    seeds = f"{further.low} to {further.high} more seeds"
    assert seeds in sentence
    assert reason.startswith(
        f"{seeds} in each cell would likely settle a (how many is up to chance). The command trains"
    )
    assert command == f"{OWN} study.replicates={5 + further.high}"


def test_an_answer_says_where_it_does_not_hold() -> None:
    study = study_of("a", "b", margin=0.01, responses=(ACCURACY,))

    def score(cell: dict[str, str], seed: int) -> float:
        absent = [level == "absent" for level in cell.values()]
        return 0.9 - 0.02 * absent[0] - 0.5 * all(absent) + 0.001 * wave([*cell.values()], seed)

    assert condition_sentence(data_of(study, score).analysis) == (
        "This holds with all other parts in place: without b, removing a costs 52.0 points (52.0 "
        "to 52.0); worst: [no a, no b] with 38.0\u00a0%."
    )


def test_an_answer_that_holds_everywhere_has_no_condition() -> None:
    study = study_of("a", "b")
    data = data_of(
        study, lambda cell, seed: 5 * (cell["a"] == "present") + wave([*cell.values()], seed)
    )
    assert condition_sentence(data.analysis) == ""


def test_the_most_important_warning_is_named_beside_the_answer() -> None:
    runs = table_of(PLANTED, lambda cell, seed: 5 * (cell["a"] == "present") + wave("x", seed))
    runs.loc[0, ["status", "score"]] = "failed", np.nan
    found = StudyRecord(PLANTED, runs)
    text = plain_text(
        tuple(
            block.text
            for block in content(report_data(found, analyse_record(found))).blocks
            if isinstance(block, Paragraph)
        )[1]
    )
    assert "warnings; the most important: ▲ Runs left out. 1 run left out (1 failed)" in text


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (("++", "+-", "-+", "--"), "all 4 combinations of the parts (cells)"),
        (("++", "-+", "+-"), "3 models (cells): the full one, and each part removed or replaced"),
        (("++", "--"), "2 of 4 combinations of the parts (cells)"),
    ],
)
def test_the_design_is_told_by_its_cells(rows: tuple[str, ...], expected: str) -> None:
    cells = cells_of_rows("ab", *rows)
    study = study_of("a", "b", design="cells", cells=tuple(cell.levels for cell in cells))
    data = data_of(study, lambda cell, seed: wave([*cell.values()], seed), cells=cells)
    assert design_text(data.analysis).startswith(expected)
