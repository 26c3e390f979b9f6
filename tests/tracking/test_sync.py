"""The command that completes MLflow's copy of a study, and the stores it accepts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pytest import param

from ablate.config.store_uri import STORE_URI, check_store_uri, runs_hint
from ablate.errors import RequestError
from ablate.tracking.sync import main
from ablate.wording import without_password
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        param(["study=xzy"], "No study 'xzy' in runs. Did you mean 'xyz'?", id="study"),
        param(["study=" + "x" * 300], "names folders", id="name_too_long"),
        param(["study=../xyz"], "names folders", id="path"),
        param(["studi=xyz"], "Did you mean 'study'?", id="key"),
        param(["study"], "Expected key=value", id="no_value"),
        param(["study=xyz", "study=abc"], "Expected study once", id="twice"),
        param(["store.uri=sqlite:///mlflow.db"], "Expected study=NAME", id="no_study"),
        param(["study=xyz", "store.uri=mlruns"], "no runs in plain folders", id="folder"),
    ],
)
def test_a_bad_request_is_refused_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    (tmp_path / "runs" / "xyz").mkdir(parents=True)
    (tmp_path / "runs" / "xyz" / "plan.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    output = capsys.readouterr()
    assert ended.value.code == 2
    assert message in output.err
    assert len(output.err.splitlines()) == 1
    assert output.out == ""
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["plan.json", "runs", "xyz"]


def test_without_arguments_the_usage_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, code in (["--help"], 0), ([], 2):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == code
        assert "python -m ablate.sync study=NAME" in capsys.readouterr().out


def test_sync_starts_without_mlflow_and_keras() -> None:
    program = (
        "import sys, ablate.tracking.sync; "
        "print([name for name in ('mlflow', 'keras') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_the_default_store_is_the_one_in_the_configuration() -> None:
    assert yaml.safe_load((ROOT / "conf/store/sqlite.yaml").read_text())["uri"] == STORE_URI


@pytest.mark.parametrize(
    "uri",
    [
        STORE_URI,
        "sqlite:////tmp/a folder/mlflow.db",
        "http://127.0.0.1:5000",
        "https://name:word@mlflow.example/path",
        "postgresql://name:word@host/runs",
        "postgresql+psycopg2://host/runs",
        "mysql+pymysql://host/runs",
        "mssql+pyodbc://host/runs?driver=x",
    ],
)
def test_stores_that_mlflow_supports_are_accepted(uri: str) -> None:
    assert check_store_uri(uri) == uri


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        param("mlflow.db", "Write store.uri=sqlite:///mlflow.db", id="path"),
        param("./mlruns", "Write store.uri=sqlite:///mlflow.db", id="folder"),
        param("file:///tmp/mlruns", "Write store.uri=sqlite:///mlflow.db", id="file"),
        param("file:mlruns", "Write store.uri=sqlite:///mlflow.db", id="file_without_slashes"),
        param("sqlite:mlflow.db", "Write store.uri=sqlite:///mlflow.db", id="no_slashes"),
        param("sqlite://mlflow.db", "after three slashes", id="two_slashes"),
        param("sqlite:///", "after three slashes", id="no_file"),
        param("htpp://host", "Did you mean 'http'?", id="scheme"),
        param("postgres://host/runs", "Did you mean 'postgresql'?", id="short_scheme"),
        param("http://", "name a server", id="no_server"),
        param("", "such as sqlite:///mlflow.db", id="empty"),
        param(5000, "such as sqlite:///mlflow.db", id="number"),
        param("ftp://name:word@host", "***@host", id="password"),
    ],
)
def test_a_store_that_mlflow_does_not_support_is_refused(uri: object, message: str) -> None:
    with pytest.raises(RequestError) as refused:
        check_store_uri(uri)
    assert message in str(refused.value)
    assert "word" not in str(refused.value)


@pytest.mark.parametrize(
    ("uri", "hint"),
    [
        param(STORE_URI, f"mlflow ui --backend-store-uri {STORE_URI}", id="file"),
        param("http://127.0.0.1:5000", "http://127.0.0.1:5000", id="server"),
        param("https://me:w@host/a", "https://***@host/a", id="server_with_password"),
        param(
            "sqlite:///my runs.db",
            "mlflow ui --backend-store-uri 'sqlite:///my runs.db'",
            id="quoted_for_the_shell",
        ),
    ],
)
def test_the_hint_at_the_runs_shows_no_password(uri: str, hint: str) -> None:
    assert runs_hint(uri) == hint


def test_passwords_are_removed_from_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "cannot reach http://me:p@ss/x@ or postgresql://you:secret@host/runs, mail a@b"
    assert "secret" not in without_password(text)
    assert "mail a@b" in without_password(text)
    uri = "postgresql://bob:to/p secret@host/runs"
    assert without_password(uri) == "postgresql://***@host/runs"
    monkeypatch.setattr(sys, "argv", ["ablate", f"store.uri={uri}"])
    assert "secret" not in without_password(f"{uri} is wrong, or 'to/p secret'")
    assert without_password("no user 'bob' with 'to/p secret'") == "no user '***' with '***'"
