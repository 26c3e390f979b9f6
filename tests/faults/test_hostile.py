"""Hostile input: code that the user has not allowed, and names that contain code or paths."""

from __future__ import annotations

import csv
import dataclasses
import html
import json
import os
import re
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from pytest import param

from ablate.config.arguments import check_arguments
from ablate.config.hydra_errors import REQUEST_ERRORS
from ablate.config.variant import resolve_call
from ablate.errors import RequestError
from ablate.report.command import main as report
from ablate.store.folder import StudyFolder
from ablate.store.plan import Plan
from ablate.store.state import StudyState
from ablate.study.design import cells_of
from ablate.study.file import study_from_mapping
from ablate.study.result import Result, Status
from ablate.tracking.sync import main as sync
from tests.conftest import ACCURACY, ROOT, TINY, Command
from tests.faults.plan_requests import PRESENT, SMALL, refusal_of, write_study
from tests.report.test_browser import BROWSER, browse
from tests.store.written import COST, plan_of

INTRUDER = """
import pathlib
pathlib.Path({marker!r}).write_text("imported")

def run(*args, **options):
    pathlib.Path({marker!r}).write_text("called")

class Thing(dict):
    def __init__(self, *args, **options): run()
"""
THING = "{_target_: intruder.Thing}"
HANDLER = "{version: 1, handlers: {h: {class: intruder.Thing}}, root: {handlers: [h]}}"
FORMATTER = '{version: 1, formatters: {f: {"()": intruder.Thing}}}'
STREAM = (
    "{version: 1, handlers: {h: {class: logging.StreamHandler, stream: ext://intruder.run}}, "
    "root: {handlers: [h]}}"
)
BASIC = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory, with a module that leaves a file when it is imported or called."""
    marker = tmp_path / "marker"
    (tmp_path / "intruder.py").write_text(INTRUDER.format(marker=str(marker)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    assert "intruder" not in sys.modules
    assert not marker.exists()


@pytest.mark.parametrize(
    "argument",
    [
        "model._target_=intruder.run",
        "data._target_=intruder.run",
        "+recipe.more={_target_: intruder.run}",
        "+study.more={_target_: intruder.run}",
        "+model.layer={options: [{deep: {_target_: intruder.run}}]}",
        "study.responses=[{_target_: intruder.run}]",
        "+device={_target_: intruder.run}",
        "+other={_target_: intruder.run}",
        "model._target_=ablate.__main__.main",
        "model._target_=ablate.._x.y",
        "model._target_=kerasx.layers.Dense",
        "model._target_='keras\n.x'",
        "model._target_='${oc.decode:intruder.run}'",
        "hydra.launcher._target_=intruder.Thing",
        "+hydra.launcher.more={_target_: intruder.Thing}",
        "hydra.sweeper._target_=intruder.Thing",
        "+hydra.callbacks.c={_target_: intruder.Thing}",
        "hydra.job_logging={version: 1, handlers: {h: {class: intruder.Thing}}}",
        "+hydra.hydra_logging.formatters.f={'()': intruder.Thing}",
        "hydra.searchpath=[pkg://intruder]",
        "hydra.job.env_set={PYTHONPATH: /tmp}",
        "+hydra/callbacks=intruder",
    ],
)
def test_foreign_code_in_an_argument_is_not_imported(planted: Path, argument: str) -> None:
    with pytest.raises(REQUEST_ERRORS):
        check_arguments([argument])


IN_STUDIES = [
    param(f"hydra: {{callbacks: {{c: {THING}}}}}", id="callback"),
    param(f"hydra: {{job_logging: {HANDLER}}}", id="handler_of_the_log_of_jobs"),
    param(f"hydra: {{hydra_logging: {HANDLER}}}", id="handler_of_hydras_log"),
    param(f"hydra: {{hydra_logging: {FORMATTER}}}", id="formatter"),
    param(f"hydra: {{job_logging: {STREAM}}}", id="stream"),
    param(f"hydra: {{launcher: {THING}}}", id="launcher"),
    param(f"hydra: {{launcher: {{more: {THING}}}}}", id="within_the_launcher"),
    param(f"hydra: {{launcher: {{_target_: {BASIC}}}}}", id="another_launcher"),
    param("defaults: [override /hydra/launcher: basic]", id="launcher_by_its_name"),
    param("defaults: [override /hydra/sweeper: basic]", id="sweeper_by_its_name"),
    param("defaults: [override /hydra/job_logging: default]", id="log_by_its_name"),
    param(f"hydra: {{sweeper: {THING}}}", id="sweeper"),
    param("hydra: {sweeper: {params: {seed: 1}}}", id="swept_values"),
    param("hydra: {searchpath: [pkg://intruder]}", id="search_path"),
    param("hydra: {job: {env_set: {PYTHONSTARTUP: x}}}", id="environment"),
    param("hydra: {job: {env_copy: [NO_SUCH]}}", id="environment_copied"),
    param("hydra: {job: {chdir: true}}", id="change_of_folder"),
    param("hydra: {sweep: {dir: /tmp/elsewhere}}", id="folder_of_a_study"),
    param("hydra: {run: {dir: ../elsewhere}}", id="folder_of_a_run"),
    param("hydra: {output_subdir: ../elsewhere}", id="folder_of_hydra"),
    param("hydra: {overrides: {task: [seed=1]}}", id="overrides_slipped_in"),
    param("hydra: {overrides: {hydra: ['+hydra.callbacks.c=1']}}", id="hydra_overrides_slipped_in"),
    param("hydra: {verbose: true}", id="noise"),
    param("hydra: {mode: MULTIRUN}", id="mode"),
    param("unit: {cell: x, seeds: [0]}", id="unit"),
    param(f"other: {THING}", id="another_group"),
    param(f"study: {{more: {THING}}}", id="study"),
    param("data: {_target_: intruder.run}\nmodel: {_target_: intruder.run}", id="model_below"),
]


@pytest.mark.parametrize("content", IN_STUDIES)
def test_a_study_file_cannot_run_code_or_configure_hydra(planted: Path, content: str) -> None:
    study = f"study:\n{textwrap.indent(SMALL, '  ')}" if "study:" not in content else ""
    # Groups that are composed later would win over what a study says of them.
    write_study(planted, f"# @package _global_\n{content}\n{study}")
    later = ["+last=mine"] if "model:" in content else []
    if later:
        last = planted / "experiments" / "last" / "mine.yaml"
        last.parent.mkdir()
        last.write_text(f"# @package _global_\n{content}\n")
    with pytest.raises(REQUEST_ERRORS):
        check_arguments(["-m", "study=mine", *later])


@pytest.mark.parametrize(
    ("file", "content"),
    [
        param("config.yaml", "hydra: {searchpath: [pkg://intruder]}", id="root"),
        param("hydra/launcher/local.yaml", THING, id="launcher_of_the_same_name"),
        param(
            "hydra/launcher/local.yaml",
            f"_target_: {BASIC}\nmore: {THING}",
            id="within_a_launcher_of_the_same_name",
        ),
        param("hydra/sweeper/design.yaml", THING, id="sweeper_of_the_same_name"),
        param(
            "device/auto.yaml",
            f"# @package _global_\nhydra: {{callbacks: {{c: {THING}}}}}",
            id="group_of_the_same_name",
        ),
        param("model/convnet.yaml", "_target_: intruder.run", id="model_of_the_same_name"),
    ],
)
def test_files_that_replace_shipped_ones_are_checked(
    planted: Path, file: str, content: str
) -> None:
    place = planted / "experiments" / file
    place.parent.mkdir(parents=True)
    place.write_text(content)
    for arguments in ([], ["hydra/launcher=local"]):
        with pytest.raises(REQUEST_ERRORS):
            check_arguments(arguments)


@pytest.mark.parametrize(
    "group", ["study", "data", "augment", "model", "recipe", "device", "store", "report"]
)
@pytest.mark.parametrize("arguments", [["--multirun", "plan_only=true"], ["--cfg", "job"]], ids=str)
def test_no_file_allows_code(planted: Path, group: str, arguments: list[str]) -> None:
    file = planted / "experiments" / group / "mine.yaml"
    file.parent.mkdir(parents=True)
    calls = "data: {_target_: intruder.run}\nmodel: {_target_: intruder.run}"
    epochs = "recipe: {epochs: 1}" if group == "recipe" else ""  # which the default study sets
    file.write_text(f"# @package _global_\nallow: [intruder]\n{calls}\n{epochs}\n")
    with pytest.raises(REQUEST_ERRORS, match=r"add 'allow=\[intruder\]' to the command"):
        check_arguments([f"{group}=mine", *arguments])


@pytest.mark.parametrize(
    ("file", "content", "arguments"),
    [
        param("study/mine.yaml", f"data: mnist\ndata.download: true\n{SMALL}", [], id="study"),
        param(
            "study/mine.yaml",
            f"data: {{download: '${{seed}}'}}\n{SMALL}",
            ["data=mnist"],
            id="study_by_an_interpolation",
        ),
        param("data/mine.yaml", "defaults: [mnist]\ndownload: true\n", ["data=mine"], id="data"),
    ],
)
def test_no_file_asks_for_a_download(
    planted: Path, file: str, content: str, arguments: list[str]
) -> None:
    place = planted / "experiments" / file
    place.parent.mkdir(parents=True)
    place.write_text(content)
    chosen = "study=mine" if file.startswith("study") else "study=xyz"
    given = ["--multirun", chosen, "plan_only=true", *arguments]
    with pytest.raises(REQUEST_ERRORS, match=r"add data\.download=true to the command"):
        check_arguments(given)
    assert check_arguments([*given, "data.download=true"])


def test_the_command_plans_no_study_that_allows_its_code(ablate: Command, planted: Path) -> None:
    shell = "{_target_: subprocess.run, args: touch marker, shell: true}"
    study = textwrap.indent(SMALL, "  ")
    write_study(planted, f"# @package _global_\nallow: [subprocess]\nstudy:\n{study}")
    data = planted / "experiments" / "data" / "pets.yaml"
    data.parent.mkdir()
    data.write_text(f"# @package _global_\nallow: [subprocess]\ndata: {shell}\n")
    done = ablate(planted, "--multirun", "study=mine", "data=pets", "plan_only=true")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "add 'allow=[subprocess]' to the command, or set ABLATE_ALLOW=subprocess" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        param("model._target_=keras.saving.load_model", "inside ablate.models", id="loader"),
        param("data._target_=keras.datasets.imdb.load_data", "inside ablate.data", id="download"),
        param("data._target_=ablate.tracking.sync.main", "inside ablate.data;", id="command"),
        param(
            "data._target_=ablate.data.npz.Path", "comes from pathlib", id="what_a_module_imports"
        ),
    ],
)
def test_functions_that_make_no_data_and_no_model_are_refused(
    planted: Path, argument: str, message: str
) -> None:
    group, target = re.match(r"(\w+)\._target_=(.*)", argument).groups()
    with pytest.raises(RequestError, match=re.escape(message)):
        resolve_call({"_target_": target}, group, allow=())


@pytest.mark.parametrize("file", ["hydra/launcher/basic.yaml", "hydra/env/default.yaml"])
def test_no_file_sets_up_hydra(planted: Path, file: str) -> None:
    path = planted / "experiments" / file
    path.parent.mkdir(parents=True)
    path.write_text(f"_target_: {BASIC}\n")
    for arguments in (["hydra/launcher=basic"], [], ["-sc", "install=bash"], ["--hydra-help"]):
        with pytest.raises(RequestError, match="give hydra/launcher=NAME and "):
            check_arguments(arguments)


@pytest.mark.parametrize(("flag", "node"), [("--help", "help"), ("--hydra-help", "hydra_help")])
def test_no_file_changes_what_help_prints(planted: Path, flag: str, node: str) -> None:
    report = planted / "experiments" / "report" / "default.yaml"
    report.parent.mkdir(parents=True)
    report.write_text(f'# @package _global_\nhydra: {{{node}: {{template: "\\e]0;x\\a"}}}}\n')
    with pytest.raises(RequestError, match=f"Expected hydra.{node} of the program"):
        check_arguments([flag])


@pytest.mark.parametrize(
    "name", ["../../precious", "..", "/tmp/x", "a/b", "", "x" * 300, "a\nb", ".hidden"]
)
@pytest.mark.parametrize("command", [sync, report], ids=["sync", "report"])
def test_a_plan_from_elsewhere_leads_nowhere(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: Callable[[list[str]], None],
    name: str,
) -> None:
    folder = tmp_path / "work" / "here"
    (folder / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "id_rsa").write_text("secret")
    plan = plan_of().as_json()
    plan["study"]["name"] = name
    (folder / "runs" / "mine" / "plan.json").write_text(json.dumps(plan))
    monkeypatch.chdir(folder)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SystemExit) as ended:
        command(["study=mine"])
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_foreign_code_in_a_file_chosen_by_a_level_is_refused(planted: Path) -> None:
    for name, content in (
        ("direct", "_target_: intruder.run"),
        ("nested", "_target_: ablate.models.convnet.build\nmore: [{_target_: intruder.run}]"),
        ("global", f"# @package _global_\nhydra: {{job_logging: {HANDLER}}}"),
        ("allow", "# @package _global_\nallow: [intruder]\nmodel: {_target_: intruder.run}"),
    ):
        model = planted / "experiments" / "model" / f"{name}.yaml"
        model.parent.mkdir(parents=True, exist_ok=True)
        model.write_text(content)
        level = f"{{name: absent, overrides: [model={name}]}}"
        write_study(planted, f"factors: {{residual: {{levels: [{PRESENT}, {level}]}}}}\n")
        assert re.search("_target_|hydra.job_logging|'allow=", refusal_of("study=mine"))


@pytest.mark.parametrize("flags", [["-m"], ["--help"], ["--cfg", "all"], ["--info"]], ids=str)
def test_the_command_runs_no_callback_or_handler_of_a_file(
    ablate: Command, planted: Path, flags: list[str]
) -> None:
    nodes = f"callbacks: {{c: {THING}}}, hydra_logging: {HANDLER}"
    study = textwrap.indent(SMALL, "  ")
    write_study(planted, f"# @package _global_\nhydra: {{{nodes}}}\nstudy:\n{study}")
    done = ablate(planted, *flags, "study=mine")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Expected hydra.callbacks to stay {}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


HOSTILE = (
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    r"_%&#~^\{}$ \input{/etc/passwd} \write18{id}",
    "../../outside",
    "/tmp/outside",
    "line\nbreak",
    "😀 漢字",
    "x" * 300,
    '</style></svg><img src=x onerror=alert(2)>"',
    "[link](javascript:alert(3)) | `code`",
    "{{ 7 * 7 }} << 7 * 7 >>",
    "\u202eevil\x1b[31m",
)


def quoted(name: str) -> str:
    """A name as Hydra's grammar quotes it."""
    return "'" + re.sub(r"(\\*)'", lambda match: match[1] * 2 + r"\'", name) + "'"


@pytest.fixture(scope="module")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a report of results with hostile names."""
    folder = tmp_path_factory.mktemp("work") / "here"
    folder.mkdir()
    factors, response = HOSTILE[:3], "acc" + HOSTILE[0]
    with (folder / "r.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*factors, response, "seed", "status", "error"])
        for number, name in enumerate(HOSTILE[3:] * 4):
            levels = [name, HOSTILE[number % 5], HOSTILE[3 + number % 2]]
            lost = number == 5
            numbers = [0.5 + number / 100, number // 10, "failed" if lost else "complete"]
            writer.writerow([*levels, *numbers, HOSTILE[0] if lost else ""])
    before = Path.cwd()
    os.chdir(folder)
    names = ",".join(map(quoted, factors))
    try:
        with pytest.raises(SystemExit) as end:
            report(["runs=r.csv", f"factors=[{names}]", f"response={quoted(response)}"])
    finally:
        os.chdir(before)
    assert end.value.code == 1  # one run has failed
    return folder


def test_a_report_of_hostile_names_stays_in_its_folder(hostile_report: Path) -> None:
    assert sorted(path.name for path in hostile_report.iterdir()) == ["r.csv", "reports"]
    assert [path.name for path in hostile_report.parent.iterdir()] == ["here"]
    assert [path.name for path in (hostile_report / "reports").iterdir()] == ["r"]
    assert not Path("/tmp/outside").exists()


def test_a_hostile_name_is_no_latex_command(hostile_report: Path) -> None:
    text = (hostile_report / "reports" / "r" / "report.tex").read_text(encoding="utf-8")
    assert r"\textbackslash{}input" in text
    assert r"\input{/etc" not in text
    assert r"\write18" not in text


def test_a_hostile_name_is_no_spreadsheet_formula(hostile_report: Path) -> None:
    for name in ("runs.csv", "cells.csv", "effects.csv"):
        with (hostile_report / "reports" / "r" / name).open(newline="", encoding="utf-8") as file:
            for row in csv.reader(file):
                for field in row:
                    assert not field.startswith(("=", "@", "+", "\t", "\r"))
                    assert not field.startswith("-") or float(field) < 0


def test_a_hostile_name_is_no_markup_of_a_page(hostile_report: Path) -> None:
    page = (hostile_report / "reports" / "r" / "index.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<img src=x" not in page
    assert 'href="javascript:' not in page


@pytest.mark.skipif(not BROWSER, reason="needs Chromium")
def test_a_browser_runs_no_code_of_hostile_names(hostile_report: Path, tmp_path: Path) -> None:
    text = (hostile_report / "reports" / "r" / "index.html").read_text(encoding="utf-8")
    # Without its policy, so that it is the escaping that is tested; and one script that tells.
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    watch = "<script>window.alert = () => window.alerted = true</script>"
    tell = "<script>onload = () => document.title = 'alerted: ' + !!window.alerted</script>"
    page = tmp_path / "page.html"
    page.write_text(
        text.replace("<head>", f"<head>{watch}").replace("</body>", f"{tell}</body>"),
        encoding="utf-8",
    )
    built, _ = browse(page, tmp_path, 1200)
    assert "<title>alerted: false</title>" in built
    assert "alert(1)" in html.unescape(built)  # it is there, as text
    page.write_text(page.read_text("utf-8").replace("</body>", "<script>alert(1)</script></body>"))
    assert "<title>alerted: true</title>" in browse(page, tmp_path, 1200)[0]


def listening(process: psutil.Process) -> list[str]:
    """The inet sockets on which a process or one below it waits for others."""
    found = []
    for one in [process, *process.children(recursive=True)]:
        try:
            found += [
                f"{one.name()} at {connection.laddr}"
                for connection in one.net_connections("inet")
                if connection.status == psutil.CONN_LISTEN
            ]
        except psutil.Error:
            continue  # it has ended meanwhile
    return found


def test_no_process_opens_a_port_while_a_study_runs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ablate", "--multirun", *TINY, "study.replicates=1"]
    command.remove("study.replicates=2")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    found, looks = [], 0
    with psutil.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as study:
        output = tmp_path / "output"
        while study.poll() is None and looks < 2000:
            found += listening(study)
            looks += 1
            time.sleep(0.1)
        output.write_bytes(study.stdout.read())
    assert study.returncode == 0, output.read_text()
    assert found == []
    assert looks > 10
    assert json.loads((tmp_path / "reports" / "xyz" / "report.json").read_text())


def test_an_open_port_would_be_noticed() -> None:
    program = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); time.sleep(60)"
    with psutil.Popen([sys.executable, "-c", program]) as server:
        until = time.monotonic() + 20
        while not listening(server) and time.monotonic() < until:
            time.sleep(0.05)
        assert listening(server)
        server.kill()


def test_hostile_levels_stay_inside_the_folder_of_their_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "work" / "here"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    plan = hostile_plan()
    folder = StudyFolder(Path("runs") / plan.study.name)
    fill(folder, plan)
    state = StudyState.read(folder, plan)
    assert len(state.settled) == len(plan.cells)  # no two cells share a folder
    other = dataclasses.replace(plan, backend="jax")
    assert not state.with_plan(other).adopt().settled  # moves all results to superseded/
    places = {path.parent for path in tmp_path.rglob("result.json")}
    assert len(places) == len(plan.cells)
    assert all(place.is_relative_to(here / "runs" / "mine" / "superseded") for place in places)
    assert [path.name for path in here.iterdir()] == ["runs"]
    assert [path.name for path in (here / "runs").iterdir()] == ["mine"]
    assert [path.name for path in here.parent.iterdir()] == ["here"]
    assert not Path("/tmp/outside").exists()


def hostile_plan() -> Plan:
    """The plan of a study whose factors and levels have hostile names; all cells differ."""
    levels = [*HOSTILE, "..", ".", "a/b", "x,y=z", "~", "/tmp/outside/"]
    factors = {
        name: {"levels": [{"name": level} for level in levels]}
        for name in ("../../outside", "/tmp/outside")
    }
    study = study_from_mapping({"name": "mine", "factors": factors, "design": "leave_one_out"})
    plan = plan_of()
    cells = tuple(
        dataclasses.replace(
            plan.cells[0],
            cell=cell,
            seeds=(0,),
            variant=dataclasses.replace(plan.cells[0].variant, model={"_target_": "a.b", "n": n}),
        )
        for n, cell in enumerate(cells_of(study))
    )
    return dataclasses.replace(plan, study=study.judged_by([ACCURACY]), cells=cells)


def fill(folder: StudyFolder, plan: Plan) -> None:
    """Write a result for every run of a plan, as its worker would."""
    folder.write_plan(plan)
    for planned, run in plan.runs():
        fingerprint, slug = plan.fingerprint(planned, run.seed), planned.cell.slug
        run_folder = folder.run(slug, run.seed)
        run_folder.open("attempt", fingerprint=fingerprint)
        responses = {ACCURACY.name: 0.5}
        run_folder.commit(
            Result(slug, run.seed, fingerprint, Status.COMPLETE, responses=responses, cost=COST)
        )
