"""A study of an external program: what is planned, what is refused, who may choose a command."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from pytest import param

from ablate.config.program import Program, ProgramVariant, read_cell
from ablate.errors import RequestError
from ablate.planning.programs import check_level, plan_programs
from ablate.store import program_files
from ablate.store.plan import Plan
from ablate.study.design import Cell
from ablate.study.file import study_from_mapping
from ablate.study.response import Response
from tests.faults.plan_requests import plan_request, refusal_of, write_study

STUDY = """
factors:
  dropout: cell.options.dropout
  rate: {low: cell.options.m.lr=0.1, high: cell.options.m.lr=1}
cell: command
cell.options: {dropout: true, m: {lr: 0.1}, name: a b}
responses: [{name: accuracy, direction: higher, unit: fraction}]
replicates: 2
"""
COMMAND = "cell.command=python train.py {overrides} --seed {seed}"
CELL: dict[str, Any] = {
    "command": "python train.py {overrides} {seed}",
    "options": {"a": True},
    "responses": {"accuracy": "higher"},
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a script and a study of it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    (tmp_path / "train.py").write_text("print(1)\n")
    write_study(tmp_path, STUDY)
    return tmp_path


def test_a_study_of_a_program_needs_no_images_and_no_model() -> None:
    plan = plan_request("study=mine", COMMAND)
    assert (plan.backend, plan.datasets) == ("program", {})
    options = [planned.variant.settings() for planned in plan.cells]
    assert [(each["cell.options.dropout"], each["cell.options.m.lr"]) for each in options] == [
        (True, 0.1), (True, 1), (False, 0.1), (False, 1)
    ]  # fmt: skip
    assert plan.study.response == Response("accuracy", "higher", "fraction")
    assert plan.held_constant() == {
        "cell.kind": "command",
        "cell.command": "python train.py {overrides} --seed {seed}",
        "cell.options.name": "a b",
    }


def test_a_variant_is_read_back_from_a_plan() -> None:
    program = Program(
        "p {overrides} {seed}", {"a": {"b": [1, None]}}, "json", files=("x",), timeout_seconds=3.0,
        responses=(Response("a", "lower", "seconds"),),
    )  # fmt: skip
    variant = ProgramVariant.of(program, allow=("x",))
    assert read_cell(variant.as_json()) == variant


def test_a_file_that_all_cells_share_is_read_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def digest_of(path: Path) -> str:
        read.append(str(path))
        return ""

    monkeypatch.setattr(program_files, "file_digest", digest_of)
    (folder / "images.bin").write_bytes(b"1")
    plan = plan_request("study=mine", COMMAND, "cell.files=[images.bin]")
    assert all("images.bin" in plan.sources_of(planned) for planned in plan.cells)
    assert read.count("images.bin") == 1 < len(plan.cells)


def plan_of(node: dict[str, Any], **study: Any) -> Plan:
    """The plan of one cell."""
    variant = read_cell({"cell": {"kind": "command", **CELL, **node}})
    assert isinstance(variant, ProgramVariant)
    content = {"name": "mine", "factors": {"a": "cell.options.a"}, "replicates": 2, **study}
    cell = Cell((("a", "present"),))
    return plan_programs(study_from_mapping(content), {cell: variant}, seeds=(0, 1))


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (None, [Response("loss", "lower")]),
        (["f1", "train_seconds"],
         [Response("f1", "higher", "fraction"), Response("train_seconds", "lower", "seconds")]),
        ([{"name": "mse", "direction": "lower"}], [Response("mse", "lower")]),
    ],
)  # fmt: skip
def test_responses_are_those_of_the_study_or_of_the_program(
    chosen: Any, expected: list[Response]
) -> None:
    responses = {"loss": "lower", "f1": {"direction": "higher", "unit": "fraction"}}
    plan = plan_of({"responses": responses}, responses=chosen)
    assert plan.study.responses == tuple(expected)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        param({"command": "pyton train.py {a} {seed}"}, "Expected the program 'pyton' of "
              "cell.command in PATH; it is not. Did you mean 'python'?", id="program"),
        param({"command": "python trian.py {a} {seed}"}, "Expected the script 'trian.py' of "
              "cell.command; none is there. Did you mean 'train.py'?", id="script"),
        param({"command": "train.py {a} {seed}"}, "Write python train.py.", id="no_program"),
        param({"command": "{a} {seed}"}, "to start with a program", id="placeholder"),
        param({"command": "python train.py {a} {sed}"}, "Did you mean 'seed'?", id="misspelled"),
        param({"command": "python train.py {a}"}, "Expected {seed} in cell.command, such as --seed "
              "{seed}, or as the value of an option, since each cell has 2 rep", id="no_seed"),
        param({"command": "python train.py {seed}"}, "Expected {overrides} or {a} in", id="lost"),
        param({"command": None}, "received None", id="no_command"),
        param({"command": ["python"]}, "received ['python']", id="a_list"),
        param({"options": 3}, "Expected cell.options as {name: value, ...}", id="no_options"),
        param({"options": {"seed": 3}}, "placeholders; received 'seed'", id="reserved"),
        param({"options": {"a b": 3}}, "of letters, digits, '_' and '-'", id="name"),
        param({"options": {"a": float("inf")}}, "to be finite; received inf", id="infinite"),
        param({"options": {"a": [{"b": float("nan")}]}}, "Expected cell.options.a.0.b to be finite",
              id="infinite_in_a_list"),
        param({"responses": None}, "received neither", id="no_response"),
        param({"responses": {"f1": "up"}}, "direction higher or lower for 'f1'", id="direction"),
        param({"responses": ["f1"]}, "Expected cell.responses as {accuracy: higher}", id="list"),
        param({"overrides": "--key"}, "Did you mean '--key=value'?", id="style"),
        param({"booleans": True}, "Expected cell.booleans to be text", id="booleans"),
        param({"directory": "her"}, "Did you mean 'here'?", id="directory"),
        param({"directory": "here", "result": "x.json"}, "all runs would write the same x.json",
              id="one_result_for_all"),
        param({"result": "../x.json"}, "a path in the working directory", id="result"),
        param({"result": "/x.json"}, "a path in the working directory", id="full_result"),
        param({"files": ["trian.py"]}, "there is no 'trian.py'. Did you mean 'train.py'?",
              id="files"),
        param({"timeout_seconds": 0}, "seconds above 0; received 0", id="timeout"),
        param({"comand": "x"}, "Did you mean 'command'?", id="key"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_in_one_line(node: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError) as refused:
        plan_of(node)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_response_without_its_direction_is_refused() -> None:
    with pytest.raises(RequestError, match="whether f1 is better when it is higher or lower"):
        plan_of({}, responses=["f1"])


def test_one_replicate_needs_no_seed() -> None:
    plan_of({"command": "python train.py {a}"}, replicates=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        param(["data=npz"], "Expected no data with cell=command", id="data"),
        param(["study.controls=[placebo]"], "received recipe.placebo=false", id="placebo"),
        param(["cell.options.m.lr.x=3"], "'cell.options={name: value}'", id="no_such_mapping"),
        param(["cell.options.m=3"], "cell.options.m.lr", id="option_of_another_kind"),
        param(["cell=keras"], "Unknown key 'cell.command'. Choose cell=command", id="keras"),
        param(["study=xyz", "cell=command"], "choose a study that does", id="study_of_keras"),
    ],
)
def test_what_does_not_go_with_a_program_is_refused(arguments: list[str], message: str) -> None:
    study = [] if arguments[0].startswith("study=") else ["study=mine"]
    assert message in refusal_of(*study, COMMAND, *arguments)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("cell.options.m.rl=1", "Unknown key 'cell.options.m.rl'. Did you mean 'm.lr'?"),
        ("cell.directory=here", "to change cell.options.NAME; received 'cell.directory=here'"),
        ("cell.command=sh", "to change cell.options.NAME"),
        ("cell=keras", "to change cell.options.NAME"),
        ("cell.options={m: 3}", "to change cell.options.NAME"),
    ],
)
def test_a_level_changes_options_that_exist(override: str, message: str) -> None:
    with pytest.raises(RequestError) as refused:
        check_level(override, {"cell": {"options": {"m": {"lr": 1}}}})
    assert message in str(refused.value)


THEIRS = "sh -c 'touch pwned'"


@pytest.mark.parametrize(
    ("file", "content", "arguments"),
    [
        param("study/mine", f'{STUDY}cell.command: "{THEIRS}"\n', [], id="study"),
        param("study/mine", f'{STUDY.replace("cell: command", "")}cell: {{command: "{THEIRS}"}}\n',
              ["cell=command"], id="node_of_the_study"),
        param("cell/theirs", f'defaults: [command]\ncommand: "{THEIRS}"\noptions: {{dropout: true, '
              'm: {lr: 1}}\n', ["cell=theirs"], id="choice"),
        param("cell/command", f'kind: command\ncommand: "{THEIRS}"\noptions: null\n', [],
              id="file_of_the_same_name"),
    ],
)  # fmt: skip
def test_no_file_chooses_a_command_unless_the_user_allows_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, file: str, content: str, arguments: list[str]
) -> None:
    path = folder / "experiments" / f"{file}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    line = refusal_of("study=mine", *arguments)
    assert "Expected cell.command on the command line" in line
    assert "add 'allow=[command]' to the command, or set ABLATE_ALLOW=command." in line
    # With it the command is taken, and refused because it takes no options.
    assert "Expected {overrides} or" in refusal_of("study=mine", *arguments, "allow=[command]")


def test_a_typed_command_takes_precedence(folder: Path) -> None:
    write_study(folder, f'{STUDY}cell.command: "{THEIRS}"\n')
    (planned, *_) = plan_request("study=mine", COMMAND).cells
    assert isinstance(planned.variant, ProgramVariant)
    assert planned.variant.program.words[0] == "python"
