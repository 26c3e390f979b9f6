"""The command line of an external program, read by the parsers that such programs use."""

from __future__ import annotations

import argparse
import json
import subprocess
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from pytest import param

from ablate.config.command_line import (
    Values,
    check_placeholders,
    fill_command,
    fill_option,
    flat_options,
    split_command,
)
from ablate.errors import RequestError

OPTIONS: dict[str, Any] = {
    "rate": 1e-5,
    "name": "a b 'c' \"d\" $HOME ü",
    "filters": [16, 32],
    "none": None,
    "model": {"depth": -3, "skip": True},
}


def words_of(command: str, options: dict[str, Any] | None = None, **changes: Any) -> list[str]:
    style = {"style": "--key value", "booleans": "word", **changes}
    flat = flat_options(OPTIONS if options is None else options)
    values = Values(flat, 7, "/runs/result.json", "/runs/options.json")
    return list(fill_command(split_command(command), values, **style))


def parsed(words: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float)
    parser.add_argument("--name")
    parser.add_argument("--filters", type=int, nargs="+")
    parser.add_argument("--none")
    parser.add_argument("--model.depth", type=int)
    parser.add_argument("--model.skip", type=json.loads)
    return vars(parser.parse_args(words))


def test_argparse_reads_options_as_words() -> None:
    assert parsed(words_of("p {overrides}")[1:]) == flat_options(OPTIONS)


def test_argparse_reads_options_with_equals_signs() -> None:
    options = {**OPTIONS, "filters": None}
    words = words_of("p {overrides}", options, style="--key=value")[1:]
    assert parsed(words) == flat_options(options)


def test_hydra_reads_options_as_overrides() -> None:
    options = {**OPTIONS, "name": "word"}
    words = words_of("p {overrides}", options, style="key=value")[1:]
    overrides = OverridesParser.create().parse_overrides(words)
    read = {each.key_or_group: each.value() for each in overrides}
    assert read == {key: each for key, each in flat_options(options).items() if key != "none"}


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize(
    ("booleans", "action"),
    [("flag", "store_true"), ("no_flag", argparse.BooleanOptionalAction)],
)
def test_argparse_reads_flags(value: bool, booleans: str, action: Any) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--skip", action=action, default=False)
    words = words_of("p {overrides}", {"skip": value}, booleans=booleans)[1:]
    assert parser.parse_args(words).skip is value


@pytest.mark.parametrize("name", ["a b", "'", '"', "$HOME", "`date`", "; date", "\\", "a\nb", ""])
@pytest.mark.parametrize("flag", ["-c", "-ec", "-ce"])
def test_a_shell_gets_each_value_as_one_word(flag: str, name: str) -> None:
    script = f"sh {flag} 'printf \"<%s>\" {{name}} {{overrides}} {{seed}}'"
    words = words_of(script, {"name": name, "other": name})
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == f"<{name}><--other><{name}><7>"


@pytest.mark.parametrize(
    ("command", "options", "expected"),
    [
        param("p {a} {seed}", {"a": 1}, ["1", "7"], id="single_placeholders"),
        param("p --x={m.a}/{seed}", {"m": {"a": "z"}}, ["--x=z/7"], id="inside_a_word"),
        param("p {a} {overrides}", {"a": 1, "b": 2}, ["1", "--b", "2"], id="one_apart"),
        param("p {a} end", {"a": None}, ["end"], id="null_leaves_the_word_out"),
        param("p -{a}", {"a": None}, ["-null"], id="null_inside_a_word"),
        param("p alarm", {"lar": None}, ["alarm"], id="a_word_that_holds_a_name"),
        param("p {{seed}} '{{}}'", {}, ["{seed}", "{}"], id="braces"),
        param("p {result}", {}, ["/runs/result.json"], id="result"),
        param("p '{a}'", {"a": "b  c"}, ["b  c"], id="blanks"),
        param("p {overrides}", {"a": {}}, ["--a", "{}"], id="empty_mapping"),
        param("p {a}", {"a": "{seed}{b}"}, ["{seed}{b}"], id="a_value_is_no_template"),
    ],
)
def test_placeholders_are_filled(
    command: str, options: dict[str, Any], expected: list[str]
) -> None:
    assert words_of(command, options)[1:] == expected


def test_options_in_a_file_are_named_by_its_path() -> None:
    assert words_of("p --config={overrides} {overrides}", style="json")[1:] == [
        "--config=/runs/options.json",
        "/runs/options.json",
    ]


def test_the_value_of_an_option_may_hold_the_seed() -> None:
    options = {"random_state": "{seed}", "out": "{result}.x", "deep": {"name": "run-{seed}"}}
    assert fill_option(options, seed=3, result="/r") == {
        "random_state": 3,
        "out": "/r.x",
        "deep": {"name": "run-3"},
    }


@pytest.mark.parametrize(
    ("command", "message"),
    [
        param("", "to name a program; received nothing", id="empty"),
        param("p 'x", "in a shell's notation", id="quotation_mark"),
        param("p {ovverrides}", "Did you mean 'overrides'?", id="misspelled"),
        param("p {}", "Unknown placeholder {}", id="empty_braces"),
        param("p {b}", "Unknown placeholder {b}", id="no_option"),
        param("p {seed}", "Expected {overrides} or {a} in cell.command", id="option_is_lost"),
    ],
)
def test_a_command_with_a_mistake_is_refused(command: str, message: str) -> None:
    with pytest.raises(RequestError) as refused:
        check_placeholders(split_command(command), {"a": 1})
    assert message in str(refused.value)
