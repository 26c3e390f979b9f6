from __future__ import annotations

import itertools
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ablate.analysis.analyse import analyse
from ablate.errors import RequestError
from ablate.report.results.read import Results, read_results
from ablate.report.results.request import Request
from ablate.study.study import Study

GOOD = """a,b,accuracy,seed
absent,x,0.90,0
absent,x,0.91,1
absent,z,0.92,0
absent,z,0.93,1
present,x,0.94,0
present,x,0.95,1
present,z,0.96,0
present,z,0.97,1
"""


def results(folder: Path, text: str, **changes: Any) -> Results:
    path = folder / "results.csv"
    path.write_text(text, encoding="utf-8")
    keys: dict[str, Any] = {"factors": ("a", "b"), "response": "accuracy", "name": "mine"}
    return read_results(Request(runs=path, **{**keys, **changes}))


def read(folder: Path, text: str, **changes: Any) -> tuple[Study, pd.DataFrame]:
    found = results(folder, text, **changes)
    return found.study, found.runs


def test_levels_and_runs_are_read_from_the_file(tmp_path: Path) -> None:
    study, runs = read(tmp_path, GOOD, seed="seed")
    assert [factor.level_names for factor in study.factors] == [("present", "absent"), ("x", "z")]
    assert study.design == "full_factorial"
    assert study.replicates == 2
    assert study.response.unit == "fraction"
    assert runs["accuracy"].tolist()[0] == 0.9
    assert runs["seed"].tolist() == [0, 1] * 4
    analysis = analyse(runs, study)
    assert analysis.cells["n"].tolist() == [2, 2, 2, 2]
    effect = analysis.components[0].full
    assert effect is not None
    assert effect.estimate == pytest.approx(0.04)


@pytest.mark.parametrize(
    ("numbers", "chance", "expected"),
    [
        ("accuracy", 0.5, ""),
        ("accuracy", 0.971, ""),
        ("accuracy", 0.999, "Expected chance 0.97 or less, the highest accuracy of the runs"),
        ("accuracy", 10.0, "below 1, since accuracy is a fraction; received 10. Nearest choice: 0"),
        ("percent", 10.0, ""),
        ("percent", 0.1, "in percent, as accuracy is; received 0.1. Nearest choice: 10."),
        ("percent", 120.0, "97 or less, the highest accuracy of the runs; received 120"),
        ("loss", 2.3, ""),
        ("loss", 0.9, ""),
        ("loss", 0.1, "Expected chance 0.9 or more, the lowest loss of the runs; received 0.1."),
    ],
)
def test_a_score_of_guessing_that_the_runs_contradict_is_refused(
    tmp_path: Path, numbers: str, chance: float, expected: str
) -> None:
    text = GOOD.replace("accuracy", "loss") if numbers == "loss" else GOOD
    text = text.replace(",0.9", ",9") if numbers == "percent" else text
    response = "loss" if numbers == "loss" else "accuracy"
    if not expected:
        read(tmp_path, text, response=response, chance=chance)
        return
    with pytest.raises(RequestError, match=re.escape(expected)):
        read(tmp_path, text, response=response, chance=chance)


@pytest.mark.parametrize(
    ("levels", "reference", "expected"),
    [
        (("1", "0"), {}, ("1", "0")),
        (("1", "0"), {"a": 0}, ("0", "1")),
        (("0.10", "0.20"), {"a": 0.2}, ("0.20", "0.10")),
        (("none", "NA"), {}, ("none", "NA")),
        (("None", "null"), {"a": "null"}, ("null", "None")),
        (("-1", "1"), {"a": 1}, ("1", "-1")),
        (("False", "True"), {}, ("present", "absent")),
        (("off", "on"), {"a": "off"}, ("absent", "present")),
        (("no", "yes"), {"a": False}, ("absent", "present")),
        (("absent", "present"), {}, ("present", "absent")),
        (("absent", "present"), {"a": "absent"}, ("absent", "present")),
        ((" padded ", "b"), {}, ("padded", "b")),
    ],
)
def test_levels_are_read_as_words(
    tmp_path: Path, levels: tuple[str, str], reference: Mapping[str, Any], expected: tuple[str, str]
) -> None:
    text = "a,accuracy\n" + "".join(f"{level},0.{n}\n" for level in levels for n in (5, 6))
    study, runs = read(tmp_path, text, factors=("a",), reference=reference)
    assert study.factors[0].level_names == expected
    assert set(runs["a"]) == set(expected)


def test_without_seeds_replicates_are_unpaired(tmp_path: Path) -> None:
    study, runs = read(tmp_path, GOOD)
    assert runs["seed"].isna().all()
    effect = analyse(runs, study).effects[0]
    assert not effect.paired


def test_a_file_without_all_combinations_is_a_list_of_cells(tmp_path: Path) -> None:
    text = "".join(line for line in GOOD.splitlines(keepends=True) if "absent,z" not in line)
    study, runs = read(tmp_path, text, seed="seed")
    assert study.design == "cells"
    assert len(analyse(runs, study).cells) == 3


def test_a_file_without_the_full_model_is_read(tmp_path: Path) -> None:
    text = "".join(line for line in GOOD.splitlines(keepends=True) if "present,x" not in line)
    study, runs = read(tmp_path, text)
    assert analyse(runs, study).simplest is None


def test_failed_runs_and_costs_are_read_from_the_file(tmp_path: Path) -> None:
    lines = GOOD.splitlines()
    text = "\n".join(
        [f"{lines[0]},status,error,macs", *(f"{line},complete,,100" for line in lines[1:])]
    ).replace("0.97,1,complete,", "nan,1,diverged,loss was nan")
    study, runs = read(tmp_path, text, seed="seed")
    assert runs["status"].tolist().count("complete") == 7
    assert runs["error"].tolist()[-1] == "loss was nan"
    assert runs["macs"].tolist() == [100.0] * 8
    assert analyse(runs, study).cells["n"].sum() == 7


def test_a_byte_order_mark_and_foreign_letters_are_read(tmp_path: Path) -> None:
    study, _ = read(tmp_path, "\ufeff" + GOOD.replace("x", "é漢"))
    assert "é漢" in study.factors[1].level_names


@pytest.mark.parametrize(
    ("response", "last", "unit"),
    [
        pytest.param("test_accuracy", "0.97", "fraction", id="accuracy"),
        pytest.param("test_mean_iou", "0.97", "fraction", id="mean_iou"),
        pytest.param("accuracy", "97", "", id="outside_0_to_1"),
        pytest.param("test_loss", "0.97", "", id="other_name"),
        pytest.param("train_seconds", "0.97", "seconds", id="seconds"),
    ],
)
def test_the_unit_follows_from_name_and_values(
    tmp_path: Path, response: str, last: str, unit: str
) -> None:
    text = GOOD.replace("accuracy", response).replace("0.97", last)
    study, _ = read(tmp_path, text, response=response)
    assert study.response.unit == unit


@pytest.mark.parametrize(
    ("text", "changes", "expected"),
    [
        pytest.param(GOOD, {"response": "acuracy"}, "Did you mean 'accuracy'?", id="no_column"),
        pytest.param(GOOD, {"seed": "sead"}, "Did you mean 'seed'?", id="no_seed_column"),
        pytest.param(GOOD, {"factors": ("c",)}, "no column 'c'", id="no_factor_column"),
        pytest.param(GOOD, {"factors": ("a", "a")}, "'a' 2 times", id="factor_twice"),
        pytest.param(
            GOOD.replace("absent", "present"), {}, "two or more distinct levels", id="one_level"
        ),
        pytest.param(GOOD.replace("0.93", ""), {}, "row 5 of", id="empty_response"),
        pytest.param(GOOD.replace("0.93", "nan"), {}, "holds 'nan'", id="nan_response"),
        pytest.param(GOOD.replace("0.93", "inf"), {}, "holds 'inf'", id="infinite_response"),
        pytest.param(GOOD.replace("0.93", "high"), {}, "holds 'high'", id="word_for_response"),
        pytest.param(
            GOOD.replace("absent,z", ",y"), {}, "levels, absent, present; row 4", id="empty_level"
        ),
        pytest.param(
            GOOD.replace("absent,z", "absent,").replace("present,z", "present,None"),
            {},
            "levels, None, x; row 4 is empty",
            id="empty_next_to_none",
        ),
        pytest.param("a,b,accuracy\n", {}, "received no row", id="no_row"),
        pytest.param("", {}, "Cannot read", id="empty_file"),
        pytest.param(
            GOOD.replace("0.97,1", "0.97,8"),
            {"seed": "seed"},
            "seed 8 appears only",
            id="lone_seed",
        ),
        pytest.param(
            GOOD.replace("0.97,1", "0.97,one"),
            {"seed": "seed"},
            "seed one appears only in a=present, b=z",
            id="lone_label",
        ),
        pytest.param(
            GOOD.replace("0.97,1", "0.97,"), {"seed": "seed"}, "row 9 of", id="seed_missing"
        ),
        pytest.param(GOOD, {"reference": {"b": "q"}}, "has no level 'q'", id="no_such_level"),
        pytest.param(
            "a,b,accuracy,status\nx,y,0.5,failed\n",
            {},
            "none with status complete",
            id="none_complete",
        ),
        pytest.param(
            GOOD.replace("a,b,", "seed_,n,"),
            {"factors": ("n",)},
            "not to be called",
            id="own_column",
        ),
        pytest.param(
            GOOD.replace("absent", "on"), {}, "cannot take for a truth value", id="half_a_truth"
        ),
    ],
)
def test_what_cannot_be_read_is_refused(
    tmp_path: Path, text: str, changes: Mapping[str, Any], expected: str
) -> None:
    with pytest.raises(RequestError) as refusal:
        read(tmp_path, text, **changes)
    assert expected in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_two_runs_of_a_cell_with_one_seed_are_refused_by_the_analysis(tmp_path: Path) -> None:
    study, runs = read(tmp_path, GOOD.replace("0.97,1", "0.97,0"), seed="seed")
    with pytest.raises(RequestError, match="one run for a cell and a seed"):
        analyse(runs, study)


def test_a_missing_file_is_answered_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text(GOOD)
    with pytest.raises(RequestError, match=r"Did you mean 'results\.csv'"):
        read_results(Request(tmp_path / "result.csv", ("a",), response="accuracy", name="mine"))


@pytest.mark.parametrize("name", ["val_loss", "test_loss", "train_seconds"])
def test_a_known_loss_is_better_when_lower(tmp_path: Path, name: str) -> None:
    study, _ = read(tmp_path, GOOD.replace("accuracy", name), response=name)
    assert study.response.direction == "lower"


@pytest.mark.parametrize("name", ["mae", "wer", "best_MSE", "validLoss", "perplexity"])
def test_the_direction_of_what_may_be_a_loss_is_not_guessed(tmp_path: Path, name: str) -> None:
    text = GOOD.replace("accuracy", name)
    with pytest.raises(RequestError, match="Expected direction=higher or direction=lower"):
        read(tmp_path, text, response=name)
    study, _ = read(tmp_path, text, response=name, direction="lower")
    assert study.response.direction == "lower"


def test_a_first_level_taken_for_the_full_model_is_named(tmp_path: Path) -> None:
    assert results(tmp_path, GOOD).guessed_reference == ("b",)
    assert results(tmp_path, GOOD, reference={"b": "x"}).guessed_reference == ()


def test_an_accuracy_in_percent_has_a_margin_of_one(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD.replace("0.9", "9"))[0].margin == 1.0
    assert read(tmp_path, GOOD)[0].margin == 0.01
    assert read(tmp_path, GOOD.replace("0.9", "9"), margin=0.5)[0].margin == 0.5


@pytest.mark.parametrize(
    ("name", "low", "expected"),
    [
        ("test/acc", "0.9", ("fraction", 0.01)),
        ("valAccuracy", "9", ("percent", 1.0)),
        ("metrics.f1", "0.9", ("fraction", 0.01)),
        ("Test Acc (%)", "9", ("percent", 1.0)),
        ("dice_percent", "9", ("percent", 1.0)),
        ("value", "9", ("", 0.01)),
        ("iou", "99", ("", 0.01)),
        ("iou", "0.99", ("fraction", 0.01)),
    ],
)
def test_the_margin_follows_from_the_scale_of_a_share(
    tmp_path: Path, name: str, low: str, expected: tuple[str, float]
) -> None:
    text = GOOD.replace("accuracy", name).replace("0.9", low)
    study, _ = read(tmp_path, text, response=name, direction="higher")
    assert (study.response.unit, study.margin) == expected


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("accuracy", "higher"),
        ("test/acc", "higher"),
        ("metrics.val_loss", "lower"),
        ("test/loss", "lower"),
        ("Val_Loss", "lower"),
        ("BLEU", "higher"),
        ("val_mean_io_u", "higher"),
        ("meanIoU", "higher"),
    ],
)
def test_a_known_direction_is_not_guessed(tmp_path: Path, name: str, direction: str) -> None:
    found = results(tmp_path, GOOD.replace("accuracy", name), response=name)
    assert found.study.response.direction == direction


@pytest.mark.parametrize("name", ["value", "score", "y", "my_metric"])
def test_a_direction_that_no_name_shows_is_not_guessed(tmp_path: Path, name: str) -> None:
    text = GOOD.replace("accuracy", name)
    with pytest.raises(RequestError, match=f"direction=lower for the response '{name}', whose"):
        read(tmp_path, text, response=name)
    study, _ = read(tmp_path, text, response=name, direction="higher")
    assert study.response.direction == "higher"


def test_seeds_in_digits_of_another_script_are_labels(tmp_path: Path) -> None:
    text = re.sub(r",([01])\n", lambda seed: f",{'٠١'[int(seed[1])]}\n", GOOD)
    found = results(tmp_path, text, seed="seed")
    assert found.runs["seed"].tolist() == [0, 1] * 4
    assert "٠" in " ".join(found.notes)


def test_a_reference_like_a_number_is_compared_with_levels_that_are_none(tmp_path: Path) -> None:
    text = GOOD.replace(",x,", ",1.2.3,").replace(",z,", ",1..,")
    with pytest.raises(RequestError, match=r"has no level '1\.2\.4'"):
        results(tmp_path, text, reference={"b": "1.2.4"})


def test_any_label_pairs_runs(tmp_path: Path) -> None:
    labelled = GOOD.replace(",0\n", ",fold A\n").replace(",1\n", ",fold B\n")
    found = results(tmp_path, labelled, seed="seed")
    _, expected = read(tmp_path, GOOD, seed="seed")
    assert found.runs["seed"].tolist() == expected["seed"].tolist()
    assert found.notes == ("Labels that pair runs: fold A = 0; fold B = 1.",)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        pytest.param(("mixup", ""), ("mixup", "none"), id="word"),
        pytest.param(("", "mixup"), ("none", "mixup"), id="first"),
        pytest.param(("True", ""), ("present", "absent"), id="switch"),
        pytest.param(("", "off"), ("present", "absent"), id="switch_off"),
    ],
)
def test_an_empty_level_is_an_absence(
    tmp_path: Path, levels: tuple[str, str], expected: tuple[str, str]
) -> None:
    text = "a,accuracy\n" + "".join(f"{level},0.{n}\n" for level in levels for n in (5, 6))
    found = results(tmp_path, text, factors=("a",))
    assert found.study.factors[0].level_names == expected
    assert found.notes[0].startswith("Empty cells are read as a=")


def test_a_row_without_levels_and_response_is_no_run(tmp_path: Path) -> None:
    found = results(tmp_path, GOOD + ",,,\n", seed="seed")
    assert len(found.runs) == 8
    assert found.notes == ()
    found = results(tmp_path, GOOD.replace("seed\n", "seed,x\n") + ",,,,parent\n", seed="seed")
    assert len(found.runs) == 8
    assert found.notes[0].endswith("without levels left out: row 10.")


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "results.csv")
    request = Request(tmp_path / "results.csv", ("a",), "accuracy", "mine")
    with pytest.raises(RequestError, match=r"results\.csv is a folder, a pipe or a device"):
        read_results(request)


def test_a_file_larger_than_any_table_of_runs_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "results.csv").open("wb") as file:
        file.truncate(3_000_000_000)  # a hole, which takes no space
    request = Request(tmp_path / "results.csv", ("a",), "accuracy", "mine")
    with pytest.raises(RequestError, match=r"in at most 50 MB; .*results\.csv has 3,000 MB"):
        read_results(request)


def test_a_measured_number_as_a_factor_is_refused(tmp_path: Path) -> None:
    rows = "".join(f"v{number},x,0.5\nv{number},z,0.6\n" for number in range(3000))
    with pytest.raises(RequestError, match="'a' needs at most 100 levels; received 3,000"):
        read(tmp_path, f"a,b,accuracy\n{rows}")


def test_more_combinations_than_a_report_can_compare_are_refused(tmp_path: Path) -> None:
    names = tuple(f"f{number}" for number in range(12))
    rows = "".join(f"{','.join(row)},0.5\n" for row in itertools.product("pq", repeat=12))
    with pytest.raises(RequestError, match=r"at most 1,024 combinations .* has 4,096"):
        read(tmp_path, f"{','.join(names)},accuracy\n{rows}", factors=names)
