"""The command `python -m ablate`, run as users run it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pytest import param

from tests.conftest import TINY, Command, nothing_was_trained

FACTOR = "study.factors={{residual:{{levels:[{}]}}}}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        param(["study=xzy"], "Unknown study 'xzy'. Did you mean 'xyz'?", id="study"),
        param(["data=digit"], "Unknown data 'digit'. Did you mean 'digits'?", id="data"),
        param(["model.residul=true"], "Did you mean 'model.residual'?", id="key"),
        param(["+typo=1"], "Unknown key 'typo'.", id="added_key"),
        param(["+recipe.epoch=1"], "Did you mean 'epochs'?", id="added_key_in_a_group"),
        param(["+model.filter=1"], "Did you mean 'filters'?", id="added_key_of_the_model"),
        param(["model.conv=conv3d"], "switches it; received model.conv=conv3d", id="switched_key"),
        param(["model.downsampling=maxpool"], "Did you mean 'max_pool'?", id="switch_position"),
        param(["model.filters=[0]"], "model.filters", id="filters"),
        param(["study.replicates=0"], "whole number of 1 or more; received 0", id="replicates"),
        param(["study.margin=-1"], "a number above 0", id="margin"),
        param(["recipe.epochs=two"], "received 'two'", id="wrong_type"),
        param(["recipe.learning_rate=nan"], "finite number above 0", id="rate"),
        param(["recipe.epochs=1,2"], "Expected one value for recipe.epochs", id="swept_key"),
        param(["seed=1"], "study.replicates=N", id="seed_of_a_study"),
        param(["report.interactions=1"], "whole number of 2 or more", id="interactions"),
        param(["report.interactions=9"], "at most 3, since the study has", id="more_than_factors"),
        param(["data=npz"], "Expected data.path to be given", id="no_path"),
        param(["data=npz", "data.path=none.npz"], "none.npz", id="missing_file"),
        param(["device.kind=gpu", "device.workers=none"], "device.workers", id="workers"),
        param(["study.name=../mine"], "names folders", id="name_leaves_the_folder"),
        param(["model._target_=os.system"], "allow=[os]", id="foreign_code"),
        param(
            [FACTOR.format("{name:'on',overrides:[]},{name:absent}")],
            "truth value; received 'on'",
            id="level_named_on",
        ),
        param([FACTOR.format("{name:present}")], "two or more distinct levels", id="one_level"),
        param(
            [FACTOR.format("{name:present},{name:absent}")],
            "compose to the same one",
            id="levels_without_a_difference",
        ),
    ],
)
def test_a_bad_request_is_refused_in_one_line(
    ablate: Command, tmp_path: Path, arguments: list[str], message: str
) -> None:
    answer = ablate(tmp_path, "--multirun", *arguments)
    assert answer.returncode == 2, answer.stdout + answer.stderr
    assert message in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert nothing_was_trained(tmp_path)


def test_a_factor_given_twice_in_a_file_is_refused(ablate: Command, tmp_path: Path) -> None:
    level = "{levels: [{name: present, overrides: [model.residual=true]}, {name: absent}]}"
    file = tmp_path / "experiments" / "study" / "twice.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(f"factors:\n  residual: {level}\n  residual: {level}\n")
    answer = ablate(tmp_path, "--multirun", "study=twice")
    assert answer.returncode == 2
    assert "duplicate key" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def _arrays(**changes: object) -> dict:
    generator = np.random.default_rng(0)
    plain = {
        "x_train": generator.random((60, 8, 8, 1), dtype=np.float32),
        "y_train": np.arange(60) % 3,
        "x_test": generator.random((30, 8, 8, 1), dtype=np.float32),
        "y_test": np.arange(30) % 3,
    }
    return {**plain, **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        param({"x_train": np.full((60, 8, 8, 1), np.nan, np.float32)}, "finite", id="nan_images"),
        param({"y_test": np.full(30, 7)}, "7", id="label_out_of_range"),
        param({"x_train": np.zeros((60, 8), np.float32)}, "shape", id="wrong_shape"),
        param({"y_train": np.arange(59) % 3}, "59", id="label_missing"),
    ],
)
def test_bad_images_are_refused_in_one_line(
    ablate: Command, tmp_path: Path, changes: dict, message: str
) -> None:
    np.savez(tmp_path / "mine.npz", **_arrays(**changes))
    answer = ablate(tmp_path, "--multirun", "data=npz", "data.path=mine.npz")
    assert answer.returncode == 2, answer.stdout + answer.stderr
    assert message in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert nothing_was_trained(tmp_path)


def test_a_study_leaves_what_the_contract_promises(tiny_study: Path) -> None:
    report = tiny_study / "reports" / "xyz"
    for name in ("index.html", "report.md", "report.tex", "cells.csv", "effects.csv"):
        assert (report / name).stat().st_size > 0
    runs = pd.read_csv(report / "runs.csv")
    assert len(runs) == 16
    assert set(runs["status"]) == {"complete"}
    assert list(runs.columns[:5]) == ["cell", "residual", "norm", "conv", "seed"]
    assert json.loads((report / "report.json").read_text())


def test_the_answer_is_printed_last(ablate: Command, tiny_study: Path) -> None:
    answer = ablate(tiny_study, "--multirun", *TINY)
    assert answer.returncode == 0
    assert "16 of 16 done" in answer.stdout
    assert "reports/xyz/index.html" in answer.stdout
    assert "mlflow ui --backend-store-uri sqlite:///mlflow.db" in answer.stdout


def test_a_finished_study_is_not_trained_again(ablate: Command, tiny_study: Path) -> None:
    before = {path: path.read_bytes() for path in tiny_study.rglob("journal.jsonl")}
    assert len(before) == 16
    ablate(tiny_study, "--multirun", *TINY)
    assert {path: path.read_bytes() for path in tiny_study.rglob("journal.jsonl")} == before


def test_a_plan_trains_nothing(ablate: Command, tmp_path: Path) -> None:
    answer = ablate(tmp_path, "--multirun", "plan_only=true")
    assert answer.returncode == 0, answer.stderr
    assert "0 of 40 done" in answer.stdout
    assert "28,315" in answer.stdout  # parameters of the full model on digits
    assert nothing_was_trained(tmp_path)
    assert not (tmp_path / "reports").exists()


def test_mlflow_and_runs_csv_hold_equal_numbers(tiny_study: Path) -> None:
    runs = pd.read_csv(tiny_study / "reports" / "xyz" / "runs.csv")
    with sqlite3.connect(tiny_study / "mlflow.db") as store:
        children = pd.read_sql("select run_uuid, name, status from runs", store)
        metrics = pd.read_sql("select run_uuid, key, value, step from metrics", store)
        tags = pd.read_sql("select run_uuid, key, value from tags", store)
        params = pd.read_sql("select run_uuid, key, value from params", store)
    store.close()
    parents = tags[tags["key"] == "mlflow.parentRunId"]
    assert len(children) == 17
    assert set(children["status"]) == {"FINISHED"}
    assert parents["value"].nunique() == 1
    assert set(parents["run_uuid"]) == set(runs["mlflow_run_id"])
    for _, run in runs.iterrows():
        own = metrics[metrics["run_uuid"] == run["mlflow_run_id"]]
        final = own[own["step"] == 0].set_index("key")["value"]
        for column in ("test_accuracy", "test_loss", "parameters", "macs", "train_seconds"):
            assert final[column] == run[column]
        curve = own[(own["key"] == "val_accuracy") & (own["step"] > 0)]
        assert curve["step"].tolist() == [1]
        logged = params[params["run_uuid"] == run["mlflow_run_id"]].set_index("key")["value"]
        assert logged["residual"] == run["residual"]
        assert logged["seed"] == str(run["seed"])


def test_one_run_of_one_variant(ablate: Command, tmp_path: Path) -> None:
    arguments = ["model.residual=false", "seed=3", *TINY[:3]]
    first = ablate(tmp_path, *arguments)
    assert first.returncode == 0, first.stderr
    assert "test accuracy" in first.stdout
    (journal,) = tmp_path.rglob("journal.jsonl")
    written = journal.read_bytes()
    again = ablate(tmp_path, *arguments)
    assert again.stdout.splitlines()[-6:] == first.stdout.splitlines()[-6:]
    assert journal.read_bytes() == written


def test_the_plan_of_a_single_run_is_refused(ablate: Command, tmp_path: Path) -> None:
    answer = ablate(tmp_path, "model.residual=false", "plan_only=true")
    assert answer.returncode == 2
    assert "Expected plan_only=true with --multirun" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert nothing_was_trained(tmp_path)


def test_help_names_the_commands_and_groups(ablate: Command, tmp_path: Path) -> None:
    answer = ablate(tmp_path, "--help")
    assert answer.returncode == 0
    for words in (
        "python -m ablate --multirun",
        "study: bn_order, boxes, cats_and_dogs, chapter, ",
        "epochs: 8",
    ):
        assert words in answer.stdout


def test_a_users_own_study_comes_before_the_shipped_one(ablate: Command, tmp_path: Path) -> None:
    file = tmp_path / "experiments" / "study" / "xyz.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(
        "factors:\n  width:\n    levels:\n"
        "    - {name: wide, overrides: ['model.filters=[8,8]']}\n"
        "    - {name: narrow, overrides: ['model.filters=[4,4]']}\n"
    )
    answer = ablate(tmp_path, "--multirun", "plan_only=true")
    assert answer.returncode == 0, answer.stderr
    assert "0 of 10 done" in answer.stdout
    assert "width" in answer.stdout
