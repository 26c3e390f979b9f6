"""The report of a study: the pages people read and the files programs read, in one folder."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ablate import __version__
from ablate.analysis.analyse import analyse_record
from ablate.analysis.findings import Analysis
from ablate.credentials import shown_argument
from ablate.process import stop
from ablate.report.blocks import Illustration, Table
from ablate.report.design_text import design_text
from ablate.report.drawing import Picture, figure_style
from ablate.report.files import cells_csv, effects_csv, report_json, runs_csv
from ablate.report.rendering import render
from ablate.report.section import Content, ReportData, all_sections
from ablate.store.disk import make_folder, open_atomically
from ablate.study.record import FITTING_COLUMNS, StudyRecord
from ablate.study.result import Status
from ablate.wording import one_line

PAGES = ("report.md", "report.tex", "index.html")


def write_report(
    folder: Path,
    record: StudyRecord,
    *,
    commands: Sequence[str] = (),
    interactions: int = 2,
    paper_columns: Sequence[str] = FITTING_COLUMNS,
) -> Analysis:
    """Analyse a study and write all files of its report; equal input gives equal bytes.

    Args:
        folder: Where to write, such as `reports/<study>`; created if it does not exist.
        record: The study, its runs, complete or not, and what else is known of them.
        commands: How to make the report again; those of a study run by this program if empty.
        interactions: Largest number of factors in an interaction.
        paper_columns: Columns of the grid in `report.tex`; see `PAPER_COLUMNS`.

    Returns:
        What the report says.

    Raises:
        StopError: A signal is pending; no file was written.
    """
    analysis = stop.call(lambda: analyse_record(record, interaction_order=interactions))
    data = replace(
        report_data(record, analysis, commands=commands), paper_columns=tuple(paper_columns)
    )
    sections = section_contents(data)
    page = _page(data, sections)
    texts = {
        "runs.csv": runs_csv(record.study, record.runs),
        "cells.csv": cells_csv(analysis),
        "effects.csv": effects_csv(analysis),
        "report.json": report_json(analysis, record),
        **{name: render(name, page) for name in PAGES},
    }
    stop.check()
    _write_files(folder, texts, pictures(sections))
    return analysis


def report_data(
    record: StudyRecord, analysis: Analysis, *, commands: Sequence[str] = ()
) -> ReportData:
    """What the sections of a report and the end of a terminal's output read."""
    return ReportData(record, analysis, tuple(commands or _commands(record)))


def html_page(data: ReportData) -> str:
    """The report as one HTML file that needs no other."""
    return render("index.html", _page(data, section_contents(data)))


def section_contents(data: ReportData, names: Collection[str] = ()) -> dict[str, Content]:
    """What each section shows, by its name; sections for which there are no data are left out.

    Args:
        data: What the sections read.
        names: Those that are wanted; all if empty.
    """
    contents = {}
    with figure_style():
        for name, section in all_sections().items():
            if names and name not in names:
                continue
            stop.check()
            contents[name] = section.content(data)
    return {name: content for name, content in contents.items() if content is not None}


def pictures(sections: Mapping[str, Content]) -> tuple[Picture, ...]:
    """The pictures in the sections."""
    blocks = (block for content in sections.values() for block in content.blocks)
    return tuple(block.picture for block in blocks if isinstance(block, Illustration))


def _page(data: ReportData, sections: Mapping[str, Content]) -> dict[str, Any]:
    """What the templates of the pages show."""
    study = data.study
    blocks = (block for content in sections.values() for block in content.blocks)
    return {
        "version": __version__,
        "title": one_line(study.name),
        "label": re.sub(r"[^A-Za-z0-9]+", "-", study.name),
        "question": one_line(study.question),
        "facts": _facts(data),
        "sections": _join_untitled(sections),
        "tables": [
            block.for_paper() for block in blocks if isinstance(block, Table) and block.label
        ],
    }


def _join_untitled(sections: Mapping[str, Content]) -> list[tuple[str, Content]]:
    """The sections with their anchors; one without a title becomes part of the one before it."""
    joined: list[tuple[str, Content]] = []
    for name, content in sections.items():
        if content.title:
            joined.append((name.replace("_", "-"), content))
        else:
            anchor, before = joined.pop()
            joined.append((anchor, replace(before, blocks=(*before.blocks, *content.blocks))))
    return joined


def _facts(data: ReportData) -> str:
    """Design, number of runs, response and margin of a study on one line."""
    study, runs, scale = data.study, data.runs, data.scale
    complete = int((runs["status"] == Status.COMPLETE).sum())
    return (
        f"{design_text(data.analysis)} · "
        f"{complete} of {len(runs)} runs complete · judged by {scale.title}, "
        f"{study.response.direction} is better · margin {scale.size(study.margin)}"
    )


def _commands(record: StudyRecord) -> list[str]:
    name = shlex.quote(f"study={record.study.name}")
    command = _safe_command(record.provenance.get("command", ""))
    return [command or f"python -m ablate --multirun {name}", f"python -m ablate.report {name}"]


def _safe_command(text: str) -> str:
    """A command of this program that a plan holds, safe to copy; empty if it is another one.

    The plan may come from somebody else, or from a version that left credentials in it.
    """
    try:
        words = shlex.split(text)
    except ValueError:
        return ""
    own = words[:3] == ["python", "-m", "ablate"]
    return shlex.join(map(shown_argument, words)) if own else ""


def _write_files(folder: Path, texts: Mapping[str, str], drawn: Iterable[Picture]) -> None:
    """Write each file whole or not at all; the page, which shows them all, comes last."""
    figures = folder / "figures"
    make_folder(figures, below=folder)
    stale = set(all_sections())
    for picture in drawn:
        stale.discard(picture.name)
        prologue = '<?xml version="1.0" encoding="utf-8"?>\n'
        _write(figures / f"{picture.name}.svg", (prologue + picture.svg).encode())
        _write(figures / f"{picture.name}.png", picture.png)
    for name in stale:
        for ending in ("svg", "png"):
            (figures / f"{name}.{ending}").unlink(missing_ok=True)
    for name, text in texts.items():
        _write(folder / name, text.encode())


def _write(path: Path, content: bytes) -> None:
    with open_atomically(path, durable=False) as file:
        file.write(content)
