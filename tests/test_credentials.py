"""Credentials of stores appear in no text that people or files get."""

from __future__ import annotations

import sys

import pytest
from pytest import param

from ablate.config.store_uri import check_store_uri
from ablate.credentials import (
    hide_arguments,
    hide_credentials,
    hide_in_yaml,
    shown_argument,
    without_credentials,
)
from ablate.errors import RequestError
from ablate.wording import own_command, terminal_line

SECRET = "top"
STORES = [
    param("postgresql://bob:top@db/x", "postgresql://***@db/x", id="plain"),
    param("postgresql://bob:top/s3cret@db/x", "postgresql://***@db/x", id="slash"),
    param("postgresql://bob:to p top@db/x", "postgresql://***@db/x", id="blank"),
    param("postgresql://bob:a?top@db/x", "postgresql://***@db/x", id="question_mark"),
    param("postgresql://bob:top:a@db:5432/x", "postgresql://***@db:5432/x", id="colon"),
    param("postgresql://bob:a@top@db/x", "postgresql://***", id="at"),
    param("postgresql://bob:a@b/top@db/x", "postgresql://***", id="at_and_slash"),
    param("postgresql://bob:a@b?top@db/x", "postgresql://***", id="at_and_question_mark"),
    param("postgresql://bob:%74op%2F@db/x", "postgresql://***@db/x", id="percent"),
    param("postgresql://top@db/x", "postgresql://***@db/x", id="user_alone"),
    param("postgresql://:top@/x", "postgresql://***@/x", id="password_alone"),
    param("postgresql://db/x?user=bob&password=top", "postgresql://db/x?***", id="query"),
    param("postgresql://db/x?password=a@top", "postgresql://db/x?***", id="at_in_a_query"),
    param("postgresql:///?host=db&password=to top", "postgresql:///?***", id="blank_in_a_query"),
    param(
        "mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BUID%3Dbob%3BPWD%3Dtop",
        "mssql+pyodbc:///?***",
        id="settings_in_a_query",
    ),
    param("postgresql://bob:top@[::1]:5432/x", "postgresql://***@[::1]:5432/x", id="ipv6"),
    param("postgresql://bob:top@db:port/x", "postgresql://***", id="port_that_is_none"),
    param("sqlite+pysqlcipher://:top@/x.db", "sqlite+pysqlcipher://***@/x.db", id="passphrase"),
    param("https://bob:top@host/path", "https://***@host/path", id="server"),
    param("https://top@host", "https://***@host", id="token"),
    param("https://host/path?token=top", "https://host/path?***", id="token_in_a_query"),
    param("https://host/path#top", "https://host/path?***", id="fragment"),
    param("http://bob:top/s3cret@host/path", "http://***", id="slash_for_a_server"),
    param("http://bob:a?top@host", "http://***", id="question_mark_for_a_server"),
    param("http://bob:a#top@host", "http://***", id="hash_for_a_server"),
    param("http://bob:top@[::1", "http://***", id="open_bracket"),
    param("ftp://bob:top@host/x", "ftp://***@host/x", id="another_scheme"),
]


@pytest.mark.parametrize(("uri", "shown"), STORES)
def test_an_address_is_shown_without_credentials(uri: str, shown: str) -> None:
    assert without_credentials(uri) == shown


@pytest.mark.parametrize(("uri", "shown"), STORES)
@pytest.mark.parametrize("mark", ["", "'", '"'], ids=["plain", "single", "double"])
def test_a_configuration_in_yaml_is_shown_without_credentials(
    uri: str, shown: str, mark: str
) -> None:
    text = "store:\n  uri: {}\n  keep_model: best\nquestion: 'uri: a'\n"
    assert hide_in_yaml(text.format(f"{mark}{uri}{mark}")) == text.format(f"{mark}{shown}{mark}")


@pytest.mark.parametrize("uri", ["sqlite:///mlflow.db", "${oc.env:THEIR_STORE}", "''"])
def test_a_configuration_without_credentials_is_shown_as_it_is(uri: str) -> None:
    assert hide_in_yaml(f"store:\n  uri: {uri}\n") == f"store:\n  uri: {uri}\n"


@pytest.mark.parametrize(
    "uri",
    [
        "sqlite:///mlflow.db",
        "sqlite:///a@b/x?y.db",
        "http://127.0.0.1:5000",
        "https://host/path",
        "postgresql://host:5432/runs",
        "mysql+pymysql://host/runs",
        "mlruns",
        "",
    ],
)
def test_an_address_without_credentials_is_shown_as_it_is(uri: str) -> None:
    assert without_credentials(uri) == uri


@pytest.mark.parametrize(("uri", "shown"), STORES)
@pytest.mark.parametrize("mark", ["", "'", '"'], ids=["plain", "single", "double"])
def test_the_own_command_holds_no_credentials(
    monkeypatch: pytest.MonkeyPatch, uri: str, shown: str, mark: str
) -> None:
    arguments = ["--multirun", f"store.uri={mark}{uri}{mark}", "seed=3"]
    monkeypatch.setattr(sys, "argv", ["ablate", *arguments])
    assert SECRET not in own_command()
    assert "seed=3" in own_command()
    assert shown in shown_argument(arguments[1])


@pytest.mark.parametrize(
    "text",
    [
        "Expected key=value; received {argument!r} (mismatched input '=').",
        "Expected store.uri once; received {argument} and {argument}.",
        "cannot reach {uri}/api/2.0/mlflow: timeout",
    ],
)
@pytest.mark.parametrize(("uri", "shown"), STORES)
@pytest.mark.parametrize("key", ["store.uri", "+store.uri", "store.url", "uri"])
def test_a_refusal_holds_no_credentials_of_the_command(
    monkeypatch: pytest.MonkeyPatch, text: str, uri: str, shown: str, key: str
) -> None:
    argument = f"{key}={uri}"
    monkeypatch.setattr(sys, "argv", ["ablate", "seed=3", argument])
    line = terminal_line(text.format(argument=argument, uri=uri))
    assert SECRET not in line
    assert line.startswith(text[:12])


@pytest.mark.parametrize("value", ["[{}]", "{{a: '{}'}}", '[a, "{}"]'])
def test_an_address_within_a_value_is_hidden(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    uri = "postgresql://bob:to/p@db/x"
    argument = f"store.uri={value.format(uri)}"
    monkeypatch.setattr(sys, "argv", ["ablate", argument])
    for text in (argument, repr(argument), f"received {[uri]!r}", f"no user bob with {uri}/a"):
        assert "bob" not in terminal_line(text)
        assert "to/p" not in terminal_line(text)
    assert "to/p" not in own_command()


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        param(
            "postgresql://bob:t%2Fop@db/x",
            'failed for "bob" with t/op and t%2Fop, t%2fop',
            id="decoded",
        ),
        param("postgresql://bob:a b@db/x", "a+b a%20b 'a b'", id="blank"),
        param("postgresql://db/x?user=bob&password=a%26b", "a&b for bob", id="query"),
        param("http://bob:pw/x@host/p", "Failed to parse: http://bob:pw/x@host/p/api", id="prefix"),
        param("http://bob:pw/x@host/p", "HTTPConnectionPool(host='bob', port=pw)", id="parts"),
    ],
)
def test_an_error_of_a_library_holds_no_credentials(uri: str, text: str) -> None:
    hidden = hide_credentials(text, uri)
    for secret in ("bob", "t/op", "t%2", "a b", "a+b", "a%20b", "a&b", "pw"):
        assert secret not in hidden


def test_words_that_hold_a_short_password_stay() -> None:
    assert hide_credentials("a store at x: a", "postgresql://u:a@x/runs") == "*** store at x: ***"


def test_other_arguments_are_shown_unless_they_hold_secrets() -> None:
    for argument in ("data.path=s3://host/x?y=1", "study.question=What?", "model.residual=false"):
        assert shown_argument(argument) == argument
        assert hide_arguments(f"received {argument}", [argument]) == f"received {argument}"
    assert shown_argument("model.tokens=12") == "model.tokens=12"
    assert shown_argument("hydra.launcher.ray.init._redis_password=a") == (
        "hydra.launcher.ray.init._redis_password=***"
    )
    assert shown_argument("+x={a: 'redis://u:p/q@h'}") == "+x={a: 'redis://***@h'}"


MISTYPED = [
    "postgresql:/bob:top@h/db",
    "postgresql//bob:top@h",
    "bob:top@h/db",
    "http:\\\\bob:top@h",
    "postgresql+psycopg2:bob:top@h",
    "bob:top@postgresql://h/db",
    "top/x@h",
    "postgresql:/h/db?password=top",
    "sqlite:///x.db?password=top",
    "sqlite:///bob:top@h",
]


@pytest.mark.parametrize("uri", MISTYPED)
def test_a_mistyped_address_is_hidden(uri: str) -> None:
    assert SECRET not in without_credentials(uri)
    assert SECRET not in hide_credentials(f"cannot open {uri}: no user top", uri)


@pytest.mark.parametrize("uri", MISTYPED[:-1])
def test_the_refusal_of_a_mistyped_address_holds_no_credentials(uri: str) -> None:
    with pytest.raises(RequestError) as refused:
        check_store_uri(uri)
    assert SECRET not in str(refused.value).replace("stop", "")


@pytest.mark.parametrize("form", ["{}", "'{}'", "[{}]", "{{a: '{}'}}"])
@pytest.mark.parametrize("key", ["store.uri", "store.uir", "store", "strore.uri", "+store.uri"])
@pytest.mark.parametrize("uri", MISTYPED)
def test_an_argument_with_a_mistyped_address_is_hidden(uri: str, key: str, form: str) -> None:
    argument = f"{key}={form.format(uri)}"
    assert SECRET not in shown_argument(argument)
    assert SECRET not in hide_arguments(f"received {argument!r}, {[uri]!r} and {uri}", [argument])


@pytest.mark.parametrize(
    "argument",
    [
        "store={uri: 'http://127.0.0.1:9/p?password=pw99'}",
        "store.uir=postgresql://h/db?password=pw99",
        "runs=http://h/p?token=pw99",
        "{uri: 'postgresql://h/?api_key=pw99'}",
        "x='mssql:///?odbc_connect=UID%3Dbob%3BPWD%3Dpw99'",
        "data={password: pw99}",
        "hydra.launcher={ray: {init: {_redis_password: pw99}}}",
        "hydra.launcher.setup=['export TOKEN=pw99']",
        "hydra.launcher.setup=['export X=pw99']",
        "+hydra.launcher.additional_parameters={token: pw99}",
        "hydra.launcher.env={'WANDB_API_KEY': pw99}",
    ],
)
def test_a_secret_under_any_key_of_an_argument_is_hidden(argument: str) -> None:
    assert "pw99" not in shown_argument(argument)
    assert "pw99" not in hide_arguments(f"received {argument!r}", [argument])


def test_a_secret_of_a_launcher_is_hidden_where_it_stands_alone() -> None:
    argument = "hydra.launcher={ray: {init: {_redis_password: pw99}}}"
    assert hide_arguments("Unknown {'_redis_password': 'pw99'}", [argument]) == (
        "Unknown {'_redis_password': '***'}"
    )


def test_the_example_in_the_refusal_of_a_mistyped_address_stays() -> None:
    uri = "postgresql:/bob:top@h/db"
    text = f"received {uri!r}. Write store.uri=sqlite:///mlflow.db"
    assert hide_arguments(text, [f"store.uri={uri}"]).endswith(
        "Write store.uri=sqlite:///mlflow.db"
    )
