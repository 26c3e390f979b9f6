"""A file reads neither the environment nor the command line into what is recorded."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from pytest import param

from ablate.config.arguments import check_arguments
from ablate.wording import own_command
from tests.faults.plan_requests import SMALL, plan_request, refusal_of, write_study

SECRET = "hunter2"
STORE = f"store.uri=postgresql://bob:{SECRET}/x@db/runs"
READS = "Expected no file to read the environment"
HYDRA = "Expected ${hydra:...} to name"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and a secret in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOKEN", SECRET)
    monkeypatch.setattr(sys, "argv", ["ablate", STORE])
    return tmp_path


def question(text: str) -> str:
    return f"{SMALL}question: {json.dumps(text)}\n"


def level(override: str) -> str:
    return f"factors: {{a: {{one: {json.dumps(override)}, two: recipe.optimizer=adam}}}}\n"


IN_STUDIES = [
    param(question("${oc.env:TOKEN}"), READS, id="question"),
    param(question("${oc.env:'TOKEN'}"), READS, id="quoted"),
    param(question("a ${oc.env:TOKEN} b"), READS, id="within_a_text"),
    param(question("${oc.env:NO_SUCH,x}"), READS, id="default"),
    param(question("${oc.env:${study.name}}"), READS, id="computed_name"),
    param(question('${oc.decode:"${oc.env:TOKEN}"}'), READS, id="decoded"),
    param(question("${oc.create:{a: '${oc.env:TOKEN}'}}"), READS, id="created"),
    param(question("${oc.select:x,${oc.env:TOKEN}}"), READS, id="default_of_another"),
    param(question("${hydra:overrides.task}"), HYDRA, id="command_line"),
    param(question("${hydra:job.override_dirname}"), HYDRA, id="name_of_the_job"),
    param(question("${hydra:..store.uri}"), HYDRA, id="store_above_hydra"),
    param(question("${hydra:launcher}"), HYDRA, id="launcher"),
    param(SMALL + "name: ${oc.env:TOKEN}\n", READS, id="name"),
    param(SMALL + "name: ${store.uri}\n", "***", id="name_of_the_store"),
    param(SMALL + "margin: ${oc.decode:${oc.env:TOKEN}}\n", READS, id="margin"),
    param(level("recipe.optimizer=${oc.env:TOKEN}"), READS, id="level"),
    param(level(r"recipe.optimizer=\${oc.env:TOKEN}"), READS, id="escaped_in_a_level"),
    param("defaults: [{optional x: '${oc.env:TOKEN}'}]\n" + SMALL, READS, id="choice"),
    param("defaults: ['${oc.env:TOKEN}']\n" + SMALL, READS, id="default"),
]


@pytest.mark.parametrize(("content", "message"), IN_STUDIES)
def test_a_study_reads_no_secret(folder: Path, content: str, message: str) -> None:
    write_study(folder, content)
    line = refusal_of("study=mine", STORE)
    assert message in line
    assert SECRET not in line


@pytest.mark.parametrize(
    ("group", "file"),
    [
        ("model", "defaults: [convnet]\nconv: ${oc.env:TOKEN}\n"),
        ("data", "_target_: ablate.data.npz.load\npath: ${oc.env:TOKEN}\n"),
        ("recipe", "defaults: [default]\noptimizer: ${oc.env:TOKEN}\n"),
        ("device", "defaults: [auto]\nkind: ${oc.env:TOKEN}\n"),
        ("store", "defaults: [sqlite]\nuri: http://host/${oc.env:TOKEN}\n"),
        ("report", "defaults: [default]\ncolumns: ['${oc.env:TOKEN}']\n"),
    ],
)
def test_no_group_reads_a_secret(folder: Path, group: str, file: str) -> None:
    path = folder / "experiments" / group / "theirs.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(file)
    line = refusal_of(f"{group}=theirs")
    assert READS in line
    assert SECRET not in line


def test_a_refusal_names_what_reads_the_variable(folder: Path) -> None:
    write_study(folder, question("in ${oc.env:TOKEN}"))
    assert "add 'study.question=" in refusal_of("study=mine")
    write_study(folder, question("${oc.env:TOKEN}"))
    override = "study.question=${oc.env:TOKEN}"
    assert f"add '{override}' to the command" in refusal_of("study=mine")
    assert plan_request("study=mine", override).study.question == SECRET


@pytest.mark.parametrize("text", ["${store.uri}", "${oc.select:store.uri}", "see ${store.uri}"])
@pytest.mark.parametrize(
    "store",
    [STORE, "store.uri=postgresql://bob:${oc.env:TOKEN}@db/runs"],
    ids=["plain", "variable"],
)
def test_a_study_gets_a_store_without_its_password(folder: Path, text: str, store: str) -> None:
    write_study(folder, question(text))
    plan = plan_request("study=mine", store)
    assert "postgresql://***@db/runs" in plan.study.question
    assert SECRET not in json.dumps(plan.as_json()) + own_command()


def test_a_variable_for_one_key_is_for_no_other(folder: Path) -> None:
    write_study(folder, question("${oc.env:TOKEN}"))
    assert READS in refusal_of("study=mine", "store.uri=http://bob:${oc.env:TOKEN}@host")


def test_a_study_may_read_choices_and_the_working_directory(folder: Path) -> None:
    write_study(folder, question("${hydra:runtime.choices.data} in ${hydra:runtime.cwd}"))
    assert plan_request("study=mine").study.question == f"digits in {folder}"


def test_a_file_prints_nothing(folder: Path, recwarn: pytest.WarningsRecorder) -> None:
    write_study(folder, question("${oc.deprecated:study.name,'\x1b]0;x\x07'}"))
    check_arguments(["-m", "study=mine"])
    assert not recwarn.list
