"""Exports of other programs: column names, states, a row an epoch, and the folder of a tuner."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pandas as pd
import pytest

from ablate.errors import RequestError
from ablate.report.results.read import Results, read_frame, read_results
from ablate.report.results.request import Request

CELLS = [(skip, norm) for skip in ("True", "False") for norm in ("True", "False")]
RUNS = [(skip, norm, seed) for skip, norm in CELLS for seed in (0, 1, 2)]


def score(skip: str, norm: str, seed: int) -> float:
    return round(0.9 + 0.02 * (skip == "True") + 0.03 * (norm == "True") + 0.001 * seed, 4)


def table(heading: str, row: str, *more: str) -> str:
    rows = [row.format(*run, score(*run), number=n) for n, run in enumerate(RUNS)]
    return "\n".join([heading, *rows, *more])


MLFLOW = table(
    "run_id,status,metrics.accuracy,params.skip,params.norm,params.seed,tags.mlflow.runName",
    "r{number},FINISHED,{3},{0},{1},{2},run",
    "p,FINISHED,,,,,parent",
)
WANDB = table(
    '"Name","State","Runtime","norm","skip","seed","test/acc"',
    '"run","finished","45","{1}","{0}","{2}","{3}"',
    '"run","crashed","3","False","False","3",""',
)
OPTUNA = table(
    "number,value,params_norm,params_skip,user_attrs_seed,state",
    "{number},{3},{1},{0},{2},COMPLETE",
    "12,,False,False,3,PRUNED",
)
TENSORBOARD = table("skip,norm,seed,accuracy", "{0},{1},{2},{3}")


def read(folder: Path, text: str, *columns: str) -> Results:
    path = folder / "results.csv"
    path.write_text(text, encoding="utf-8")
    skip, norm, response, seed = columns
    direction = "higher" if response == "value" else None
    request = Request(path, (skip, norm), response, name="mine", seed=seed, direction=direction)
    return read_results(request)


@pytest.mark.parametrize(
    ("text", "columns", "others"),
    [
        pytest.param(
            MLFLOW,
            ("params.skip", "params.norm", "metrics.accuracy", "params.seed"),
            [],
            id="mlflow",
        ),
        pytest.param(MLFLOW, ("skip", "norm", "accuracy", "seed"), [], id="mlflow_short_names"),
        pytest.param(WANDB, ("skip", "norm", "test/acc", "seed"), ["crashed"], id="wandb"),
        pytest.param(
            OPTUNA, ("params_skip", "params_norm", "value", "user_attrs_seed"), ["pruned"],
            id="optuna",
        ),
        pytest.param(OPTUNA, ("skip", "norm", "value", "seed"), ["pruned"], id="optuna_short"),
        pytest.param(TENSORBOARD, ("skip", "norm", "accuracy", "seed"), [], id="tensorboard"),
    ],
)  # fmt: skip
def test_an_export_is_read(
    tmp_path: Path, text: str, columns: tuple[str, ...], others: list[str]
) -> None:
    found = read(tmp_path, text, *columns)
    assert found.runs["status"].tolist() == ["complete"] * 12 + others
    complete = found.runs[found.runs["status"] == "complete"]
    assert complete[columns[2]].tolist() == [score(*run) for run in RUNS]
    assert complete["seed"].tolist() == [seed for *_, seed in RUNS]
    assert [factor.name for factor in found.study.factors] == list(columns[:2])
    assert found.study.factors[0].level_names == ("present", "absent")
    assert bool(found.notes) == (text is MLFLOW)


@pytest.mark.parametrize(
    "word", ["complete", "COMPLETED", "Finished", "done", "ok", "success", "SUCCEEDED"]
)
@pytest.mark.parametrize("column", ["status", "Status", "State", "info.status"])
def test_words_for_complete_runs_are_known(tmp_path: Path, word: str, column: str) -> None:
    text = table(f"skip,norm,seed,accuracy,{column}", f"{{0}},{{1}},{{2}},{{3}},{word}")
    lost = "\nFalse,False,3,,failed"
    found = read(tmp_path, text + lost, "skip", "norm", "accuracy", "seed")
    assert found.runs["status"].tolist() == ["complete"] * 12 + ["failed"]


def test_a_column_of_states_that_are_no_ends_of_runs_is_ignored(tmp_path: Path) -> None:
    text = table("skip,norm,seed,accuracy,State", "{0},{1},{2},{3},Texas")
    found = read(tmp_path, text, "skip", "norm", "accuracy", "seed")
    assert set(found.runs["status"]) == {"complete"}


def test_runs_of_no_known_end_are_counted(tmp_path: Path) -> None:
    text = table("skip,norm,seed,accuracy,status", "{0},{1},{2},{3},RUNNING")
    with pytest.raises(RequestError, match="none with status complete: 12 running"):
        read(tmp_path, text, "skip", "norm", "accuracy", "seed")


def epochs(column: str, *, seed: bool, numbers: tuple[int, ...] = (1, 2, 3)) -> str:
    heading = f"skip,norm,{'seed,' if seed else ''}{column},accuracy"
    rows = [
        f"{skip},{norm},{f'{number},' if seed else ''}{epoch},"
        f"{score(skip, norm, number) if epoch == numbers[-1] else 0.1 * epoch}"
        for skip, norm, number in RUNS
        for epoch in numbers
    ]
    return "\n".join([heading, *rows])


@pytest.mark.parametrize("column", ["epoch", "Step", "_step", "trainer/global_step"])
@pytest.mark.parametrize("seed", [True, False], ids=["seed", "no_seed"])
def test_the_last_epoch_of_a_run_is_the_run(tmp_path: Path, column: str, seed: bool) -> None:
    text = epochs(column, seed=seed)
    found = read(tmp_path, text, "skip", "norm", "accuracy", "seed" if seed else "")
    assert found.runs["accuracy"].tolist() == [score(*run) for run in RUNS]
    assert f"has a row for each {column}: the last one of each of the 12 runs" in found.notes[0]


def test_epochs_without_a_response_are_not_the_last(tmp_path: Path) -> None:
    rows = [f"{line}\n{','.join([*line.split(',')[:3], '9', ''])}" for line in
            epochs("epoch", seed=True).splitlines()[1:]]  # fmt: skip
    text = "\n".join(["skip,norm,seed,epoch,accuracy", *dict.fromkeys("\n".join(rows).split("\n"))])
    found = read(tmp_path, text, "skip", "norm", "accuracy", "seed")
    assert found.runs["accuracy"].tolist() == [score(*run) for run in RUNS]


@pytest.mark.parametrize("epoch", ["10", "{number}"], ids=["equal", "best_epoch"])
def test_the_epochs_of_runs_are_no_row_an_epoch(tmp_path: Path, epoch: str) -> None:
    text = table("skip,norm,epoch,accuracy", f"{{0}},{{1}},{epoch},{{3}}")
    found = read(tmp_path, text, "skip", "norm", "accuracy", "")
    assert len(found.runs) == 12
    assert found.notes == ()


def trial(number: int, skip: bool, value: float, *, status: str = "COMPLETED") -> dict[str, object]:
    observations = [{"value": [0.1], "step": 0}, {"value": [value - 0.01, value + 0.01], "step": 4}]
    return {
        "trial_id": f"{number:02}",
        "hyperparameters": {"space": [], "values": {"skip": skip, "seed": number // 2}},
        "metrics": {
            "metrics": {"val_accuracy": {"direction": "max", "observations": observations}}
        },
        "score": value,
        "best_step": 4,
        "status": status,
    }


def test_the_folder_of_a_keras_tuner_project_is_read(tmp_path: Path) -> None:
    trials = [trial(n, n % 2 == 0, 0.8 + 0.01 * n) for n in range(6)]
    trials.append(trial(6, True, 0.1, status="INVALID"))
    for content in trials:
        folder = tmp_path / f"trial_{content['trial_id']}"
        folder.mkdir()
        (folder / "trial.json").write_text(json.dumps(content))
    request = Request(tmp_path, ("skip",), "val_accuracy", name="mine", seed="seed")
    runs = read_results(request).runs
    assert runs["status"].tolist() == ["complete"] * 6 + ["invalid"]
    assert runs["val_accuracy"].tolist()[:6] == pytest.approx([0.8 + 0.01 * n for n in range(6)])
    (tmp_path / "trial_00" / "trial.json").write_text("{}")
    with pytest.raises(RequestError, match="as a trial of Keras Tuner"):
        read_results(request)


def number_in_a_trial(number: str) -> bytes:
    return json.dumps(trial(0, True, 0.5)).replace("[0.1]", number).replace("4,", "0,").encode()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"[" * 200_000, id="brackets"),
        pytest.param(b"\xff", id="no_utf8"),
        pytest.param(number_in_a_trial("[1" + "0" * 400 + "]"), id="large_number"),
        pytest.param(number_in_a_trial("[]"), id="no_numbers"),
        pytest.param(
            json.dumps({**trial(0, True, 0.5), "trial_id": "\ud800"}).encode(),
            id="half_a_character",
        ),
        pytest.param(None, id="a_pipe"),
    ],
)
def test_a_damaged_trial_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "trial_0" / "trial.json"
    file.parent.mkdir()
    os.mkfifo(file) if content is None else file.write_bytes(content)
    with pytest.raises(RequestError, match="as a trial of Keras Tuner"):
        read_results(Request(tmp_path, ("skip",), "val_accuracy", name="mine"))


def test_a_folder_without_trials_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="is a folder without them"):
        read_results(Request(tmp_path, ("skip",), "accuracy", name="mine"))


def test_a_pandas_table_is_read(tmp_path: Path) -> None:
    rows = [
        {"skip": skip == "True", "norm": norm if norm == "True" else None, "accuracy": score(*run)}
        for run in RUNS
        for skip, norm, _ in [run]
    ]
    frame = pd.DataFrame(rows).set_index("skip")
    request = Request("the table", ("skip", "norm"), "accuracy", name="mine")
    found = read_frame(frame, request)
    assert found.runs["accuracy"].tolist() == [score(*run) for run in RUNS]
    assert [factor.level_names for factor in found.study.factors] == [("present", "absent")] * 2
    with pytest.raises(RequestError, match="the table has no column 'skipp'"):
        read_frame(frame, Request("the table", ("skipp",), "accuracy", name="mine"))
    with pytest.raises(RequestError, match="in the table; received no row"):
        read_frame(frame[:0], request)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"skip": ["a", "\ud800"]}, dtype=object), r"'\ud800' as row 1 of the column"),
        (
            pd.DataFrame([[1]], columns=pd.Index(["\ud800"], dtype=object)),
            r"'\ud800' as the name of the column",
        ),
    ],
)
def test_half_a_character_in_a_pandas_table_is_refused(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(RequestError, match=re.escape(message)):
        read_frame(frame, Request("the table", ("skip",), "accuracy", name="mine"))
