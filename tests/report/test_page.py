from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ablate.analysis.findings import Analysis
from ablate.process import stop
from ablate.report.headline import headline
from ablate.report.page import write_report
from ablate.report.sentences import component_sentence, simplest_sentence, withheld_reason
from ablate.report.warning_texts import warning_texts
from ablate.study.record import StudyRecord
from ablate.study.study import Study
from tests.report.simulated import HELD_CONSTANT, MEASURES, PROVENANCE, histories_of, runs_of

Report = Callable[[Study], tuple[Path, Analysis]]
FILES = [
    "index.html", "report.md", "report.tex", "runs.csv", "cells.csv", "effects.csv", "report.json",
]  # fmt: skip
VOID = {"meta", "link", "br", "img", "hr", "input"}
STUDIES = ["xyz", "chapter", "hostile"]


class Page(HTMLParser):
    """The tags and the text of a page; checks that tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "svg"} & set(self.open):
            self.words.append(data)


@pytest.fixture
def study(request: pytest.FixtureRequest) -> Study:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Study)
    return found


def page(report: Report, study: Study) -> tuple[str, Page]:
    text = (report(study)[0] / "index.html").read_text(encoding="utf-8")
    return text, Page(text)


def test_a_report_has_all_files_of_the_contract(report: Report, xyz: Study) -> None:
    folder, _ = report(xyz)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*FILES, "figures"])
    names = {path.name for path in (folder / "figures").iterdir()}
    assert names == {
        f"{name}.{ending}"
        for name in ("grid", "effects", "learning_curves", "cost")
        for ending in ("svg", "png")
    }


def test_a_stopped_command_writes_no_part_of_a_report(
    xyz: Study, tmp_path: Path, pending_signal: None
) -> None:
    with pytest.raises(stop.StopError):
        write_report(tmp_path / "xyz", StudyRecord(xyz, runs_of(xyz)))
    assert not (tmp_path / "xyz").exists()


@pytest.mark.parametrize("study", STUDIES, indirect=True)
def test_the_page_has_no_script_and_needs_no_network(report: Report, study: Study) -> None:
    text, found = page(report, study)
    tags = {tag for tag, _ in found.tags}
    assert not tags & {"script", "img", "iframe", "object", "embed", "base", "form"}
    policy = [a["content"] for tag, a in found.tags if a.get("http-equiv")]
    assert policy == [
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    ]
    files = {*FILES, "data:,"}
    for tag, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "href", "xlink:href", "action"):
            target = attributes.get(name) or "#"
            inside = target.startswith(("#", "../../runs/", "http://127.0.0.1:5000/#/runs/"))
            assert inside or target in files, (tag, target)
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


@pytest.mark.parametrize("study", STUDIES, indirect=True)
def test_identifiers_in_a_page_are_unique(report: Report, study: Study) -> None:
    _, found = page(report, study)
    names = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    assert len(names) == len(set(names))


def test_headings_of_the_grid_stand_above_their_values_in_print(report: Report, xyz: Study) -> None:
    _, found = page(report, xyz)
    pictures = [tag for tag, attributes in found.tags if attributes.get("class") == "whisker"]
    assert pictures == ["th"] + 8 * ["td"]


def test_the_answer_comes_first(report: Report, xyz: Study) -> None:
    text, found = page(report, xyz)
    _, analysis = report(xyz)
    words = re.sub(r"\s+", " ", " ".join(found.words))
    assert analysis.simplest is not None
    positions = [
        words.index(piece)
        for piece in (
            "Which?",
            re.sub(r"\s+", " ", headline(analysis)),
            re.sub(r"\s+", " ", simplest_sentence(analysis.simplest, xyz)),
            *(
                re.sub(r"\s+", " ", component_sentence(component, xyz))
                for component in analysis.components
            ),
            "What the words mean",
            "Next step",
            "Warnings",
            "The grid",
            "Effect of each part",
            "Learning curves",
            "Provenance",
        )
    ]
    assert positions == sorted(positions)
    for item in warning_texts(analysis.warnings, xyz):
        assert text.index(item.title) < text.index('id="grid"')


def test_the_page_gives_provenance_and_commands(report: Report, xyz: Study) -> None:
    text, _ = page(report, xyz)
    for expected in (*PROVENANCE.values(), *HELD_CONSTANT, "python -m ablate --multirun study=xyz",
                 "python -m ablate.report study=xyz"):  # fmt: skip
        assert expected in text


def test_a_lost_run_is_shown_with_its_reason(report: Report, xyz: Study) -> None:
    text, _ = page(report, xyz)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; loss was nan | in epoch 3" in text
    assert "diverged" in text
    assert 'id="unfinished"' in text


def test_hostile_words_are_shown_as_words(report: Report, hostile: Study) -> None:
    text, found = page(report, hostile)
    assert "<script" not in text
    assert "</style></svg>" not in text
    assert not [tag for tag, _ in found.tags if tag == "b" and "onload" in dict(_)]
    assert "<script>alert(1)</script>" in " ".join(found.words)
    assert "\x00" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize("study", STUDIES, indirect=True)
def test_latex_is_balanced_and_its_rows_are_equally_wide(report: Report, study: Study) -> None:
    text = (report(study)[0] / "report.tex").read_text(encoding="utf-8")
    bare = re.sub(r"\\[{}\\&%#_$]", "", text)
    bare = "\n".join(line for line in bare.splitlines() if not line.startswith("%"))
    depth = 0
    for letter in bare:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth >= 0
    assert depth == 0
    assert bare.count("$") % 2 == 0
    assert "%" not in bare
    assert "#" not in bare
    assert all(letter <= "\u024f" for letter in text)
    labels = re.findall(r"\\label\{tab:[^}]*-(\w+)\}", text)
    attribution = [] if study.name == "chapter" else ["attribution"]
    assert {"grid", "effects", "interactions", *attribution, "path"} <= set(labels)
    for name in ("table", "tabular"):
        begins = re.findall(rf"\\begin\{{({name}\*?)\}}", text)
        assert begins == re.findall(rf"\\end\{{({name}\*?)\}}", text)
        assert len(begins) == len(labels)
    for body in re.findall(r"\\begin\{tabular\}(.*?)\\end\{tabular\}", text, flags=re.DOTALL):
        columns = re.match(r"\{([lcr]+)\}", body)
        assert columns is not None
        lines = [line for line in body.splitlines() if line.endswith(r" \\")]
        assert len(lines) > 2
        for line in lines:
            assert len(re.findall(r"(?<!\\)&", line)) == len(columns[1]) - 1


@pytest.mark.parametrize("study", STUDIES, indirect=True)
def test_markdown_tables_are_equally_wide(report: Report, study: Study) -> None:
    text = (report(study)[0] / "report.md").read_text(encoding="utf-8")
    tables = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
    assert len(tables) >= 4
    for table in tables:
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1
        assert re.match(r"\|[-:|]+\|$", table.splitlines()[1])
    assert "<script" not in text
    assert not re.search(r"(?<!\\)\]\(javascript", text)


def written(folder: Path, study: Study) -> dict[str, bytes]:
    runs = runs_of(study)
    record = StudyRecord(
        study, runs, histories_of(runs), PROVENANCE, HELD_CONSTANT, 0.1, measures=MEASURES
    )
    write_report(folder, record)
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_equal_input_gives_equal_bytes(tmp_path: Path, xyz: Study) -> None:
    assert written(tmp_path / "one", xyz) == written(tmp_path / "two", xyz)


def test_only_figures_that_are_no_longer_drawn_are_removed(tmp_path: Path, xyz: Study) -> None:
    written(tmp_path, xyz)
    (tmp_path / "notes.txt").write_text("mine")
    runs = runs_of(xyz)
    write_report(tmp_path, StudyRecord(xyz, runs))
    assert not (tmp_path / "figures" / "learning_curves.svg").exists()
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_study_without_a_complete_run_still_gets_its_report(tmp_path: Path, xyz: Study) -> None:
    runs = runs_of(xyz).drop(columns=["test_accuracy", "val_loss"])
    runs["status"], runs["error"] = "failed", "no memory"
    analysis = write_report(tmp_path, StudyRecord(xyz, runs))
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert Page(text)
    assert "No complete run" in text
    assert "no memory" in text
    assert analysis.simplest is None
    assert headline(analysis).startswith("No answer yet")


def test_words_and_tables_agree(report: Report, xyz: Study) -> None:
    folder, analysis = report(xyz)
    text = (folder / "report.md").read_text(encoding="utf-8")
    for component in analysis.components:
        assert component.full is not None
        assert component.average is not None
        for effect, where in (
            (component.full, "in the full model"),
            (component.average, "on average"),
        ):
            verdict = f"**{effect.verdict}**" if effect.verdict else withheld_reason(effect)
            (row,) = re.findall(rf"\| {component.name} \| {where} \|.*", text)
            assert row.endswith(f"| {verdict} |")
        if component.full.verdict:
            assert f"| {component.name} | **{component.full.verdict}** |" in text
        else:
            reason = withheld_reason(component.full)
            assert f"| {component.name} ({reason}) | no verdict |" in text


def test_a_linked_folder_of_figures_is_made_anew(xyz: Study, tmp_path: Path) -> None:
    outside, report = tmp_path / "outside", tmp_path / "report"
    outside.mkdir()
    report.mkdir()
    (report / "figures").symlink_to(outside)
    write_report(report, StudyRecord(xyz, runs_of(xyz)))

    assert list(outside.iterdir()) == []
    assert list((report / "figures").glob("*.svg"))
