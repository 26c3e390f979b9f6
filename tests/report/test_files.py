from __future__ import annotations

import csv
import io
import json
import math

import pandas as pd
import pytest

from ablate.analysis.analyse import analyse
from ablate.report import files
from ablate.study.record import StudyRecord
from ablate.study.study import Factor, Level, Study
from tests.conftest import ACCURACY
from tests.report.simulated import HOSTILE, runs_of


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_files_have_the_columns_of_the_contract(xyz: Study) -> None:
    runs = runs_of(xyz)
    analysis = analyse(runs, xyz)
    factors = ["residual", "norm", "separable"]
    costs = ["parameters", "macs", "train_seconds", "seconds_per_epoch", "peak_memory_bytes"]
    assert list(rows(files.runs_csv(xyz, runs))[0]) == [
        *("cell", *factors, "seed", "status", "test_accuracy", "val_loss"),
        *(*costs, "mlflow_run_id"),
    ]
    assert list(rows(files.cells_csv(analysis))[0]) == [
        *("cell", *factors, "n", "test_accuracy_mean", "test_accuracy_low", "test_accuracy_high"),
        *("difference", "difference_low", "difference_high"),
        *("parameters", "macs", "train_seconds"),
    ]
    assert list(rows(files.effects_csv(analysis))[0]) == [
        *("effect", "kind", "estimate", "low", "high", "p", "p_adjusted", "n", "verdict"),
        *("no_verdict", "confused_with"),
    ]


def test_numbers_read_back_to_the_last_digit(xyz: Study) -> None:
    runs = runs_of(xyz)
    back = rows(files.runs_csv(xyz, runs))
    for row, original in zip(back, runs.to_dict("records"), strict=True):
        value = original["test_accuracy"]
        assert row["test_accuracy"] == ("" if math.isnan(value) else repr(value))
        assert row["macs"] == str(original["macs"])
        assert row["seed"] == str(original["seed"])


def test_interactions_are_written_with_a_colon(xyz: Study) -> None:
    kinds = {row["effect"]: row for row in rows(files.effects_csv(analyse(runs_of(xyz), xyz)))}
    assert kinds["residual:norm"]["kind"] == "interaction"
    assert kinds["residual:norm"]["verdict"] == ""


@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd", "'+cmd"),
        ("-rm", "'-rm"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-1", "-1"),
        ("+0.5", "+0.5"),
        ("a=b", "a=b"),
        ("＝1+1", "'＝1+1"),
        ("＋cmd", "'＋cmd"),
        ("－rm", "'－rm"),
        ("＠SUM(A1)", "'＠SUM(A1)"),
        (" =1+1", "' =1+1"),
        ("\n=1+1", "'\n=1+1"),
        ("\u3000=1+1", "'\u3000=1+1"),
        ("\u200b\ufeff=1+1", "'\u200b\ufeff=1+1"),
        (" \t \x00＝1+1", "' \t \x00＝1+1"),
        ("\tword", "'\tword"),
        (" a=b", " a=b"),
    ],
)
def test_text_that_a_spreadsheet_would_run_is_disarmed(level: str, written: str) -> None:
    study = Study("s", (Factor("f", (Level("present"), Level(level))),), responses=(ACCURACY,))
    runs = pd.DataFrame({"cell": ["c"], "f": [level], "seed": [0], "status": ["complete"]})
    assert rows(files.runs_csv(study, runs))[0]["f"] == written


def test_a_negative_number_stays_a_number(xyz: Study) -> None:
    runs = runs_of(xyz, failing=False)
    runs["test_accuracy"] = -runs["test_accuracy"]
    assert float(rows(files.runs_csv(xyz, runs))[0]["test_accuracy"]) < 0


def test_hostile_names_leave_a_table_of_equal_rows(hostile: Study) -> None:
    runs = runs_of(hostile)
    table = list(csv.reader(io.StringIO(files.runs_csv(hostile, runs), newline="")))
    assert len(table) == 1 + len(runs)
    assert {len(row) for row in table} == {len(table[0])}
    assert table[1][2] == HOSTILE[4]


def test_json_holds_no_value_that_json_lacks(xyz: Study) -> None:
    runs = runs_of(xyz)
    text = files.report_json(analyse(runs, xyz), StudyRecord(xyz, runs))

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    content = json.loads(text, parse_constant=refuse)
    assert content["study"]["name"] == "xyz"
    assert len(content["runs"]) == 24
    lost = next(run for run in content["runs"] if run["status"] == "diverged")
    assert lost["test_accuracy"] is None
    assert "loss was nan" in lost["error"]
    assert {effect["kind"] for effect in content["effects"]} == {"simple", "main", "interaction"}
