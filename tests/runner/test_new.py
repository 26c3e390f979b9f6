"""`python -m ablate.new NAME` writes files that train as they are."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest
from pytest import param

from ablate.runner.new import main
from tests.conftest import Command
from tests.faults.plan_requests import plan_request

FILES = ["mine.py", *(f"experiments/{group}/mine.yaml" for group in ("data", "model", "study"))]


def files_of(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_new_study_trains_as_it_is(ablate: Command, tmp_path: Path) -> None:
    wrote = ablate(tmp_path, "mine", module="ablate.new")
    assert wrote.returncode == 0, wrote.stderr
    assert "  python -m ablate --multirun study=mine 'allow=[mine]'\n" in wrote.stdout
    assert files_of(tmp_path) == sorted(FILES)
    small = ["study.replicates=1", "recipe.epochs=1"]
    done = ablate(tmp_path, "--multirun", "study=mine", "allow=[mine]", *small)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(pd.read_csv(tmp_path / "reports" / "mine" / "runs.csv")) == 4


def test_a_new_study_is_planned_as_its_file_explains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        main(["mine"])
    assert ended.value.code == 0
    study = tmp_path / "experiments" / "study" / "mine.yaml"
    assert "python -m ablate --multirun study=mine 'allow=[mine]'" in study.read_text()
    study.write_text(study.read_text().replace("#  width:", "  width:").replace("#    ", "    "))
    plan = plan_request("study=mine", "allow=[mine]")
    assert [factor.name for factor in plan.study.factors] == ["norm", "dropout", "width"]
    assert plan.cells[0].variant.settings()["model._target_"] == "mine.build"
    assert plan.cells[0].variant.recipe.epochs == 5
    sys.modules.pop("mine", None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        param(["Mine"], "the name of a Python module", id="capital"),
        param(["../mine"], "the name of a Python module", id="path"),
        param(["class"], "the name of a Python module", id="keyword"),
        param(["a", "b"], "Expected one name; received a b.", id="two"),
        param(["study=mine"], "the name of a Python module", id="key"),
        param(["keras"], "no installed package", id="package"),
        param(["json"], "no installed package", id="standard_library"),
        param(["single"], "no installed package", id="single_runs"),
        param(["xyz"], "a name that ablate does not use", id="shipped_study"),
        param(["digits"], "a name that ablate does not use", id="shipped_data"),
        param(["taken"], "experiments/study/taken.yaml exists", id="own_file"),
        param(["linked"], "linked.py exists", id="link_to_nothing"),
    ],
)
def test_a_name_that_is_taken_or_no_module_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments" / "study").mkdir(parents=True)
    (tmp_path / "experiments" / "study" / "taken.yaml").write_text("mine")
    (tmp_path / "linked.py").symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert files_of(tmp_path) == ["experiments/study/taken.yaml"]
