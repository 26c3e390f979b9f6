"""The report of a study: the pages people read and the files programs read, in one folder."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from ablate import __version__
from ablate.analysis.analyse import analyse_record
from ablate.analysis.findings import Analysis
from ablate.report import table, wording
from ablate.report.drawing import Picture
from ablate.report.figure import pictures
from ablate.report.files import cells_csv, effects_csv, report_json, runs_csv
from ablate.report.sentences import effect_method, simplest_sentence
from ablate.report.warning_texts import WarningText, warning_texts
from ablate.report.wording import NO_BREAK, one_line, sentence
from ablate.study.record import StudyRecord
from ablate.study.result import Status
from ablate.study.study import Study

TEMPLATES = Path(__file__).resolve().parent / "templates"
FIGURE_NAMES = ("grid", "effects", "learning_curves", "cost")
MOST_UNFINISHED = 40

LAST_LATIN = "\u024f"
_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "−": "$-$",
    "–": "--",
    "—": "---",
    "×": r"$\times$",
    "✓": r"$\checkmark$",
    "●": r"$\bullet$",
    "○": r"$\circ$",
    "†": r"\dag{}",
    "…": r"\dots{}",
    "±": r"$\pm$",
    "’": "'",
    NO_BREAK: "~",
    "[": "{[}",
    "]": "{]}",
}


def write_report(
    folder: Path,
    record: StudyRecord,
    *,
    commands: Sequence[str] = (),
    interactions: int = 2,
) -> Analysis:
    """Analyse a study and write all files of its report; equal input gives equal bytes.

    Args:
        folder: Where to write, such as `reports/<study>`; made if it is not there.
        record: The study, its runs, complete or not, and what else is known of them.
        commands: How to make the report again; those of a study run by this program if empty.
        interactions: Largest number of factors in an interaction.

    Returns:
        What the report says.
    """
    study, runs, provenance = record.study, record.runs, record.provenance
    analysis = analyse_record(record, interaction_order=interactions)
    drawn = pictures(analysis, runs=runs, histories=record.histories)
    content = {
        **_content(analysis, runs),
        "pictures": {picture.name: picture for picture in drawn},
        "provenance": {one_line(key): one_line(text) for key, text in provenance.items()},
        "held_constant": {
            one_line(key): one_line(text) for key, text in record.held_constant.items()
        },
        "commands": [one_line(command) for command in commands or _commands(study, provenance)],
    }
    background = {
        "provenance": provenance,
        "held_constant": record.held_constant,
        "chance": record.chance,
        "interruptions": list(record.interruptions),
        "kept": record.kept,
        "changes": list(record.changes),
    }
    texts = {
        "runs.csv": runs_csv(study, runs),
        "cells.csv": cells_csv(analysis),
        "effects.csv": effects_csv(analysis),
        "report.json": report_json(analysis, runs, background=background),
        **{name: _render(name, content) for name in ("report.md", "report.tex", "index.html")},
    }
    _write_files(folder, texts, drawn)
    return analysis


def answer_lines(analysis: Analysis) -> list[str]:
    """The first lines of the report as plain text, for a terminal."""
    simplest = (
        []
        if analysis.simplest is None
        else [sentence(simplest_sentence(analysis.simplest, analysis.study))]
    )
    return [*simplest, *(f"  {claim.sentence}" for claim in table.claims(analysis))]


def _content(analysis: Analysis, runs: pd.DataFrame) -> dict[str, Any]:
    """What the templates show of an analysis."""
    study, scale = analysis.study, wording.scale_of(analysis.study)
    warnings = [
        WarningText(one_line(item.title), sentence(item.evidence), item.serious)
        for item in warning_texts(analysis.warnings, study)
    ]
    groups = table.unfinished(analysis, runs)
    complete = int((runs["status"] == Status.COMPLETE).sum())
    return {
        "study": study,
        "version": __version__,
        "title": one_line(study.name),
        "label": re.sub(r"[^A-Za-z0-9]+", "-", study.name),
        "question": one_line(study.question),
        "scale": scale,
        "margin": scale.size(study.margin),
        "better": study.response.direction,
        "complete": complete,
        "total": len(runs),
        "fewest": int(analysis.cells["n"].min()),
        "most": int(analysis.cells["n"].max()),
        "simplest": None
        if analysis.simplest is None
        else sentence(simplest_sentence(analysis.simplest, analysis.study)),
        "claims": table.claims(analysis),
        "limits": table.limits(analysis),
        "serious": [item for item in warnings if item.serious],
        "caveats": [item for item in warnings if not item.serious],
        "grid": table.grid(analysis),
        "unfinished": groups[:MOST_UNFINISHED],
        "unfinished_more": max(0, len(groups) - MOST_UNFINISHED),
        "effects": table.effect_rows(analysis, interactions=False),
        "interactions": table.effect_rows(analysis, interactions=True),
        "attribution": table.ranked_parts(analysis),
        "path": table.path_steps(analysis),
        "methods": sorted({effect_method(effect, study) for effect in analysis.effects}),
    }


def _commands(study: Study, provenance: Mapping[str, str]) -> list[str]:
    name = shlex.quote(f"study={study.name}")
    return [
        provenance.get("command", f"python -m ablate --multirun {name}"),
        f"python -m ablate.report {name}",
    ]


def _render(template: str, content: Mapping[str, Any]) -> str:
    return _environment(template).get_template(template).render(content)


def _environment(template: str) -> jinja2.Environment:
    """Where templates are found; whatever a template inserts is escaped for its language."""
    loader = jinja2.FileSystemLoader(TEMPLATES)
    shared: dict[str, Any] = {
        "loader": loader,
        "undefined": jinja2.StrictUndefined,
        "trim_blocks": True,
        "lstrip_blocks": True,
        "keep_trailing_newline": True,
    }
    if template.endswith(".html"):
        environment = jinja2.Environment(autoescape=True, **shared)
        environment.filters["drawing"] = _drawing
        return environment
    if template.endswith(".tex"):
        return jinja2.Environment(
            finalize=latex,
            variable_start_string="<<",
            variable_end_string=">>",
            block_start_string="<%",
            block_end_string="%>",
            comment_start_string="<#",
            comment_end_string="#>",
            **shared,
        )
    environment = jinja2.Environment(finalize=markdown, **shared)
    environment.filters["code"] = _code
    return environment


def latex(value: object) -> str:
    """Text for LaTeX in which no character of it is a command."""
    if isinstance(value, Markup):
        return str(value)
    return "".join(_latex_letter(letter) for letter in one_line(value))


def _latex_letter(letter: str) -> str:
    # pdfTeX stops at a letter that its fonts lack, such as an emoji in the name of a level.
    return _LATEX.get(letter) or (letter if letter <= LAST_LATIN else f"U+{ord(letter):04X}")


def markdown(value: object) -> str:
    """Text for Markdown in which no character of it is markup."""
    if isinstance(value, Markup):
        return str(value)
    text = re.sub(r"([\\`*_{}\[\]#|~$!])", r"\\\1", one_line(value))
    return (
        text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;")
    )


def _code(value: object) -> Markup:
    """A command in Markdown, as a line of an indented block."""
    return Markup("    " + one_line(value))


def _drawing(picture: Picture) -> Markup:
    """A figure that was drawn here, whose labels matplotlib has escaped."""
    return Markup(picture.svg)


def _write_files(folder: Path, texts: Mapping[str, str], drawn: Sequence[Picture]) -> None:
    """Each file appears whole or not at all; the page, which shows them all, comes last."""
    figures = folder / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    for picture in drawn:
        prologue = '<?xml version="1.0" encoding="utf-8"?>\n'
        _write(figures / f"{picture.name}.svg", (prologue + picture.svg).encode())
        _write(figures / f"{picture.name}.png", picture.png)
    for name in set(FIGURE_NAMES) - {picture.name for picture in drawn}:
        for ending in ("svg", "png"):
            (figures / f"{name}.{ending}").unlink(missing_ok=True)
    for name, text in texts.items():
        _write(folder / name, text.encode())


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)
