"""The tables for a paper: chosen columns, and a document that includes them compiles."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ablate.config.request import check_paper_columns
from ablate.errors import RequestError
from ablate.report.command import parse_arguments
from ablate.report.page import write_report
from ablate.study.record import PAPER_COLUMNS, StudyRecord
from ablate.study.study import Study
from tests.report.simulated import runs_of

COMPILER = next(filter(None, map(shutil.which, ("pdflatex", "xelatex", "tectonic"))), "")
COLUMN_LETTERS = 52
"""About as many small letters as fit in a column of 3.3 inches."""
DOCUMENT = r"""\documentclass[twocolumn]{article}
\usepackage[T1]{fontenc}\usepackage{booktabs}\usepackage{amssymb}\usepackage{graphicx}
\begin{document}\input{report}\end{document}
"""


def grid_lines(folder: Path) -> list[str]:
    text = (folder / "report.tex").read_text(encoding="utf-8")
    (body,) = re.findall(
        r"\\label\{tab:\w+-grid\}.*?\\begin\{tabular\}(.*?)\\end", text, flags=re.DOTALL
    )
    return [line for line in str(body).splitlines() if line.endswith(r"\\")]


def test_the_grid_fits_a_column_by_default(tmp_path: Path, xyz: Study) -> None:
    write_report(tmp_path, StudyRecord(xyz, runs_of(xyz)))
    heading, *rows = grid_lines(tmp_path)
    assert "mean $\\pm$ s.d." in heading
    assert len(rows) == 8
    for line in (heading, *rows):
        shown = re.sub(r"\\textbf|\\checkmark|[{}$]| \\\\$", "", line).replace("\\pm", "+")
        assert len(shown.replace(" & ", "  ")) <= COLUMN_LETTERS


def test_the_columns_are_those_asked_for(tmp_path: Path, xyz: Study) -> None:
    record = StudyRecord(xyz, runs_of(xyz))
    write_report(tmp_path, record, paper_columns=("mean", "interval", "parameters"))
    heading = grid_lines(tmp_path)[0]
    assert heading.count("&") == len(xyz.factors) + 3 - 1
    assert heading.rstrip("\\ ").endswith("parameters")


def test_a_wide_table_takes_both_columns_of_text(tmp_path: Path, xyz: Study) -> None:
    write_report(tmp_path, StudyRecord(xyz, runs_of(xyz)), paper_columns=("n",))
    narrow = (tmp_path / "report.tex").read_text(encoding="utf-8")
    write_report(tmp_path, StudyRecord(xyz, runs_of(xyz)), paper_columns=PAPER_COLUMNS)
    wide = (tmp_path / "report.tex").read_text(encoding="utf-8")
    assert "\\begin{table}" in narrow.partition("tab:xyz-grid")[0]
    assert "\\begin{table*}" in wide.partition("tab:xyz-grid")[0]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [(["mean_sd", "maen"], "'mean'"), ("mean", "to be a list")],
    ids=["unknown", "no list"],
)
def test_unknown_columns_are_refused(columns: object, expected: str) -> None:
    with pytest.raises(RequestError, match=expected):
        check_paper_columns(columns, "report.columns")


def test_both_commands_know_the_columns() -> None:
    assert parse_arguments(["study=xyz", "columns=[mean,n]"])["columns"] == ["mean", "n"]
    assert check_paper_columns(list(PAPER_COLUMNS), "columns") == PAPER_COLUMNS


@pytest.mark.skipif(not COMPILER, reason="needs a TeX installation")
@pytest.mark.parametrize("name", ["xyz", "chapter", "hostile"])
def test_a_paper_with_the_tables_compiles(
    tmp_path: Path, name: str, request: pytest.FixtureRequest
) -> None:
    study = request.getfixturevalue(name)
    write_report(tmp_path, StudyRecord(study, runs_of(study)))
    (tmp_path / "paper.tex").write_text(DOCUMENT, encoding="utf-8")
    quiet = [] if COMPILER.endswith("tectonic") else ["-interaction=nonstopmode", "-halt-on-error"]
    ran = subprocess.run(
        [COMPILER, *quiet, "paper.tex"], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stdout[-2000:]
    assert (tmp_path / "paper.pdf").exists()
