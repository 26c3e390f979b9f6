"""What a few lines of YAML stand for is counted before anything expands it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from pytest import param

from ablate.config.arguments import check_arguments
from ablate.config.bounds import MOST_BYTES, check_interpolations, check_own_files
from ablate.config.overrides import parse_override
from ablate.config.request import content_of
from ablate.errors import RequestError
from tests.faults.plan_requests import SMALL, write_study


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def bomb(levels: int) -> str:
    """A study whose aliases stand for 9 to the power of `levels` values."""
    lines = [SMALL, "a0: &a0 [1]"]
    for level in range(1, levels + 1):
        aliases = ", ".join([f"*a{level - 1}"] * 9)
        lines.append(f"a{level}: &a{level} [{aliases}]")
    return "\n".join(lines)


@pytest.mark.parametrize("levels", [5, 9, 40])
def test_aliases_that_expand_without_measure_are_refused(folder: Path, levels: int) -> None:
    write_study(folder, bomb(levels))
    with pytest.raises(RequestError, match=r"at most 20,000 values in experiments/study/mine\.y"):
        check_arguments(["-m", "study=mine"])


def test_aliases_of_a_usual_study_are_read(folder: Path) -> None:
    write_study(folder, f"question: &q Why?\nname: *q\n{bomb(2)}")
    check_own_files(Path("experiments"))


def test_aliases_behind_a_link_to_a_folder_are_found(folder: Path) -> None:
    write_study(folder, bomb(9))
    (folder / "experiments" / "study").rename(folder / "elsewhere")
    (folder / "experiments" / "study").symlink_to(folder / "elsewhere")
    (folder / "elsewhere" / "above").symlink_to(folder / "experiments")
    with pytest.raises(RequestError, match="its aliases expand to"):
        check_own_files(Path("experiments"))


@pytest.mark.parametrize("content", ["a: &a [*a]", "a: [&b, *c", "a: &a *a", "[" * 5000 + "&*"])
def test_malformed_files_are_left_to_hydra(folder: Path, content: str) -> None:
    write_study(folder, content)
    check_own_files(Path("experiments"))


@pytest.mark.parametrize("name", ["study/\x1b]0;x\x07a.yaml", "\x1b]0;x\x07/a.yaml"])
def test_a_name_that_steers_a_terminal_is_refused(folder: Path, name: str) -> None:
    file = folder / "experiments" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("")
    with pytest.raises(RequestError) as refused:
        check_own_files(Path("experiments"))
    assert "a terminal can show" in str(refused.value)
    assert str(refused.value).isprintable()


def test_a_pipe_for_a_study_file_is_refused_without_waiting(folder: Path) -> None:
    (folder / "experiments" / "study").mkdir(parents=True)
    os.mkfifo(folder / "experiments" / "study" / "mine.yaml")
    with pytest.raises(RequestError, match=r"mine\.yaml is a pipe"):
        check_arguments(["-m", "study=mine"])


def test_a_file_of_megabytes_is_refused(folder: Path) -> None:
    write_study(folder, SMALL + "#" * MOST_BYTES)
    with pytest.raises(RequestError, match="at most 2,000,000 bytes"):
        check_arguments(["-m", "study=mine"])


def chain(levels: int, link: str) -> dict[str, object]:
    """Keys that each refer several times to the one before; `link` has the name as {0}."""
    keys: dict[str, object] = {"k0": "x"}
    for level in range(1, levels + 1):
        keys[f"k{level}"] = link.format(f"k{level - 1}")
    return keys


DOUBLED = "${{{0}}}${{{0}}}"


@pytest.mark.parametrize(
    "content",
    [
        param(chain(40, DOUBLED), id="texts"),
        param({"study": chain(40, "${{study.{0}}}${{study.{0}}}")}, id="texts_below_a_key"),
        param({"study": chain(40, "${{.{0}}}${{.{0}}}")}, id="relative_keys"),
        param({"study": chain(40, "${{..study.{0}}}${{..study.{0}}}")}, id="keys_above"),
        param(chain(40, "${{oc.select:{0}}}${{oc.select:{0}}}"), id="selected"),
        param(chain(40, "${{oc.env:NO,${{{0}}}}}${{oc.env:NO,${{{0}}}}}"), id="defaults"),
        param({"k": "k0", **chain(40, "${{${{k}}}}${{${{k}}}}")}, id="computed_keys"),
        param(
            {
                "b0": [1] * 9,
                **{f"b{n}": [f"${{b{n - 1}}}"] * 9 for n in range(1, 9)},
            },
            id="lists",
        ),
    ],
)
def test_interpolations_that_expand_without_measure_are_refused(content: dict[str, object]) -> None:
    with pytest.raises(RequestError, match=r"Expected (interpolations|at most)"):
        content_of(OmegaConf.create(content))


@pytest.mark.parametrize(
    "content",
    [
        param({"a": "${a}"}, id="circle"),
        param({"a": "${b.c}", "b": {"c": "${a}"}}, id="longer_circle"),
        param({"a": "${b[0].c}", "b": [{"c": 1}], "d": "${a}${a}"}, id="index"),
        param({"a": {"b": "${.c}", "c": "${..d}"}, "d": "${oc.env:HOME}"}, id="relative"),
        param({"a": "${${b}}", "b": "c", "c": 1}, id="computed"),
        param({"a": "$ {b} \\${b} ${"}, id="none"),
        param(chain(5, DOUBLED), id="few"),
    ],
)
def test_usual_interpolations_are_left_to_hydra(content: dict[str, object]) -> None:
    check_interpolations(content)


def test_a_wide_node_is_counted_in_one_pass() -> None:
    wide = {f"k{number}": 1 for number in range(100_000)}
    with pytest.raises(RequestError, match="y expands to more"):
        check_interpolations({"x": wide, "y": "${x}"})


@pytest.mark.parametrize(
    "entry",
    [
        "../../out/b",
        "x/../../../out/b",
        "//tmp/out/b",
        "'${oc.decode:\"..\"}/../out/b'",
        "{/model: ../../out/b}",
        "{/model: [a, ../../out/b]}",
        "{override /model@x: ../../out/b}",
        "{optional ../out: b}",
        "{/: [tmp/out/b]}",
        "{override //out: b}",
        "{model: /tmp/out/b}",
        "{model: '${a:x}/b'}",
    ],
)
@pytest.mark.parametrize(
    "form", ["defaults: [{}]", 'x: &x {{"\\x64efaults": [{}]}}\n<<: *x'], ids=["plain", "merged"]
)
def test_a_path_in_a_defaults_list_is_refused(folder: Path, entry: str, form: str) -> None:
    write_study(folder, form.format(entry))
    with pytest.raises(RequestError, match=r"in the defaults list of experiments/study/mine\.y"):
        check_own_files(Path("experiments"))


def test_a_defaults_list_of_names_is_read(folder: Path) -> None:
    names = "_self_, x, /model/mine, y/z.v2, {/model: mine}, {optional a@b.c: '${model}'}"
    write_study(folder, f"defaults: [{names}, {{override /data: [a, b]}}, {{recipe: null}}]")
    check_own_files(Path("experiments"))


@pytest.mark.parametrize(
    ("study", "arguments"),
    [
        ("model: ../../out/bomb\n", []),
        ("data: //tmp/out/bomb\n", []),
        ("", ["model=../../out/bomb"]),
        ("", ["model=/tmp/out/bomb"]),
        ("", ["+model/x=../../out/bomb"]),
    ],
)
def test_a_choice_outside_of_its_group_is_refused_unread(
    folder: Path, study: str, arguments: list[str]
) -> None:
    write_study(folder, study + SMALL)
    (folder / "out").mkdir()
    (folder / "out" / "bomb.yaml").write_text(bomb(9))
    with pytest.raises(RequestError, match=r"received '.*out/bomb'"):
        check_arguments(["-m", "study=mine", *arguments])


def test_a_level_outside_of_its_group_is_refused() -> None:
    with pytest.raises(RequestError, match="without a path that leads out of it"):
        parse_override("model='../../out/bomb'")


def test_a_folder_that_cannot_be_listed_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(RequestError, match="Cannot list experiments: Permission denied"):
        check_own_files(Path("experiments"))
