"""A mistake in a request is refused in one line before anything is trained."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import numpy as np
import pytest
from pytest import param

from ablate.config.arguments import check_arguments
from ablate.config.hydra_errors import REQUEST_ERRORS, request_error_line
from ablate.planning.planner import overrides_of
from ablate.wording import AddedArgument
from tests.conftest import ROOT, Command
from tests.faults.plan_requests import ABSENT, PRESENT, SMALL, plan_request, refusal_of, write_study


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(*arguments: str) -> str:
    with pytest.raises(REQUEST_ERRORS) as refusal:
        check_arguments(arguments)
    return request_error_line(refusal.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        param(["--multi"], "Did you mean '--multirun'?", id="abbreviated_flag"),
        param(["--run"], "Unknown flag '--run'.", id="flag_of_hydra_without_effect"),
        param(["--config-dir=/tmp"], "Unknown flag", id="folder_of_configurations"),
        param(["-cd", "/tmp"], "Unknown flag '-cd'.", id="folder_of_configurations_in_short"),
        param(["--config-path", "/tmp"], "Unknown flag", id="path_of_configurations"),
        param(["--config-name=x"], "Unknown flag", id="name_of_configurations"),
        param(["--experimental-rerun=x.pickle"], "Unknown flag", id="pickle"),
        param(["--multirun=1"], "Unknown flag", id="value_for_a_flag_without"),
        param(["-mh"], "Unknown flag '-mh'.", id="flags_run_together"),
        param(["--"], "Unknown flag '--'.", id="two_dashes"),
        param(["-c"], "Known: all, hydra, job.", id="cfg_of_nothing"),
        param(["--cfg", "jobs"], "Did you mean 'job'?", id="cfg_of_something_else"),
        param(["--cfg=job", "-p", "modell"], "Did you mean 'model'?", id="package"),
        param(["--cfg=job", "-p", "model.no"], "Unknown --package 'model.no'", id="package_below"),
        param(["--cfg=job", "-p", "model.["], "Unknown --package", id="package_that_is_none"),
        param(["-i", "plugin"], "Did you mean 'plugins'?", id="info"),
        param(["--resolve"], "Expected --resolve with --cfg or --help", id="resolve_alone"),
        param(["--package=model"], "Expected --package with --cfg", id="package_alone"),
        param(["-m", "--cfg", "job"], "--multirun plan_only=true", id="cfg_of_a_study"),
        param(["-m", "--info"], "received --multirun and --info", id="two_commands"),
        param(["--hydra-help", "seed=1"], "Expected --hydra-help alone", id="hydra_help_and_more"),
        param(["--version", "-m"], "Expected --version alone; received --multirun", id="version"),
        param(["-sc", "install=csh"], "Unknown completion 'install=csh'.", id="unknown_shell"),
        param(["-sc", "query=bash"], "COMP_LINE", id="completion_asked_by_hand"),
        param(["seed"], "Expected key=value; received 'seed'", id="no_value"),
        param(["=1"], "without a key", id="no_key"),
        param([""], "Expected key=value; received ''", id="empty"),
        param(["a=b=c"], "Expected key=value; received 'a=b=c'", id="two_values"),
        param(["model.filters=[1"], "Expected key=value", id="open_bracket"),
        param(["model.filters=" + "[" * 900], "Expected key=value", id="many_open_brackets"),
        param(["seed=" + "9" * 5000], "Expected key=value", id="number_of_5000_digits"),
        param(["seed=\udcff"], "surrogates not allowed", id="bytes_that_are_no_text"),
        param(["seed=1,2"], "Expected one value for seed; received seed=1,2", id="swept"),
        param(["seed=range(3)"], "Expected one value for seed", id="swept_range"),
        param(["model=glob(*)"], "Expected one value for model", id="swept_choice"),
        param(["seed=1", "seed=2"], "Expected seed once", id="key_twice"),
        param(
            ["model.conv=a", "+model.conv=b"], "Expected model.conv once", id="key_twice_and_added"
        ),
        param(["model=[convnet]"], "Expected model=NAME", id="list_of_choices"),
        param(["model={a: 1}"], "Expected model=NAME", id="mapping_for_a_choice"),
        param(["study=null"], "Expected study=NAME", id="nothing_for_a_choice"),
        param(["study=../../x"], "without a path that leads out", id="choice_outside_the_folder"),
        param(["study@x=xyz"], "without '@'", id="group_moved"),
        param(["hydra.verbose=true"], "Of Hydra's own keys", id="hydra_key"),
        param(["+hydra.x=1"], "Of Hydra's own keys", id="added_hydra_key"),
        param(["~hydra/launcher"], "Of Hydra's own keys", id="launcher_taken_out"),
        param(["hydra/sweeper=basic"], "Of Hydra's own keys", id="sweeper"),
        param(["hydra.sweep.dir=/tmp"], "Of Hydra's own keys", id="folder_of_hydra"),
        param(["hydra.job.chdir=true"], "Of Hydra's own keys", id="change_of_folder"),
        param(["hydra/launcher=lokal"], "Did you mean 'local'?", id="launcher"),
        param(
            ["hydra.launcher.n_jobs=2"], "Unknown key 'hydra.launcher.n_jobs'.", id="launcher_key"
        ),
        param(["unit={cell: x}"], "Expected unit to be left", id="unit"),
        param(["model.conv=${nowhere}"], "Interpolation key 'nowhere' not found", id="no_target"),
        param(["model.conv=${model.conv}"], "Recursive interpolation", id="circle"),
        param(["model.conv=${oc.env:NO_SUCH}"], "NO_SUCH", id="no_such_variable"),
        param(
            ["device.patience_seconds=5"],
            "The key device.patience_seconds is now called device.heartbeat_timeout_seconds",
            id="renamed_key",
        ),
        param(["+device.patience_seconds=5"], "is now called", id="renamed_key_added"),
        param(["allow=os"], "Expected allow to be a list", id="allow_no_list"),
        param(["allow=[../x]"], "Expected allow to be a list", id="allow_a_path"),
    ],
)
def test_a_bad_argument_is_refused_before_hydra(arguments: list[str], message: str) -> None:
    line = refused(*arguments)
    assert message in line
    assert line.isprintable()
    assert len(line) <= 1100


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        param([], [], id="none"),
        param(["study=xyz", "-m", "seed=3"], ["--multirun", "study=xyz", "seed=3"], id="around"),
        param(["-c", "job", "seed=3"], ["seed=3", "--cfg", "job"], id="after_a_value"),
        param(["-i", "seed=3"], ["seed=3", "--info"], id="after_a_flag_without_its_value"),
        param(["--info=plugins"], ["--info", "plugins"], id="value_after_a_sign"),
        param(["hydra/launcher=basic"], ["hydra/launcher=basic"], id="launcher"),
        param(["-sc", "install=bash"], ["install=bash", "--shell-completion"], id="completion"),
        param(["allow=[their_models]"], ["allow=[their_models]"], id="allowed_package"),
        param(
            ["data=npz", "data.path=~/Bücher (1).npz"],
            ["data=npz", 'data.path="~/Bücher (1).npz"'],
            id="path_as_it_stands",
        ),
    ],
)
def test_valid_arguments_are_put_in_an_order_that_hydra_reads(
    arguments: list[str], expected: list[str]
) -> None:
    found = check_arguments(arguments)
    # The default study adds what it chooses for all of its cells.
    assert [word for word in found if not isinstance(word, AddedArgument)] == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        param(
            ["~model"], "Expected model to be a group of keys; received none", id="group_taken_out"
        ),
        param(["~seed"], "Expected the key seed", id="key_taken_out"),
        param(["~allow"], "Expected the key allow", id="allow_taken_out"),
        param(["~device.kind"], "Expected device.kind", id="key_of_a_group_taken_out"),
        param(["~store.uri"], "Expected store.uri", id="store_taken_out"),
        param(["~study.factors"], "Expected study.factors", id="factors_taken_out"),
        param(["~model._target_"], "package.module.name", id="function_taken_out"),
        param(["+recipe.epoch=1"], "Did you mean 'epochs'?", id="added_key"),
        param(["recipe.epochs=-1"], "received -1", id="negative"),
        param(["recipe.epochs=1.5"], "received 1.5", id="half_an_epoch"),
        param(["recipe.epochs=99999999999"], "below 2**31", id="too_many_epochs"),
        param(["recipe.learning_rate=inf"], "received inf", id="infinite"),
        param(["recipe.learning_rate=1e400"], "received inf", id="beyond_floats"),
        param(["recipe.optimizer=[adam]"], "Unknown recipe.optimizer", id="list_for_a_word"),
        param(["model.norm_momentum=nan"], "norm_momentum to be finite", id="no_number"),
        param(["recipe.jit=maybe"], "true or false; received 'maybe'", id="no_truth_value"),
        param(["plan_only=maybe"], "Expected plan_only to be true or false", id="plan_only"),
        param(["seed=-1"], "Expected seed to be a whole number", id="negative_seed"),
        param(["device.workers=0"], "device.workers", id="no_workers"),
        param(["report.interactions=two"], "whole number of 2 or more", id="interactions"),
        param(["study.replicates=1e9"], "whole number of 1 or more", id="no_whole_number"),
        param(["study.replicates=1000000000"], "at most 100,000 runs", id="too_many_replicates"),
        param(["study.replicates=99999999999999999999"], "below 2**63", id="beyond_64_bits"),
        param(["study.margin=nan"], "a number above 0", id="margin_no_number"),
        param(["study.margin=inf"], "a number above 0", id="margin_infinite"),
        param(["study.margin=1e308"], "a number above 0", id="margin_beyond_reason"),
        param(["study.name='a\nb'"], "names folders", id="name_of_two_lines"),
        param(["study.name=" + "x" * 300], "names folders", id="name_of_300_letters"),
        param(["study.name=single"], "a study.name other than", id="name_of_the_single_runs"),
        param(["device.heartbeat_timeout_seconds=1e7"], "at most 1000000", id="endless_timeout"),
        param(["model._target_=sys.exit", "allow=[sys]"], "Cannot find the code", id="no_code"),
        param(["study.name=😀"], "Expected key=value", id="name_of_a_smile"),
    ],
)
def test_an_impossible_value_is_refused(arguments: list[str], message: str) -> None:
    assert message in refusal_of(*arguments)


def levels(*nodes: str) -> str:
    return f"factors: {{residual: {{levels: [{', '.join(nodes)}]}}}}\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        param("factors:\n\t- x", "'\\t' that cannot start any token", id="tab"),
        param("factors: {residual: [", "line 1", id="open_brackets"),
        param("- a\n- b\n", "Cannot merge", id="list_for_a_file"),
        param("hello", "Unknown key study.hello.", id="word_for_a_file"),
        param("", "Expected study.factors", id="empty"),
        param(b"question: \xff\xfe", "utf-8", id="no_text"),
        param("factors: \0", "special characters are not allowed", id="zero_byte"),
        param(SMALL + 'question: "\\ud800"', "UTF-8", id="half_a_letter"),
        param("factors: []", "Expected study.factors; received nothing", id="no_factors"),
        param("factors: [a]", "received list", id="list_of_factors"),
        param("factors: {a: {levels: {b: 1}}}", "to be a list", id="mapping_of_levels"),
        param("factors: {a: {levels: [[b]]}}", "Expected each level", id="list_for_a_level"),
        param("factors: {a: {}}", "{levels: [...]}", id="factor_without_levels"),
        param(levels("{name: yes}", ABSENT), "received True", id="level_called_yes"),
        param(
            levels("{name: 'off'}", ABSENT), "truth value; received 'off'", id="level_called_off"
        ),
        param(levels("{name: 3}", ABSENT), "Expected a word", id="level_called_3"),
        param(levels(PRESENT, PRESENT), "distinct levels", id="level_twice"),
        param("factors: {a: model.norm}", "model.norm is 'before_activation'", id="no_switch"),
        param(
            "factors: {a: model.residul}", "Did you mean 'model.residual'?", id="switch_misspelt"
        ),
        param("factors: {a: seed}", "a key that is true or false", id="switch_of_seed"),
        param("factors: {a: {on: model.residual=true}}", "received True", id="unquoted_on"),
        param("factors: {a: {p: model.residual}}", "for level 'p'", id="level_without_a_value"),
        param("factors: {a: {p: model.residual=true}}", "distinct levels", id="one_level"),
        param(
            levels(PRESENT, "{name: a, overrides: model.residual=false}"),
            "to be a list",
            id="overrides_no_list",
        ),
        param(
            levels(PRESENT, "{name: a, overrides: [model.residual: false]}"),
            "as text, key=value",
            id="override_a_mapping",
        ),
        param(SMALL + SMALL, "duplicate key factors", id="key_twice"),
        param("factors: &all {residual: *all}", "endless", id="anchor_within_itself"),
        param("factors: " + "[" * 600 + "]" * 600, "very deep nesting", id="deep"),
        param(SMALL + "replicates: 1000000000", "at most 100,000 runs", id="many_replicates"),
        param(
            SMALL + "replicates: {min: 2, max: 1000000000}",
            "at most 100,000 runs",
            id="many_adaptive_replicates",
        ),
        param(SMALL + "replicates: 0x" + "f" * 5000, "below 2**63", id="number_of_5000_digits"),
        param(SMALL + "replicates: .inf", "received inf", id="infinite_replicates"),
        param(SMALL + "replicates: '3'", "received '3'", id="number_in_quotes"),
        param(SMALL + "margin: .nan", "received nan", id="margin_no_number"),
        param(SMALL + "design: fool_factorial", "Did you mean 'full_factorial'?", id="design"),
        param(SMALL + "design: [pairs]", "Expected study.design to be text", id="design_a_list"),
        param(SMALL + "question: 5", "Expected study.question to be text", id="question_a_number"),
        param(SMALL + "name: 5", "Expected study.name to be text", id="name_a_number"),
        param(SMALL + "name: ../../x", "names folders", id="name_outside"),
        param(SMALL + "responses: [[a]]", "a response as its name", id="response_a_list"),
        param(
            SMALL + "responses: [{direction: higher}]",
            "Expected a response as",
            id="response_without_name",
        ),
        param(SMALL + "responses: [test_acc]", "Did you mean 'test_accuracy'?", id="response"),
        param(SMALL + "responses: []", "received an empty list", id="no_responses"),
        param(SMALL + "responses: [test_loss, test_loss]", "twice", id="response_twice"),
        param(SMALL + "controls: [[a]]", "Unknown control", id="control_a_list"),
        param(SMALL + "replicate: 3", "Did you mean 'replicates'?", id="unknown_key"),
        param(SMALL + "defaults: [x]", "Could not load 'study/x'", id="unknown_default"),
        param(SMALL + "question: ${study.question}", "Recursive interpolation", id="circle"),
        param(SMALL + "question: '${'", "no viable alternative", id="open_interpolation"),
        param(
            SMALL + "question: !!python/object/apply:os.getcwd []",
            "could not determine a constructor",
            id="python_in_yaml",
        ),
        param(SMALL + "question: !!binary aGVsbG8=", "Expected text, numbers", id="bytes"),
        param(SMALL + "question: !!set {a}", "not a supported primitive type", id="set"),
        param(
            SMALL + "design: cells\ncells: [{}, {residual: absnt}]",
            "Did you mean 'absent'?",
            id="cell_of_an_unknown_level",
        ),
        param(
            SMALL + "design: cells\ncells: [{}, {residul: absent}]",
            "Did you mean 'residual'?",
            id="cell_of_an_unknown_factor",
        ),
        param(
            SMALL + "design: cells\ncells: [{}, {residual: absent}, {residual: absent}]",
            "is listed twice",
            id="cell_twice",
        ),
        param(
            SMALL + "design: cells\ncells: {residual: absent}", "to be a list", id="cells_a_mapping"
        ),
        param(
            levels(PRESENT, "{name: absent}"), "compose to the same one", id="cells_that_are_one"
        ),
    ],
)
def test_a_bad_study_file_is_refused(
    empty_folder: Path, content: str | bytes, message: str
) -> None:
    write_study(empty_folder, content)
    assert message in refusal_of("study=mine")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        param("device.workers=2", "Give device.workers on the command line", id="workers"),
        param("seed=3", "Give seed on the command line", id="seed"),
        param("study.margin=1", "Give study.margin on the command line", id="margin"),
        param("store.uri=x", "Give store.uri", id="store"),
        param("allow=[os]", "Give allow", id="allow"),
        param("plan_only=true", "Give plan_only", id="plan_only"),
        param("hydra/launcher=basic", "Give hydra/launcher", id="launcher"),
        param("hydra/sweeper=basic", "Give hydra/sweeper", id="sweeper"),
        param("+hydra.x=1", "Give hydra.x", id="hydra"),
        param("model@device=convnet", "without '@'", id="group_moved"),
        param("model=nope", "Unknown model 'nope'", id="unknown_choice"),
        param("recipe=null", "Expected recipe=NAME", id="no_choice"),
        param("model.conv=conv2d,separable", "Expected one value for model.conv", id="swept"),
        param("model.residual", "Expected key=value", id="no_value"),
        param("", "Expected key=value", id="empty"),
        param("recipe.epochs=-1", "received -1", id="bad_value"),
        param("~model", "Expected model to be a group", id="group_taken_out"),
        param("data.download=true", "Expected no data.download", id="download"),
        param("model.filters=[99999999999999999999]", "below 2**63", id="large_number"),
    ],
)
def test_a_level_can_only_change_groups_of_a_variant(
    empty_folder: Path, override: str, message: str
) -> None:
    level = f"{{name: absent, overrides: [{json.dumps(override)}]}}"
    write_study(empty_folder, levels(PRESENT, level))
    assert message in refusal_of("study=mine")


def test_a_file_chosen_by_a_level_cannot_change_other_keys(empty_folder: Path) -> None:
    model = empty_folder / "experiments" / "model" / "hidden_seed.yaml"
    model.parent.mkdir(parents=True)
    plain = textwrap.indent((ROOT / "conf" / "model" / "convnet.yaml").read_text(), "  ")
    model.write_text(f"# @package _global_\nseed: 5\nmodel:\n{plain}")
    write_study(empty_folder, levels(PRESENT, "{name: absent, overrides: [model=hidden_seed]}"))
    assert "seed changes with model=hidden_seed" in refusal_of("study=mine")


def test_too_many_combinations_of_factors_are_refused(empty_folder: Path) -> None:
    factor = "{levels: [{name: present}, {name: absent}]}"
    write_study(empty_folder, "factors:\n" + "".join(f"  f{n}: {factor}\n" for n in range(60)))
    assert "at most 8,192 cells" in refusal_of("study=mine")


def test_the_old_name_of_a_key_in_a_users_file_is_refused(empty_folder: Path) -> None:
    device = empty_folder / "experiments" / "device" / "mine.yaml"
    device.parent.mkdir(parents=True)
    device.write_text("defaults: [auto]\npatience_seconds: 60\n")
    message = "device.patience_seconds is now called device.heartbeat_timeout_seconds"
    assert message in refusal_of("device=mine")


@pytest.mark.parametrize("kind", ["folder", "link_to_itself"])
def test_a_study_path_that_is_no_file_is_unknown(empty_folder: Path, kind: str) -> None:
    place = empty_folder / "experiments" / "study" / "mine.yaml"
    place.parent.mkdir(parents=True)
    if kind == "folder":
        place.mkdir()
    else:
        place.symlink_to(place)
    assert "Unknown study 'mine'." in refusal_of("study=mine")


@pytest.mark.parametrize(
    "content",
    [
        param(SMALL, id="plain"),
        param("\ufeff" + SMALL, id="byte_order_mark"),
        param("factors: {residual: model.residual}", id="switch"),
        param(
            "factors: {norm: {before: model.norm=before_activation, none: model.norm=none}}",
            id="short_levels",
        ),
        param(SMALL + "replicates:\nmargin:\n", id="keys_left_empty"),
        param(
            "factors:\n  residual:\n    levels:\n    - &full {name: present, overrides: "
            "[model.residual=true]}\n    - {<<: *full, name: absent, overrides: "
            "[model.residual=false]}\n",
            id="anchors",
        ),
    ],
)
def test_a_valid_study_file_is_planned(empty_folder: Path, content: str) -> None:
    write_study(empty_folder, content)
    assert len(plan_request("study=mine").cells) == 2


THEIRS = """
from ablate.data import digits

def raises(*, split_seed=0):
    raise RuntimeError("no images\\ntoday")

def leaves(*, split_seed=0):
    raise SystemExit(3)

def nothing(*, split_seed=0):
    return None

def two(one, other):
    return digits.load()

class Loader:
    def __init__(self, *, split_seed=0): pass

load = digits.load
"""


@pytest.mark.parametrize(
    ("target", "message"),
    [
        param(
            "raises",
            "theirs.raises failed with RuntimeError: no images today (theirs.py, line",
            id="raises",
        ),
        param("leaves", "theirs.leaves failed with SystemExit: 3", id="leaves"),
        param("nothing", "received NoneType", id="nothing"),
        param("two", "Expected data._target_ to be a function of (*, options)", id="needs_more"),
        param("Loader", "received the class 'theirs.Loader'", id="class"),
        param("no_such", "theirs has no callable 'no_such'", id="no_such_name"),
        param("load", "", id="valid"),
    ],
)
def test_an_error_of_a_users_loader_is_one_line(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch, target: str, message: str
) -> None:
    (empty_folder / "theirs.py").write_text(THEIRS)
    monkeypatch.syspath_prepend(str(empty_folder))
    line = refusal_of(f"data._target_=theirs.{target}", "allow=[theirs]")
    assert message in line if message else line == ""


def test_levels_with_two_paths_to_equal_images_are_refused(empty_folder: Path) -> None:
    y = np.arange(60) % 2
    x = np.random.default_rng(0).random((60, 8, 8, 1), dtype=np.float32)
    np.savez(empty_folder / "a.npz", x_train=x, y_train=y, x_test=x[:10] / 2, y_test=y[:10])
    write_study(
        empty_folder,
        "factors: {images: {levels: [{name: here, overrides: [data.path=a.npz]}, "
        "{name: there, overrides: [data.path=./a.npz]}]}}",
    )
    line = refusal_of("study=mine", "data=npz")
    assert "images=here and images=there compose to the same one" in line


def test_paths_are_taken_as_they_stand_in_levels_and_arguments(empty_folder: Path) -> None:
    y = np.arange(60) % 2
    x = np.random.default_rng(0).random((60, 8, 8, 1), dtype=np.float32)
    for number, name in enumerate(("photos (1).npz", "epoch=3, größe.npz")):
        own = {"x_train": x / (1 + number), "y_train": y, "x_test": x[:10], "y_test": y[:10]}
        np.savez(empty_folder / name, **own)
    write_study(
        empty_folder,
        "factors: {images: {levels: [{name: here, overrides: ['data.path=photos (1).npz']}, "
        "{name: there, overrides: ['data.path=epoch=3, größe.npz']}]}}",
    )
    plan = plan_request("study=mine", "data=npz")
    paths = [planned.variant.data["path"] for planned in plan.cells]
    assert paths == ["photos (1).npz", "epoch=3, größe.npz"]
    assert overrides_of(plan.study, plan.cells[1].cell) == ['data.path="epoch=3, größe.npz"']
    write_study(empty_folder, SMALL)
    (planned, _) = plan_request("study=mine", "data=npz", "data.path=photos (1).npz").cells
    assert planned.variant.data["path"] == "photos (1).npz"


@pytest.mark.parametrize("fault", ["def load(:", "1 / 0", "raise SystemExit", "import no_such"])
def test_an_import_error_of_a_users_module_is_one_line(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    (empty_folder / "faulty.py").write_text(fault)
    monkeypatch.syspath_prepend(str(empty_folder))
    line = refusal_of("data._target_=faulty.load", "allow=[faulty]")
    assert "Cannot import 'faulty'" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        param(["--multi"], "Did you mean '--multirun'?", id="flag"),
        param(["--multirun", "--cfg", "job"], "plan_only=true", id="cfg_of_a_study"),
        param(["--multirun", "+study.margn=1"], "Did you mean 'margin'?", id="added_key"),
        param(["recipe.epochs=1,2"], "Expected one value for recipe.epochs", id="swept_run"),
        param(["recipe.epochs=nan"], "received nan", id="value_of_a_run"),
        param(["~recipe"], "Expected the key recipe", id="group_taken_out_of_a_run"),
        param(["unit=3"], "Expected unit to be left", id="unit"),
        param(["-m", "study.replicates=1000000000"], "at most 100,000 runs", id="too_many"),
        param(
            ["-m", "study.name='a\x1b[31m\nb'"], "names folders", id="letters_that_steer_a_terminal"
        ),
    ],
)
def test_the_command_refuses_with_one_line_and_code_2(
    ablate: Command, empty_folder: Path, arguments: list[str], message: str
) -> None:
    done = ablate(empty_folder, *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.strip("\n").isprintable()
    assert done.stdout == ""
    assert not [path for path in empty_folder.rglob("*.json*") if path.is_file()]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        param(["seed=3", "--help"], "python -m ablate --multirun", id="help"),
        param(["--cfg", "job", "-p", "recipe", "recipe.epochs=3"], "epochs: 3", id="cfg"),
        param(["-sc", "install=bash"], "hydra_bash_completion", id="completion"),
    ],
)
def test_flags_of_hydra_that_only_print_still_work(
    ablate: Command, empty_folder: Path, arguments: list[str], expected: str
) -> None:
    done = ablate(empty_folder, *arguments)
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout
    assert list(empty_folder.iterdir()) == []
