"""The rules of the house (DESIGN.md, sections 4 and 6) that no linter knows."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = sorted([*(ROOT / "ablate").rglob("*.py"), *(ROOT / "hydra_plugins").rglob("*.py")])
TESTS = sorted((ROOT / "tests").rglob("*.py"))
JUNK_DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "base", "core"}

LIGHT = ("errors", "fields", "seeds", "wording")
LIGHT_ROOMS = ("study", "config", "data", "store", "analysis", "report", "planning")
HEAVY = ("keras", "tensorflow", "jax", "mlflow")


def dotted(file):
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def relative(file):
    return str(file.relative_to(ROOT))


def functions():
    """Every function of the program, with its full name and where it stands."""
    for file in PROGRAM:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{dotted(file)}.{node.name}", f"{relative(file)}:{node.lineno}", node


def lines_besides_docstring(function):
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is None:
        return lines
    return lines - (function.body[0].end_lineno - function.body[0].lineno + 1)


def positional(function):
    names = [item.arg for item in (*function.args.posonlyargs, *function.args.args)]
    return [name for name in names if name not in ("self", "cls")]


def targets():
    """What the configuration calls: its keywords are the keys of a group, however many."""
    for file in (ROOT / "conf").rglob("*.yaml"):
        yield (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get("_target_")


def light_modules():
    names = [f"ablate.{name}" for name in LIGHT]
    for room in LIGHT_ROOMS:
        names += [dotted(file) for file in sorted((ROOT / "ablate" / room).rglob("*.py"))]
    return names


def test_modules_are_named_for_what_they_hold():
    junk = [
        relative(file)
        for file in (*PROGRAM, *TESTS)
        for part in file.relative_to(ROOT).with_suffix("").parts
        if part.removeprefix("test_") in JUNK_DRAWERS
    ]

    assert junk == []


def test_modules_say_what_they_are():
    silent = [
        relative(file)
        for file in PROGRAM
        if not ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    ]

    assert silent == []


def test_every_room_is_a_package():
    rooms = {file.parent for file in PROGRAM if file.parent != ROOT / "hydra_plugins"}

    assert [relative(room) for room in sorted(rooms) if not (room / "__init__.py").is_file()] == []


def test_the_folder_that_all_plugins_of_hydra_share_is_no_package():
    # An __init__.py there would hide the plugins of every other distribution.
    assert not (ROOT / "hydra_plugins" / "__init__.py").exists()


def test_functions_are_under_40_lines():
    long = [
        f"{place} {name} has {lines_besides_docstring(function)} lines"
        for name, place, function in functions()
        if lines_besides_docstring(function) >= 40
    ]

    assert long == []


def test_functions_have_at_most_six_parameters():
    called_by_configuration = set(targets())
    wide = [
        f"{place} {name}"
        for name, place, function in functions()
        if len(positional(function)) + len(function.args.kwonlyargs) > 6
        and name not in called_by_configuration
    ]

    assert wide == []


def test_public_functions_take_keywords_after_the_second_parameter():
    loose = [
        f"{place} {name}({', '.join(positional(function))})"
        for name, place, function in functions()
        if not function.name.startswith("_") and len(positional(function)) > 2
    ]

    assert loose == []


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(light_modules(), id="what_a_plan_or_a_report_needs"),
        pytest.param(
            ["ablate.__main__", "ablate.runner.sweep", "ablate.tracking.progress"], id="doors"
        ),
    ],
)
def test_importing_leaves_out_keras_and_mlflow(names):
    program = f"""
import importlib, json, sys
blame = {{}}
for name in {names!r}:
    importlib.import_module(name)
    for heavy in {HEAVY!r}:
        if heavy in sys.modules:
            blame.setdefault(heavy, name)
print(json.dumps(blame))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {}


def test_no_test_is_retried():
    retried = [
        relative(file)
        for file in TESTS
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        for decorator in node.decorator_list
        if re.search(r"\b(flaky|retry|reruns)\b", ast.unparse(decorator))
    ]

    assert retried == []


def test_nothing_that_retries_tests_is_installed_with_them():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["project"]["optional-dependencies"]["test"]

    assert [name for name in packages if re.search("flaky|retry|rerun", name)] == []
    assert "rerun" not in project["tool"]["pytest"]["ini_options"]["addopts"]


def test_a_constraint_is_given_for_every_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *(item for extra in extras for item in extra)]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {canonical(line.partition("==")[0]) for line in lines if "==" in line}

    assert {canonical(re.match(r"[\w.-]+", item)[0]) for item in wanted} <= pinned


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()
