"""The rules of the layout (CONTRIBUTING.md) that no linter checks."""

import ast
import json
import re
import subprocess
import sys
import tomllib

import pytest
import yaml

from tests.conftest import ROOT

PROGRAM = sorted([*(ROOT / "ablate").rglob("*.py"), *(ROOT / "hydra_plugins").rglob("*.py")])
TESTS = sorted((ROOT / "tests").rglob("*.py"))
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "base", "core"}

LIGHT_MODULES = ("errors", "fields", "seeds", "wording")
LIGHT_PACKAGES = ("study", "config", "data", "store", "analysis", "report", "planning")
HEAVY = ("keras", "tensorflow", "jax", "mlflow")


def dotted(file):
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def relative(file):
    return str(file.relative_to(ROOT))


def syntax_of(file):
    return ast.parse(file.read_text(encoding="utf-8"))


def functions():
    """Every function of the program, with its full name, its position and its syntax."""
    for file in PROGRAM:
        for node in ast.walk(syntax_of(file)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{dotted(file)}.{node.name}", f"{relative(file)}:{node.lineno}", node


def lines_without_docstring(function):
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is None:
        return lines
    return lines - (function.body[0].end_lineno - function.body[0].lineno + 1)


def positional(function):
    names = [item.arg for item in (*function.args.posonlyargs, *function.args.args)]
    return [name for name in names if name not in ("self", "cls")]


def targets():
    """The functions that the configuration calls; a group may have any number of keys."""
    for file in (ROOT / "conf").rglob("*.yaml"):
        yield (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get("_target_")


def light_modules():
    names = [f"ablate.{name}" for name in LIGHT_MODULES]
    for package in LIGHT_PACKAGES:
        names += [dotted(file) for file in sorted((ROOT / "ablate" / package).rglob("*.py"))]
    return names


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_modules_are_named_for_what_they_hold():
    vague = [
        relative(file)
        for file in (*PROGRAM, *TESTS)
        for part in file.relative_to(ROOT).with_suffix("").parts
        if part.removeprefix("test_") in VAGUE
    ]

    assert vague == []


def test_every_module_has_a_docstring():
    assert [relative(file) for file in PROGRAM if not ast.get_docstring(syntax_of(file))] == []


def test_modules_are_under_400_lines():
    lengths = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in PROGRAM}

    assert [
        f"{relative(file)} has {lines}" for file, lines in lengths.items() if lines >= 400
    ] == []


def test_every_folder_of_modules_is_a_package():
    folders = {file.parent for file in PROGRAM if file.parent != ROOT / "hydra_plugins"}
    missing = [folder for folder in sorted(folders) if not (folder / "__init__.py").is_file()]

    assert [relative(folder) for folder in missing] == []


def test_a_package_states_its_purpose_and_limits():
    """Two sentences or more: what the package is for, and what it must not know."""
    short = [
        relative(file)
        for file in (ROOT / "ablate").glob("*/**/__init__.py")
        if len(re.findall(r"\.(?=\s|$)", ast.get_docstring(syntax_of(file)) or "")) < 2
    ]

    assert short == []


def test_the_file_of_a_package_holds_its_docstring_alone():
    filled = [
        relative(file)
        for file in (ROOT / "ablate").glob("*/**/__init__.py")
        if len(syntax_of(file).body) > 1
    ]

    assert filled == []


def test_every_package_has_its_layer():
    """import-linter checks it as well; this test names the missing line without running it."""
    (contract,) = [
        item for item in project()["tool"]["importlinter"]["contracts"] if item["type"] == "layers"
    ]
    layers = {name for line in contract["layers"] for name in re.findall(r"\w+", line)}
    entries = {path.stem for path in (ROOT / "ablate").iterdir() if path.suffix == ".py"}
    packages = {path.parent.name for path in (ROOT / "ablate").glob("*/__init__.py")}

    assert (entries | packages) - {"__init__"} - layers == set()


def test_the_shared_folder_of_hydra_plugins_is_no_package():
    # An __init__.py there would hide the plugins of all other distributions.
    assert not (ROOT / "hydra_plugins" / "__init__.py").exists()


def test_functions_are_under_40_lines():
    long = [
        f"{position} {name} has {lines_without_docstring(function)} lines"
        for name, position, function in functions()
        if lines_without_docstring(function) >= 40
    ]

    assert long == []


def test_functions_have_at_most_six_parameters():
    called_by_configuration = set(targets())
    wide = [
        f"{position} {name}"
        for name, position, function in functions()
        if len(positional(function)) + len(function.args.kwonlyargs) > 6
        and name not in called_by_configuration
    ]

    assert wide == []


def test_public_functions_take_keywords_after_the_second_parameter():
    loose = [
        f"{position} {name}({', '.join(positional(function))})"
        for name, position, function in functions()
        if not function.name.startswith("_") and len(positional(function)) > 2
    ]

    assert loose == []


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(light_modules(), id="what_a_plan_or_a_report_needs"),
        pytest.param(
            ["ablate.runner.command", "ablate.runner.sweep", "ablate.tracking.progress"],
            id="entry_points",
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


READERS = {
    "ablate/store/schema.py": "json.loads",
    "ablate/store/lock.py": "read_text",  # of /proc
    "ablate/store/identity.py": "read_bytes",  # of source code
    "ablate/workers/exits.py": "read_text",  # of /proc
    "ablate/planning/model_checks.py": "json.loads",  # of what a worker sends
    "ablate/training/callbacks.py": "json.loads",  # of a checkpoint, whose checksum fits
    "ablate/report/results/text_file.py": "read_bytes",  # of a user's file
}
"""Modules that read in a way of their own, with that way."""


def test_files_are_read_back_by_the_one_reader():
    """Folders, pipes, links and JSON that lies are damage with one line: `store/reader.py`."""
    pattern = re.compile(r"\b(json\.loads?|np\.load|read_text|read_bytes)\(")
    packages = ("api", "planning", "report", "runner", "store", "tracking", "training", "workers")
    found = {
        (relative(file), way)
        for name in packages
        for file in sorted((ROOT / "ablate" / name).rglob("*.py"))
        for way in pattern.findall(file.read_text(encoding="utf-8"))
    }

    assert found - set(READERS.items()) == set()


def test_no_test_is_retried():
    retried = [
        relative(file)
        for file in TESTS
        for node in ast.walk(syntax_of(file))
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        for decorator in node.decorator_list
        if re.search(r"\b(flaky|retry|reruns)\b", ast.unparse(decorator))
    ]

    assert retried == []


def test_no_plugin_that_retries_tests_is_installed():
    packages = project()["project"]["optional-dependencies"]["test"]

    assert [name for name in packages if re.search("flaky|retry|rerun", name)] == []
    assert "rerun" not in project()["tool"]["pytest"]["ini_options"]["addopts"]


def test_every_dependency_has_a_constraint():
    packages = project()["project"]
    extras = packages["optional-dependencies"].values()
    wanted = [*packages["dependencies"], *(item for extra in extras for item in extra)]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {canonical(line.partition("==")[0]) for line in lines if "==" in line}

    assert {canonical(re.match(r"[\w.-]+", item)[0]) for item in wanted} <= pinned


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()
