"""`import ablate`: a study is run, opened, and read as tables, figures and a page."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy
import pandas as pd
import pytest

import ablate
from ablate.data import digits
from ablate.data.images import Images
from ablate.report.cells import recommended_cells
from ablate.tasks.task import prepare
from tests.conftest import ROOT

SMALL = ["model.filters=[4,4]", "recipe.batch_size=256"]
SCRIPT = """
import ablate
try:
    ablate.run("xyz", overrides={overrides!r})
except KeyboardInterrupt:
    print("stopped")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the study below was run."""
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module", autouse=True)
def _own_code_in_the_command() -> None:
    """The command that `ablate.run` starts finds this checkout."""
    patch = pytest.MonkeyPatch()
    patch.setenv("PYTHONPATH", str(ROOT))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def study(folder: Path) -> ablate.StudyResults:
    return ablate.run(
        "xyz", overrides=[*SMALL, "recipe.epochs=1", "study.replicates=3"], folder=folder
    )


def test_run_trains_every_run_of_the_study(study: ablate.StudyResults) -> None:
    assert len(study.runs) == 24
    assert set(study.runs["status"]) == {"complete"}


def test_tables_equal_the_files_of_the_report(study: ablate.StudyResults, folder: Path) -> None:
    report = folder / "reports" / "xyz"
    for name in ("cells", "effects"):
        written = pd.read_csv(report / f"{name}.csv", dtype=str, keep_default_na=False)
        table = getattr(study, name)
        assert set(written.columns) <= set(table.columns)
        for column in written:
            if pd.api.types.is_numeric_dtype(table[column]):
                numbers = pd.to_numeric(written[column])
                numpy.testing.assert_array_equal(table[column].astype(float), numbers)
            else:
                assert list(table[column].fillna("")) == list(written[column])


def test_every_part_has_its_verdict(study: ablate.StudyResults) -> None:
    assert list(study.verdicts["part"]) == ["residual", "norm", "conv"]
    assert (study.verdicts["low"] < study.verdicts["high"]).all()


def test_an_opened_study_equals_the_one_that_was_run(
    study: ablate.StudyResults, folder: Path
) -> None:
    opened = ablate.open("xyz", folder=folder)
    pd.testing.assert_frame_equal(opened.effects, study.effects)
    assert opened.answer == study.answer
    assert opened.answer in repr(opened)


def test_a_figure_is_shown_by_its_name(study: ablate.StudyResults) -> None:
    assert study.figure("grid")._repr_svg_().startswith("<svg")
    with pytest.raises(ablate.RequestError, match="Did you mean 'grid'"):
        study.figure("gird")


def test_a_notebook_shows_the_page(study: ablate.StudyResults, folder: Path) -> None:
    study.save_page(folder / "page.html")
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert page == (folder / "reports" / "xyz" / "index.html").read_text(encoding="utf-8")
    frame = study._repr_html_()
    assert frame.startswith("<iframe srcdoc=")
    assert "<" not in frame.removeprefix("<").removesuffix("></iframe>")


def test_the_full_and_the_recommended_model_are_kept(
    study: ablate.StudyResults, folder: Path
) -> None:
    recommended = set(recommended_cells(study.analysis))
    kept = [path.parent.parent.name for path in (folder / "runs").rglob("model.keras")]
    assert sorted(kept) == sorted(recommended)


def test_the_loaded_model_is_the_one_that_was_judged(study: ablate.StudyResults) -> None:
    model = study.load_model()
    images = prepare(digits.load())
    assert isinstance(images, Images)
    kept = study.runs[study.runs["cell"] == recommended_cells(study.analysis)[0]]
    predicted = model.predict(images.test.x * numpy.float32(images.scale), verbose=0)
    accuracy = (predicted.argmax(axis=1) == images.test.y).mean()
    assert any(abs(accuracy - kept["test_accuracy"]) < 1e-9)


def test_a_model_that_was_not_kept_is_named_with_those_that_were(
    study: ablate.StudyResults,
) -> None:
    with pytest.raises(ablate.RequestError, match=r"full model \(seed \d\)"):
        study.load_model(cell="no norm")
    with pytest.raises(ablate.RequestError, match="Did you mean 'no norm'"):
        study.load_model(cell="no nrom")


def test_a_refusal_is_an_error_with_its_line(folder: Path) -> None:
    with pytest.raises(ablate.RequestError, match=r"recipe\.epochs"):
        ablate.run("xyz", overrides=["recipe.epochs=0"], folder=folder)


@pytest.mark.parametrize(
    ("study", "overrides", "where"),
    [(3, [], "."), ("xyz", [3], "."), ("xyz", None, "."), ("x\0y", [], "."), ("xyz", [], "none")],
)
def test_arguments_of_another_kind_are_refused(
    study: str, overrides: list[str], where: str, tmp_path: Path
) -> None:
    with pytest.raises(ablate.RequestError, match="Expected"):
        ablate.run(study, overrides=overrides, folder=tmp_path / where)


def test_a_plan_alone_has_no_results(folder: Path) -> None:
    with pytest.raises(ablate.RequestError, match="exit code 0"):
        ablate.run(
            "xyz",
            overrides=[*SMALL, "study.replicates=3", "recipe.epochs=1", "plan_only=true"],
            folder=folder,
        )


def test_a_damaged_model_is_named(study: ablate.StudyResults, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "runs", tmp_path / "runs")
    for file in tmp_path.rglob("model.keras"):
        file.write_bytes(b"no model")
    with pytest.raises(ablate.RequestError, match=r"Cannot load .*model\.keras"):
        ablate.load_model("xyz", folder=tmp_path)


def test_a_study_that_was_never_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(ablate.RequestError, match="xyz"):
        ablate.open("xyz", folder=tmp_path)


def test_an_interrupt_stops_the_study(tmp_path: Path) -> None:
    script = SCRIPT.format(overrides=[*SMALL, "recipe.epochs=3000"])
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        while not list(tmp_path.rglob("journal.jsonl")):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        try:
            printed, _ = process.communicate(timeout=240)
        finally:
            process.kill()
    assert printed.endswith("stopped\n")
    assert "Finished runs are saved." in printed
