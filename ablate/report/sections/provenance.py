"""The commands, files and versions behind the report."""

from __future__ import annotations

from ablate import __version__
from ablate.report.blocks import Commands, Definitions, Link, Paragraph, Piece
from ablate.report.section import Content, ReportData
from ablate.wording import one_line

ORDER = 110
FILES = ("runs.csv", "cells.csv", "effects.csv", "report.json")


def content(data: ReportData) -> Content:
    """How to make the report again, where its numbers are, and what made them."""
    files: list[Piece] = []
    for name in FILES:
        files += [", " if files else "", Link(name)]
    values = {**data.record.provenance, "report": f"written by ablate {__version__}"}
    return Content(
        "Provenance",
        (
            Paragraph("Commands that make this report again:"),
            Commands(tuple(one_line(command) for command in data.commands)),
            Paragraph(
                (
                    "The numbers with all their digits: ",
                    *files,
                    ". For a paper: ",
                    Link("report.tex"),
                    ".",
                )
            ),
            Definitions(
                tuple((one_line(key), one_line(value)) for key, value in values.items()), "values"
            ),
        ),
        folded=True,
    )
