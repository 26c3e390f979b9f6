"""What the user alone decides is not taken from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest import param

from ablate.config.trust import decide
from ablate.errors import RequestError

THEIRS = {"allow": ["mypackage"]}
PETS = {"_target_": "ablate.data.oxford_pets.load", "path": "pets", "download": True}


@pytest.mark.parametrize(
    ("received", "given", "variable", "expected"),
    [
        param([], [], "", [], id="nothing"),
        param(["a"], ["allow=[a]"], "", ["a"], id="command_line"),
        param(["a"], ["+allow=[a]"], "", ["a"], id="added_on_the_command_line"),
        param([], [], "a,b.c", ["a", "b.c"], id="environment"),
        param(["a"], ["allow=[a]"], " b , a,", ["a", "b"], id="both"),
        param(["a"], [], "a,b", ["a", "b"], id="a_file_that_the_environment_agrees_with"),
    ],
)
def test_packages_are_allowed_by_the_user(
    monkeypatch: pytest.MonkeyPatch,
    received: list[str],
    given: list[str],
    variable: str,
    expected: list[str],
) -> None:
    monkeypatch.setenv("ABLATE_ALLOW", variable)
    assert decide({"allow": received}, given)["allow"] == expected


@pytest.mark.parametrize(
    ("content", "given", "message"),
    [
        param(THEIRS, [], "add 'allow=[mypackage]' to the command", id="allow"),
        param(THEIRS, ["allow=[a]"], "add 'allow=[a,mypackage]' to", id="allow_of_another"),
        param(THEIRS, [], "or set ABLATE_ALLOW=mypackage.", id="allow_by_the_environment"),
        param({"allow": ["../x"]}, [], "a list of package names", id="allow_a_path"),
        param({"allow": ["a"]}, ["allow=a"], "a list of package names", id="allow_no_list"),
        param({"allow": ["a"]}, ["+allow.0=a"], "on the command line alone", id="part_of_allow"),
        param({"on_change": "keep"}, [], "add on_change=keep to the command", id="on_change"),
        param({"store": {"uri": "http://host"}}, [], "add store.uri=http://host", id="server"),
        param({"store": {"uri": "sqlite:///../x.db"}}, [], "add store.uri=", id="path_out"),
        param({"store": {"uri": "sqlite:////tmp/x.db"}}, [], "add store.uri=", id="absolute_path"),
        param({"store": {"uri": "sqlite:///%2e%2e/x.db"}}, [], "add store.uri=", id="escapes"),
        param({"store": {"uri": "sqlite:///.git/x"}}, [], "add store.uri=", id="hidden_file"),
        param({"store": {"uri": "sqlite:///link/x.db"}}, [], "add store.uri=", id="link"),
        param({"store": {"uri": "sqlite:///mine.py"}}, [], "ends in .db or .sqlite", id="code"),
        param({"store": {"uri": "sqlite:///code.db"}}, [], "add store.uri=", id="link_to_code"),
        param({"store": {"uri": "sqlite:///a/s.yaml"}}, [], "ends in .db or .sqlite", id="study"),
        param({"store": {"uri": "sqlite+x:///a.db"}}, [], "add store.uri=", id="driver"),
        param({"store": {"uri": "http://b:w/@host"}}, [], "'http://***'", id="password"),
        param({"data": PETS}, [], "add data.download=true to the command", id="download"),
        param({"data": PETS}, ["data.path=x"], "add data.download=true", id="download_to_a_path"),
    ],
)
def test_a_file_decides_nothing_for_the_user(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: dict[str, Any],
    given: list[str],
    message: str,
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "link").symlink_to(tmp_path)
    (tmp_path / "here" / "code.db").symlink_to("mine.py")
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(RequestError) as refused:
        decide(content, given)
    assert message in str(refused.value)
    assert "w/" not in str(refused.value)


def test_a_loader_of_ones_own_may_have_the_keyword_download() -> None:
    for content, given in (
        ({"data": {"_target_": "mypackage.load", "download": True}}, []),
        ({"data": {**PETS, "download": False}}, []),
        ({"data": PETS}, ["data.download=true"]),
    ):
        assert decide(content, given) == content


def test_a_store_in_the_working_directory_may_be_in_a_file() -> None:
    for uri in ("sqlite:///mlflow.db", "sqlite:///a/all.sqlite", f"sqlite:///{Path.cwd()}/x.db"):
        content = {"store": {"uri": uri}, "on_change": "refuse"}
        assert decide(content, []) == content
    content = {"store": {"uri": "http://host"}, "on_change": "keep"}
    assert decide(content, ["store.uri=http://host", "on_change=keep"]) == content


@pytest.mark.parametrize("text", ["a b", "[a]", "../x", "a;b"])
def test_a_variable_that_lists_no_packages_is_refused(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("ABLATE_ALLOW", text)
    with pytest.raises(RequestError, match="ABLATE_ALLOW as package names with commas"):
        decide({"allow": []}, [])
