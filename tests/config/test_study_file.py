"""A study file chooses model, data and recipe as the command line would, which takes precedence."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from pytest import param

from ablate.config.arguments import check_arguments
from ablate.config.variant import Variant
from ablate.errors import RequestError
from ablate.wording import own_command
from tests.faults.plan_requests import plan_request, refusal_of, write_study

FACTORS = "factors: {wide: model.wide}\n"
SGD = "{_target_: keras.optimizers.SGD, momentum: 0.5}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a model of one's own, which has a key that no other model has."""
    model = tmp_path / "experiments" / "model" / "mine.yaml"
    model.parent.mkdir(parents=True)
    model.write_text("defaults: [convnet]\nwide: true\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def variant_of(folder: Path, content: str, *arguments: str) -> Variant:
    write_study(folder, FACTORS + content)
    return plan_request("study=mine", *arguments).cells[0].variant


@pytest.mark.parametrize(
    ("content", "arguments", "expected"),
    [
        param("", ["model=mine"], {"model.filters": [24, 48, 96]}, id="nothing"),
        param("model: mine", [], {"model.wide": True}, id="choice"),
        param(
            "model: mine\ndata: {split_seed: 3}\nrecipe: {epochs: 2, label_smoothing: 0.5}",
            [],
            {"data.split_seed": 3, "recipe.epochs": 2, "recipe.label_smoothing": 0.5},
            id="keys",
        ),
        param("model: mine\nmodel.filters: [4, 8]", [], {"model.filters": [4, 8]}, id="dotted"),
        param("model: mine\ndata:\nrecipe:", [], {"data.split_seed": 0}, id="empty_groups"),
        param(
            f"model: mine\nrecipe: {{optimizer: {SGD}}}",
            ["recipe.optimizer.momentum=0.9"],
            {"recipe.optimizer": {"_target_": "keras.optimizers.SGD", "momentum": 0.9}},
            id="command_line_changes_a_part",
        ),
        param(
            f"model: mine\nrecipe: {{optimizer: {SGD}, epochs: 2}}",
            ["recipe.optimizer={_target_: keras.optimizers.Adam}", "recipe.epochs=3"],
            {"recipe.optimizer": {"_target_": "keras.optimizers.Adam"}, "recipe.epochs": 3},
            id="command_line_gives_the_same_keys",
        ),
        param(
            "model: convnet\nmodel.conv: conv2d",
            ["model=mine"],
            {"model.conv": "separable"},
            id="command_line_makes_another_choice",
        ),
        param(
            "model: mine\nmodel.conv: conv2d",
            ["model=mine"],
            {"model.conv": "conv2d"},
            id="command_line_makes_the_same_choice",
        ),
        param(
            "model: {conv: conv2d}",
            ["model=mine"],
            {"model.conv": "conv2d"},
            id="command_line_makes_the_only_choice",
        ),
        param(
            "recipe: {epochs: 2}",
            ["model=mine", "model.filters=[4]"],
            {"model.filters": [4], "recipe.epochs": 2},
            id="other_groups",
        ),
        param(
            "model: mine\nrecipe: {epochs: 2}\nfull: {recipe.epochs: 9, model.filters: [4]}",
            [],
            {"recipe.epochs": 2, "model.filters": [24, 48, 96]},
            id="small_size",
        ),
        param(
            "model: mine\nrecipe: {epochs: 2}\nfull: {recipe.epochs: 9, model.filters: [4]}",
            ["+size=full", "model.filters=[6]"],
            {"recipe.epochs": 9, "model.filters": [6]},
            id="full_size",
        ),
        param(
            "model: mine\nrecipe: {epochs: 2, batch_size: 8}\nrecipe.jit: true\n"
            "full: {recipe: {epochs: 9, jit: false}}",
            ["+size=full"],
            {"recipe.epochs": 9, "recipe.batch_size": 8, "recipe.jit": False},
            id="full_size_key_by_key",
        ),
        param(
            "model: convnet\nmodel.conv: conv2d\nmodel.filters: [4]\n"
            "full: {model: mine, model.filters: [8]}",
            ["+size=full"],
            {"model.wide": True, "model.conv": "separable", "model.filters": [8]},
            id="full_size_makes_another_choice",
        ),
        param("model: mine", ["+size=full"], "states its full size below `full`", id="no_size"),
        param(
            "model: mine\nfull: {replicates: 9}",
            ["+size=full"],
            "Expected keys of model, recipe",
            id="full_size_of_the_study",
        ),
        param(
            "model: mine", ["model.wide_too=1"], "Unknown key 'model.wide_too'", id="unknown_key"
        ),
        param(
            "model: mine\nmodel.wide: true",
            [],
            "no override of model.wide, since factor 'wide' of study 'mine' switches it",
            id="key_of_a_level",
        ),
        param("model: nothing", [], "Unknown model 'nothing'. Known: convnet, mine", id="choice"),
        param(
            "model: ../mine",
            [],
            "as study.model; received '../mine'",
            id="choice_outside_the_folder",
        ),
        param("model: [mine]", [], "Expected study.model as one of the choices", id="list"),
        param("model: 3", [], "Expected study.model as one of the choices", id="number"),
        param("model: mine\nmodel.n: .nan", [], "as study.model.n; received nan", id="no_value"),
        param("model: mine\nmodel: {'a=b': 1}", [], "duplicate key model", id="twice"),
        param("model: {'a=b': 1}", [], "as study.model.a=b; received 1", id="no_key"),
        param("augment: mine", [], "Unknown augment 'mine'. Known: ", id="augmentation"),
        param("augmented: mine", [], "Unknown key study.augmented.", id="no_group"),
        *(
            param(f"{key}: x", [], f"Expected {key} on the command line", id=f"not_{key}")
            for key in ("allow", "store", "store.uri", "on_change", "device", "seed", "hydra")
        ),
    ],
)
def test_a_study_file_chooses_what_the_command_line_leaves_open(
    folder: Path, content: str, arguments: list[str], expected: dict[str, Any] | str
) -> None:
    if isinstance(expected, str):
        write_study(folder, f"{FACTORS}{content}\n")
        assert expected in refusal_of("study=mine", *arguments)
    else:
        settings = variant_of(folder, content, *arguments).settings()
        assert {key: settings[key] for key in expected} == expected


def test_runs_of_full_size_have_a_study_of_their_own(folder: Path) -> None:
    write_study(folder, f"{FACTORS}model: mine\nfull: {{recipe.epochs: 9}}\n")
    assert plan_request("study=mine", "+size=full").study.name == "mine_full"


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        param(
            "study/mine",
            "# @package _global_\nrecipe: {epochs: 2}\nstudy: {factors: {wide: model.wide}}",
            "Expected recipe in a study file without '# @package'",
            id="study",
        ),
        param(
            "model/mine",
            "# @package _global_\nmodel: {_target_: ablate.models.convnet.build, wide: true}\n"
            "recipe: {epochs: 2}",
            "Expected recipe in a study file without '# @package'",
            id="model",
        ),
        param(
            "study/mine",
            f"defaults: [override /model: mine]\n{FACTORS}",
            "Expected model: NAME in the study file, next to its factors; received",
            id="defaults",
        ),
    ],
)
def test_what_hydra_would_ignore_is_refused(
    folder: Path, file: str, content: str, message: str
) -> None:
    write_study(folder, FACTORS)
    (folder / "experiments" / f"{file}.yaml").write_text(f"{content}\n")
    assert message in refusal_of("study=mine", "model=mine")


@pytest.mark.parametrize(
    "value",
    ["null", "true", "1e-3", "a b", "{x}", "ü", "x=y", "'", '"', "\\", "a,b", "@", "~/x", "1", ""],
)
def test_text_in_a_study_file_is_the_text_of_the_variant(folder: Path, value: str) -> None:
    quoted = value.replace("'", "''")
    variant = variant_of(folder, f"model: mine\nmodel.norm: '{quoted}'\nmodel.conv: ['{quoted}']")
    assert (variant.model["norm"], variant.model["conv"]) == (value, [value])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        param("model: mine\nmodel.norm: ${oc.env:TOKEN}", "no file to read the env", id="secret"),
        param("model.norm: '${hydra:runtime.cwd} ${hydra:job}'\nmodel: mine", "${hydra:", id="h"),
        param("model: {_target_: os.system}", "'allow=[os]' to the command", id="target"),
        param("model: mine\nmodel.norm: {_target_: os.system}", "'allow=[os]'", id="nested"),
    ],
)
def test_a_study_file_decides_nothing_for_the_user(
    folder: Path, monkeypatch: pytest.MonkeyPatch, content: str, message: str
) -> None:
    monkeypatch.setenv("TOKEN", "s3cr3t")
    write_study(folder, FACTORS + content)
    line = refusal_of("study=mine")
    assert message in line
    assert "s3cr3t" not in line


def test_a_variable_that_the_command_names_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "hers")
    content, override = "model: mine\nmodel.norm: ${oc.env:TOKEN}", "model.norm=${oc.env:TOKEN}"
    write_study(folder, FACTORS + content)
    assert f"add '{override}' to the command" in refusal_of("study=mine")
    assert variant_of(folder, content, override).model["norm"] == "hers"


def test_a_study_file_gets_a_store_without_its_password(folder: Path) -> None:
    store = "store.uri=postgresql://bob:s3cr3t@db/runs"
    variant = variant_of(folder, "model: mine\nmodel.norm: ${store.uri}", store)
    assert variant.model["norm"] == "postgresql://***@db/runs"


def test_the_own_command_is_the_one_that_was_typed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(folder, f"{FACTORS}model: mine\nrecipe: {{epochs: 2}}\n")
    given = check_arguments(["--multirun", "study=mine"])
    assert given == ["--multirun", 'model="mine"', "recipe.epochs=2", "study=mine"]
    monkeypatch.setattr(sys, "argv", ["ablate", *given])
    assert own_command() == "python -m ablate --multirun study=mine"
    assert "Did you mean 'model.wide'?" in refusal_of("study=mine", "model.wid=1")


@pytest.mark.parametrize(
    "argument", ["study=mine", "study.replicates=3", "+study.x=1", "~study.question"]
)
def test_a_study_without_multirun_is_refused_with_the_command(folder: Path, argument: str) -> None:
    write_study(folder, f"{FACTORS}model: {{_target_: mymodel.build}}\n")
    with pytest.raises(RequestError, match=r"Write python -m ablate --multirun .*recipe.epochs=3"):
        check_arguments([argument, "recipe.epochs=3"])


def test_a_study_is_shown_without_multirun(folder: Path) -> None:
    write_study(folder, f"{FACTORS}model: mine\n")
    assert check_arguments(["study=mine", "--cfg", "job"])[0] == 'model="mine"'


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        param(FACTORS, [], "Unknown key 'model.wide' of study.factors.wide. Choose model=mine; in a"
              " study file, model: NAME.", id="switch"),
        param("factors: {a: {b: model.wide=true, c: model.wide=false}}", [],
              "Unknown key 'model.wide'. Choose model=mine;", id="level"),
        param("factors: {a: {b: data.path=a, c: data.path=b}}", [], "Choose data=cifar10, "
              "data=cifar100, data=fashion_mnist, ", id="level_of_data"),
        param(FACTORS, ["data.path=x"], "Unknown key 'data.path'. Choose data=", id="command_line"),
        param("factors: {a: model.wid}", ["model=mine"], "Did you mean 'model.wide'?", id="typo"),
    ],
)  # fmt: skip
def test_a_key_that_the_chosen_file_lacks_is_answered_with_those_that_have_it(
    folder: Path, content: str, arguments: list[str], message: str
) -> None:
    write_study(folder, content)
    assert message in refusal_of("study=mine", *arguments)
