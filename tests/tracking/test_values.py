"""What MLflow shows of a run: its name, its params, its tags and its final numbers."""

from __future__ import annotations

import dataclasses

import pytest

from ablate.config.recipe import Recipe
from ablate.config.variant import Variant
from ablate.store.plan import PlannedCell
from ablate.study.design import Cell, Run
from ablate.study.result import Result, Status
from ablate.study.study import SINGLE, Factor, Level, Study
from ablate.tracking.mlflow.dataset import dataset_record
from ablate.tracking.mlflow.followed import Followed
from ablate.tracking.mlflow.records import Point
from ablate.tracking.mlflow.values import params_of, result_tags, run_name, source_tags
from tests.conftest import ACCURACY
from tests.store.written import COST, DATASET


def switch(key: str, *names: str, values: tuple[str, ...]) -> Factor:
    levels = zip(names, values, strict=True)
    return Factor(
        key.rpartition(".")[2],
        tuple(Level(name, (f"{key}={value}",)) for name, value in levels),
    )


STUDY = Study(
    "mine",
    (
        switch("model.norm", "present", "absent", values=("true", "false")),
        switch("model.conv", "separable", "conv2d", values=("separable", "conv2d")),
        switch("model.width", "small", "large", values=("16", "64")),
        Factor(
            "schedule", (Level("short", ("recipe.epochs=3", "recipe.batch_size=8")), Level("l"))
        ),
    ),
    responses=(ACCURACY,),
)
FULL = Cell(tuple((factor.name, factor.reference.name) for factor in STUDY.factors))
OTHER = Cell((*FULL.levels[:0], ("norm", "absent"), ("conv", "conv2d"), *FULL.levels[2:]))
NODE = {"_target_": "a.b", "norm": True, "conv": "separable", "width": 16}


def test_a_run_is_called_by_its_difference_from_the_full_model() -> None:
    assert run_name(STUDY, Run(FULL, 0)) == "full model · seed 0"
    assert run_name(STUDY, Run(OTHER, 2)) == "no norm, conv=conv2d · seed 2"
    single = dataclasses.replace(STUDY, name=SINGLE)
    assert run_name(single, Run(Cell((("variant", "3fd2"),)), 1)) == "variant=3fd2 · seed 1"


def test_nothing_is_a_param_twice() -> None:
    planned = PlannedCell(FULL, Variant(NODE, {}, Recipe()), "pixels", (0,))
    params = params_of(STUDY, planned, seed=0)
    assert (params["norm"], params["conv"]) == ("present", "separable")
    assert not {"model.norm", "model.conv"} & params.keys()
    # A word says no width, and a level of several settings says none of them.
    assert (params["width"], params["model.width"]) == ("small", "16")
    assert {"schedule", "recipe.epochs", "recipe.batch_size", "seed"} <= params.keys()


def result(status: Status = Status.COMPLETE, **responses: float) -> Result:
    complete = status is Status.COMPLETE
    provenance = {"python": "3.11", "git_commit": "abc", "git_dirty": "false", "command": "c"}
    return Result(
        "cell", 0, "print", status, responses, COST if complete else None, provenance,
        "" if complete else "why", unix_time=1_700_000_100.25,
    )  # fmt: skip


def test_tags_are_those_of_mlflow_where_it_has_some() -> None:
    assert result_tags(result(test_accuracy=1.0)) == {
        "ablate.status": "complete",
        "ablate.provenance": "python 3.11",
        "mlflow.source.git.commit": "abc",
        "mlflow.source.git.dirty": "false",
    }
    failed = result_tags(result(Status.FAILED))
    assert failed["mlflow.note.content"] == failed["ablate.error"] == "why"


def test_a_user_without_a_name_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    assert source_tags()["mlflow.source.type"] == "LOCAL"
    monkeypatch.setattr("getpass.getuser", nameless)
    assert "mlflow.user" not in source_tags()


def followed(**responses: float) -> Followed:
    epochs = {
        1: {"accuracy": 0.25, "val_accuracy": 0.5, "seconds": 2.0},
        2: {"accuracy": 0.75, "val_accuracy": 0.375, "seconds": 1.5},
    }
    start = 1_700_000_090_000
    return Followed("first", frozenset(epochs[1]), start, epochs, result(**responses))


def test_the_end_of_a_curve_is_no_second_metric() -> None:
    points = followed(train_accuracy=0.75, val_accuracy=0.375, test_accuracy=0.75).points(0)
    assert [point for point in points if point.key == "test_accuracy"] == [
        Point("test_accuracy", 0.75, 3500, 0)
    ]
    assert not [point for point in points if point.key == "train_accuracy"]
    assert {point.step for point in points if point.key == "val_accuracy"} == {1, 2}


def test_a_final_number_that_is_no_end_of_its_curve_comes_after_it() -> None:
    points = followed(val_accuracy=0.5, test_accuracy=0.75).points(0)
    curve = {point.step: point.value for point in points if point.key == "val_accuracy"}
    assert curve == {1: 0.5, 2: 0.375, 3: 0.5}


def test_a_run_lasts_from_its_start_to_its_result() -> None:
    known = followed(test_accuracy=1.0)
    assert known.start is not None
    assert known.end(known.start) == 1_700_000_100_250
    unknown = dataclasses.replace(known, start=None)  # a journal of an earlier version
    assert unknown.end(5000) == 5000 + 3500


@pytest.mark.parametrize(
    ("node", "name", "source"),
    [
        ({"_target_": "ablate.data.digits.load"}, "digits", "code"),
        ({"_target_": "ablate.data.npz.load", "path": "a/b c.npz"}, "b c.npz", "local"),
        ({"_target_": "my.load", "path": None}, "my.load", "code"),
    ],
)
def test_a_data_set_has_its_name_and_sizes(node: dict, name: str, source: str) -> None:
    record = dataset_record(DATASET, node)
    assert (record.name, record.source_type, record.digest) == (name, source, "pixels")
    assert '"train": 6, "validation": 2, "test": 2' in record.profile
    assert "[-1, 8, 8, 1]" in record.schema
