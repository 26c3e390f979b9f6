from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ablate.report import sections
from ablate.report.page import section_contents, write_report
from ablate.report.section import all_sections
from ablate.study.study import Study
from tests.report.simulated import data_of, histories_of, runs_of

NEW = """
from ablate.report.blocks import Column, Paragraph, Table
from ablate.report.section import Content, ReportData

ORDER = 75


def content(data: ReportData) -> Content:
    table = Table((Column("Layer"), Column("Norm", "right")), (("conv_1", "0.5"),), "gradients")
    return Content("Gradients", (Paragraph(f"Of {data.study.name}."), table))
"""


@pytest.fixture
def new_section(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A section in one new file, next to those of the package."""
    folder = tmp_path / "sections"
    folder.mkdir()
    (folder / "gradients.py").write_text(NEW, encoding="utf-8")
    monkeypatch.setattr(sections, "__path__", [*sections.__path__, str(folder)])
    monkeypatch.delitem(sys.modules, "ablate.report.sections.gradients", raising=False)
    return "gradients"


def test_a_new_section_is_one_new_file(new_section: str, tmp_path: Path, xyz: Study) -> None:
    write_report(tmp_path / "report", data_of(xyz).record)
    page, markdown, paper = (
        (tmp_path / "report" / name).read_text(encoding="utf-8")
        for name in ("index.html", "report.md", "report.tex")
    )
    sys.modules.pop("ablate.report.sections.gradients")
    assert '<h2 id="gradients-title">Gradients</h2>' in page
    assert '<tr><td>conv_1</td><td class="num">0.5</td></tr>' in page
    assert (
        "## Gradients\n\nOf xyz.\n\n| Layer | Norm |\n|:--|--:|\n| conv\\_1 | 0.5 |\n" in markdown
    )
    assert "\\label{tab:xyz-gradients}" in paper
    assert "conv\\_1 & 0.5 \\\\" in paper


def test_no_two_sections_have_the_same_order() -> None:
    orders = [section.ORDER for section in all_sections().values()]
    assert orders == sorted(set(orders))


def test_a_section_without_a_title_continues_one_with_a_title(xyz: Study) -> None:
    contents = section_contents(data_of(xyz))
    assert next(iter(contents.values())).title


def test_a_picture_is_named_after_its_section(xyz: Study) -> None:
    runs = runs_of(xyz)
    contents = section_contents(data_of(xyz, runs, histories=histories_of(runs)))
    names = {
        name: block.picture.name
        for name, content in contents.items()
        for block in content.blocks
        if block.kind == "illustration"
    }
    assert names == {name: name for name in ("grid", "effects", "learning_curves", "cost")}
