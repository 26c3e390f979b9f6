"""Runs that any program recorded in MLflow, read as a table of results."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ablate.errors import RequestError
from ablate.report.command import main
from ablate.report.results.read import read_frame
from ablate.report.results.request import Request
from ablate.tracking.mlflow import experiments

RUNS = [(skip, seed) for skip in ("True", "False") for seed in range(3)]


def run(number: int, status: str = "FINISHED", **params: str) -> Any:
    metrics = {"accuracy": 0.9 + 0.001 * number} if params else {}
    return SimpleNamespace(
        info=SimpleNamespace(run_id=f"r{number}", status=status),
        data=SimpleNamespace(params=params, metrics=metrics, tags={"mlflow.runName": "run"}),
    )


class Page(list[Any]):
    token: str | None = None


@dataclass
class Server:
    """What stands for MLflow's client: an experiment whose runs come in two pages."""

    uri: str
    runs: list[Any] = field(default_factory=list)

    def get_experiment_by_name(self, name: str) -> Any:
        return SimpleNamespace(experiment_id="1") if name == "theirs" else None

    def search_experiments(self, **options: Any) -> list[Any]:
        return [SimpleNamespace(name="theirs"), SimpleNamespace(name="Default")]

    def search_runs(self, ids: list[str], *, page_token: str | None, **options: Any) -> Page:
        if page_token is None:
            page = Page(run(n, skip=skip, seed=str(seed)) for n, (skip, seed) in enumerate(RUNS))
            page.token = "next"
            return page
        return Page([run(8, "FAILED", skip="True", seed="3"), run(9)])


@pytest.fixture(autouse=True)
def _server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(experiments, "MlflowClient", Server)


def test_runs_of_an_experiment_are_results() -> None:
    table = experiments.read_experiment("theirs", "http://127.0.0.1:5000")
    request = Request("mlflow:theirs", ("skip",), "accuracy", name="theirs", seed="seed")
    found = read_frame(table, request)
    assert found.runs["status"].tolist() == ["complete"] * 6 + ["failed"]
    assert found.runs["accuracy"].tolist()[:6] == [0.9 + 0.001 * number for number in range(6)]
    assert found.notes == ("1 row of mlflow:theirs without levels left out: row 7.",)


@pytest.mark.parametrize(
    ("name", "uri", "message"),
    [
        ("thiers", "http://127.0.0.1:5000", "Did you mean 'theirs'? Known: Default, theirs."),
        ("theirs", "sqlite:///none.db", "Expected a database of MLflow at sqlite:///none.db"),
    ],
)
def test_what_is_not_there_is_refused(name: str, uri: str, message: str) -> None:
    with pytest.raises(RequestError) as refusal:
        experiments.read_experiment(name, uri)
    assert message in str(refusal.value)


def test_an_error_of_mlflow_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*unused: object) -> None:
        raise ConnectionError("refused\nagain")

    monkeypatch.setattr(Server, "get_experiment_by_name", fail)
    with pytest.raises(RequestError, match="at http://h: ConnectionError: refused again"):
        experiments.read_experiment("theirs", "http://h")


def test_the_command_reads_a_tracking_server(capsys: pytest.CaptureFixture[str]) -> None:
    own = ["store.uri=http://127.0.0.1:5000"]
    with pytest.raises(SystemExit) as ending:
        main(["runs=mlflow:theirs", "factors=[skip]", "response=accuracy", "seed=seed", *own])
    assert ending.value.code == 1  # a run failed
    assert "left out: row 7." in capsys.readouterr().out
    assert "mlflow:theirs" in Path("reports/mlflow_theirs/report.md").read_text(encoding="utf-8")


def test_the_server_of_the_environment_is_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://of-the-environment")
    with pytest.raises(SystemExit) as ending:
        main(["runs=mlflow:none", "factors=[skip]", "response=accuracy"])
    assert ending.value.code == 2
    assert "No experiment 'none' at http://of-the-environment." in capsys.readouterr().err


def test_a_store_without_an_experiment_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        main(["runs=a.csv", "factors=[skip]", "response=accuracy", "store.uri=http://h"])
    assert ending.value.code == 2
    assert "Expected store.uri with runs=mlflow:EXPERIMENT" in capsys.readouterr().err
