"""What identifies a run of an external program: its command, its options, and their files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest import param

from ablate.config.program import Program, ProgramVariant
from ablate.errors import RequestError
from ablate.planning.changes import differences
from ablate.store.plan import PROGRAM, Plan, PlannedCell
from ablate.store.program_files import program_sources, with_full_path, words_with_full_paths
from ablate.study.design import Cell
from ablate.study.response import Response
from ablate.study.study import Factor, Level, Study
from tests.conftest import ACCURACY

FILES = {
    "train.py": "from pkg import a\nimport json, own\n",
    "own.py": "import deep.er\n",
    "deep/er.py": "x = 1\n",
    "pkg/__init__.py": "",
    "pkg/a.py": "from . import b\nfrom .b import x\n",
    "pkg/b.py": "x = 1\n",
    "pkg/c.py": "x = 1\n",
    "pkg/__main__.py": "from pkg.c import x\n",
    "train.sh": "python train.py\n",
    "data/one.csv": "1\n",
    "data/.hidden": "1\n",
    "scripts/run.py": "import beside\n",
    "scripts/beside.py": "x = 1\n",
    "conf/a.json": "{}",
    "Trainfile": "x\n",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


PYTHON_FILES = {"train.py", "own.py", "deep/er.py", "pkg/__init__.py", "pkg/a.py", "pkg/b.py"}


@pytest.mark.parametrize(
    ("command", "keys", "expected"),
    [
        param("python -W ignore train.py {seed}", {}, PYTHON_FILES, id="script_and_its_imports"),
        param("python scripts/run.py", {}, {"scripts/run.py", "scripts/beside.py"}, id="beside_it"),
        param("python -m pkg", {}, {"pkg/__main__.py", "pkg/__init__.py", "pkg/c.py"}, id="module"),
        param("bash ./train.sh", {}, {"./train.sh"}, id="script_of_a_shell"),
        param("./train.sh", {}, {"./train.sh"}, id="script_that_is_the_program"),
        param("bash Trainfile", {}, {"./Trainfile"}, id="script_without_an_ending"),
        param("/usr/bin/env x --data=data/one.csv", {}, {"data/one.csv"}, id="file_of_an_argument"),
        param("x {o}", {"options": {"o": "conf/a.json"}}, {"conf/a.json"}, id="file_of_an_option"),
        param("x", {"files": ("data",)}, {"data/one.csv"}, id="declared_folder"),
        param("x data Trainfile pkg", {}, set(), id="words_that_may_mean_something_else"),
    ],
)
def test_files_that_count(command: str, keys: dict[str, Any], expected: set[str]) -> None:
    found = set(program_sources(Program(command, **keys))[1])
    assert {name for name in found if not name.startswith("/")} == expected


def test_a_declared_file_that_is_missing_is_refused() -> None:
    with pytest.raises(RequestError, match=r"no 'data/two.csv'\. Did you mean 'one.csv'"):
        program_sources(Program("x", files=("data/two.csv",)))


def plan_of(seed: int = 0, *, allow: tuple[str, ...] = (), **keys: Any) -> Plan:
    """The plan of one run."""
    program = Program(**{"command": "python train.py {overrides} {seed}", **keys})
    code, sources = program_sources(program)
    cell = Cell((("a", "present"),))
    planned = PlannedCell(cell, ProgramVariant.of(program, allow=allow), "", (seed,), code)
    study = Study("s", (Factor("a", (Level("present"), Level("absent"))),), responses=(ACCURACY,))
    return Plan(study, (planned,), {}, PROGRAM, {}, {code: sources})


def fingerprint(**keys: Any) -> str:
    plan = plan_of(**keys)
    (planned,) = plan.cells
    return plan.fingerprint(planned, planned.seeds[0])


def test_a_change_is_named_with_its_kind() -> None:
    before = plan_of(options={"lr": 0.1}, files=("data", "Trainfile"))
    for name in ("own.py", "data/one.csv", "Trainfile"):
        Path(name).write_text("y = 1\n")
    after = plan_of(options={"lr": 0.2}, files=("data", "Trainfile"))
    assert differences(before, after) == (
        "cell.options.lr: 0.1 -> 0.2",
        "code: deep/er.py is no longer used",
        "code: own.py was changed",
        "file: ./Trainfile was changed",
        "file: data/one.csv was changed",
    )


def write(name: str, text: str) -> Callable[[], None]:
    return lambda: (Path(name).write_text(text), None)[1]


@pytest.mark.parametrize(
    ("change", "keys", "same"),
    [
        param(write("own.py", "# a comment\nimport deep.er\n"), {}, True, id="comment"),
        param(write("own.py", "import deep.er\ny = 1\n"), {}, False, id="code"),
        param(write("deep/er.py", "x = 2\n"), {}, False, id="code_of_an_import"),
        param(write("pkg/c.py", "x = 2\n"), {}, True, id="code_that_is_not_reached"),
        param(write("data/one.csv", "2\n"), {"files": ("data",)}, False, id="declared_file"),
        param(write("data/one.csv", "2\n"), {}, True, id="file_that_is_not_declared"),
    ],
)
def test_a_change_of_a_file(change: Callable[[], None], keys: dict[str, Any], same: bool) -> None:
    before = fingerprint(**keys)
    change()
    assert (fingerprint(**keys) == before) is same


@pytest.mark.parametrize(
    ("keys", "same"),
    [
        param({"options": {"lr": 0.2}}, False, id="option"),
        param({"command": "python -O train.py {overrides} {seed}"}, False, id="command"),
        param({"overrides": "json"}, False, id="style"),
        param({"directory": "here"}, False, id="directory"),
        param({"timeout_seconds": 3.0}, True, id="timeout"),
        param({"responses": (Response("loss", "lower"),)}, True, id="responses"),
        param({"allow": ("command",)}, True, id="allow"),
        param({"seed": 1}, False, id="seed"),
    ],
)
def test_what_else_identifies_a_run(keys: dict[str, Any], same: bool) -> None:
    assert (
        fingerprint(**{"options": {"lr": 0.1}, **keys}) == fingerprint(options={"lr": 0.1})
    ) is same


def test_paths_of_what_exists_are_made_full(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [
        "python",
        "train.py",
        "Trainfile",
        "--x=data/one.csv",
        "--y=./no",
        "data",
        "s3://a/b",
        ".",
    ]
    assert words_with_full_paths(words) == [
        "python", f"{folder}/train.py", "Trainfile", f"--x={folder}/data/one.csv", "--y=./no",
        "data", "s3://a/b", str(folder),
    ]  # fmt: skip
    assert words_with_full_paths(["bash", "Trainfile"]) == ["bash", f"{folder}/Trainfile"]
    monkeypatch.setenv("HOME", f"{folder}/data")
    assert with_full_path("--x=~/one.csv") == f"--x={folder}/data/one.csv"
    assert words_with_full_paths(["./train.sh"]) == [f"{folder}/train.sh"]
    assert with_full_path("x" * 5000 + "/y") == "x" * 5000 + "/y"
