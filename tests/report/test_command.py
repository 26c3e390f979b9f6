from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ablate.config.recipe import Recipe
from ablate.config.variant import Variant
from ablate.report import files
from ablate.report.command import main, parse_arguments
from ablate.report.results.arguments import request_of
from ablate.store.folder import StudyFolder
from ablate.store.plan import Plan, PlannedCell
from ablate.store.state import StudyState
from ablate.study.design import cells_of
from ablate.study.result import Cost, Result, Status
from ablate.study.study import Study
from tests.report.simulated import runs_of
from tests.store.written import DATASET, epoch_of


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def ended(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ending:
        main(list(arguments))
    code = ending.value.code
    assert isinstance(code, int)
    return code


def store(study: Study, *, diverged: bool = False) -> None:
    """Leave a study in `runs/` as if it had been trained."""
    cells = tuple(
        PlannedCell(
            cell,
            Variant({"_target_": "a.b"}, {}, Recipe(epochs=1)),
            dataset=DATASET.fingerprint,
            seeds=tuple(range(study.replicates)),
            parameters=10,
            macs=20,
        )
        for cell in cells_of(study)
    )
    plan = Plan(study, cells, {DATASET.fingerprint: DATASET}, "tensorflow", {"python": "3.11"})
    folder = StudyFolder(Path("runs") / study.name)
    StudyState.read(folder, plan).adopt()
    for index, (planned, run) in enumerate(plan.runs()):
        lost = diverged and index == 0
        run_folder = folder.run(planned.cell.slug, run.seed)
        run_folder.open("attempt", fingerprint=plan.fingerprint(planned, run.seed))
        run_folder.append(epoch_of(1))
        run_folder.commit(
            Result(
                planned.cell.slug,
                run.seed,
                plan.fingerprint(planned, run.seed),
                Status.DIVERGED if lost else Status.COMPLETE,
                {} if lost else {"test_accuracy": 0.9 + 0.001 * (index % 7)},
                None if lost else Cost(10, 20, 0.1, 0.1, 1000),
                error="loss was nan" if lost else "",
            )
        )


@pytest.fixture
def results(xyz: Study) -> list[str]:
    """Arguments for a CSV file in the working directory."""
    runs = runs_of(xyz, failing=False)
    Path("results.csv").write_text(files.runs_csv(xyz, runs), encoding="utf-8")
    return ["runs=results.csv", "factors=[residual,norm,separable]", "response=test_accuracy"]


@pytest.mark.parametrize(("diverged", "code"), [(False, 0), (True, 1)])
def test_a_stored_study_is_reported(
    xyz: Study, capsys: pytest.CaptureFixture[str], diverged: bool, code: int
) -> None:
    store(xyz, diverged=diverged)
    assert ended("study=xyz") == code
    page = Path("reports/xyz/index.html")
    assert "learning_curves" in page.read_text(encoding="utf-8")
    assert capsys.readouterr().out.endswith(f"Report: {page}\n")


def test_results_of_another_program_are_reported(
    results: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(*results, "seed=seed", "margin=0.005", "name=mine") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Keep norm")
    assert lines[-1] == "Report: reports/mine/index.html"
    text = Path("reports/mine/index.html").read_text(encoding="utf-8")
    assert "runs=results.csv" in text
    assert "0.50\u00a0points" in text


def test_a_full_model_that_was_guessed_is_named_first(
    results: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    table = Path("results.csv").read_text(encoding="utf-8")
    Path("results.csv").write_text(table.replace("present", "some"), encoding="utf-8")
    assert ended(*results) == 0
    assert capsys.readouterr().out.startswith("Full model: residual=some, norm=some")


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("results (1).csv", "results_1"),
        (
            "wandb_export_2024-05-01T12_07_34.123+02_00.csv",
            "wandb_export_2024-05-01T12_07_34.123_02_00",
        ),
        ("größe.csv", "grosse"),
        ("~=.csv", "results"),
        ("写真.csv", "results"),
    ],
)
def test_a_file_of_any_name_names_the_report(name: str, folder: str) -> None:
    values = parse_arguments([f"runs={name}", "factors=[a]", "response=b"])
    request = request_of(values)
    assert request.runs == name
    assert request.name == folder


def test_a_file_in_the_home_folder_is_read(
    results: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    Path("results.csv").rename("home/results (1).csv")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert ended("runs=~/results (1).csv", *results[1:]) == 0
    assert Path("reports/results_1/index.html").is_file()


def test_what_was_read_otherwise_than_it_stands_is_printed_first(
    results: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    table = Path("results.csv").read_text(encoding="utf-8")
    Path("results.csv").write_text(
        table.replace("test_accuracy", "value") + "parent,,,,\n", encoding="utf-8"
    )
    assert ended(*results[:2], "response=value", "direction=higher") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("1 row of results.csv without levels left out: row ")
    assert "without levels left out" in Path("reports/results/report.md").read_text()


def test_a_report_without_a_name_is_named_after_its_file(results: list[str]) -> None:
    assert ended(*results) == 0
    assert Path("reports/results/index.html").is_file()


def test_interactions_of_three_parts_are_optional(xyz: Study) -> None:
    store(xyz)
    assert ended("study=xyz", "interactions=3") == 0
    assert "\nresidual:norm:separable,interaction," in Path("reports/xyz/effects.csv").read_text()


def test_runs_csv_of_a_study_gives_the_same_effects(xyz: Study) -> None:
    store(xyz)
    assert ended("study=xyz") == 0
    own = Path("reports/xyz")
    assert (
        ended(
            f"runs={own / 'runs.csv'}",
            "factors=[residual,norm,separable]",
            "response=test_accuracy",
            "seed=seed",
            "name=again",
        )
        == 0
    )
    again = Path("reports/again")
    assert (again / "effects.csv").read_bytes() == (own / "effects.csv").read_bytes()
    assert (again / "cells.csv").read_bytes() == (own / "cells.csv").read_bytes()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"response": "response=test_acuracy"}, "Did you mean 'test_accuracy'?"),
        ({"runs": "runs=nothing.csv"}, "No file nothing.csv."),
        ({"x": "respons=a"}, "Did you mean 'response'?"),
        ({"x": "interactions=1"}, "Expected interactions to be a whole number of 2 or more"),
        ({"x": "margin=0"}, "Expected margin to be a number above 0"),
        ({"x": "margin=-0.1"}, "Expected margin to be a number above 0"),
        ({"x": "margin=nan"}, "Expected margin to be a number above 0"),
        ({"x": "margin=1"}, "Expected a margin below 1, since test_accuracy is a fraction; rec"),
        ({"x": "margin=tiny"}, "Expected margin to be a number above 0"),
        ({"x": "interactions=4"}, "Expected interactions of at most 3, since the study has 3"),
        ({"x": "chance=0.999"}, "or less, the highest test_accuracy of the runs; received 0.999."),
        ({"x": "chance=10"}, "below 1, since test_accuracy is a fraction; received 10. Nearest"),
        ({"x": "chance=-0.1"}, "Expected chance to be the response of a model that guesses"),
        ({"x": "chance=no"}, "Expected chance to be the response of a model that guesses"),
        ({"x": "direction=up"}, "Expected direction=higher or direction=lower"),
        ({"x": "reference={nrm: absent}"}, "Did you mean 'norm'?"),
        ({"x": "reference={norm: abset}"}, "Did you mean 'absent'?"),
        ({"x": "reference=absent"}, "Expected reference={factor: level}"),
        ({"x": "name=../mine"}, "Expected name of at most"),
        ({"x": "name=/etc/mine"}, "Expected name of at most"),
        ({"x": "name=.."}, "Expected name of at most"),
        ({"x": "name="}, "Expected name to be a word"),
        ({"x": "study=xyz"}, "Expected study=NAME alone"),
        ({"x": "+seed=seed"}, "Expected key=value with one value"),
        ({"x": "seed=a,b"}, "Expected key=value with one value"),
        ({"response": "response=Größe (%)"}, "no column 'Größe (%)'"),
        ({"factors": "factors=[größe]"}, "no column 'größe'"),
        ({"x": "seed"}, "Expected key=value"),
        ({"x": "runs=other.csv"}, "Expected runs once"),
        ({"factors": "factors=[]"}, "received none"),
        ({"factors": "name=mine"}, "Expected factors=..."),
    ],
)
def test_a_mistake_is_refused_in_one_line_with_code_2(
    results: list[str],
    changes: dict[str, str],
    expected: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = {argument.partition("=")[0]: argument for argument in results} | changes
    assert ended(*given.values()) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert shown.err.startswith("ablate: ")
    assert expected in shown.err
    assert not Path("reports").exists()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nothing", "No study 'nothing' in runs"),
        ("../xyz", "Expected study of at most"),
        ("..", "Expected study of at most"),
        ("a/b", "Expected study of at most"),
        ("single", "Expected a study; received 'single'"),
    ],
)
def test_a_missing_study_is_refused(
    xyz: Study, name: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store(xyz)
    assert ended(f"study={name}") == 2
    shown = capsys.readouterr()
    assert expected in shown.err
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize(("arguments", "code"), [((), 2), (("--help",), 0), (("-h",), 0)])
def test_usage_is_shown(
    arguments: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(*arguments) == code
    assert "python -m ablate.report study=NAME" in capsys.readouterr().out


def test_a_report_loads_no_deep_learning_library(results: list[str]) -> None:
    code = (
        "import sys\n"
        "from ablate.report.command import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit as ending:\n    assert ending.code == 0\n"
        "heavy = {'tensorflow', 'keras', 'jax', 'torch', 'mlflow'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    root = Path(__file__).resolve().parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", code, *results],
        capture_output=True, text=True, check=False, env={"PYTHONPATH": str(root)},
    )  # fmt: skip
    assert ran.stderr == ""
    assert ran.returncode == 0
