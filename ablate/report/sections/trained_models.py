"""The trained models that the study keeps, with the line of Python that loads each."""

from __future__ import annotations

from ablate.report.blocks import Commands, Paragraph
from ablate.report.cells import levels_of, recommended_cells, records
from ablate.report.section import Content, ReportData
from ablate.report.wording import FULL_MODEL, describe

ORDER = 105


def content(data: ReportData) -> Content | None:
    """A line for the full model, and one for the simplest model that does the job."""
    cells = [cell for cell in recommended_cells(data.analysis) if cell in data.record.models]
    if not cells:
        return None
    rows = {str(row["cell"]): row for row in records(data.analysis.cells)}
    names = [describe(data.study, levels_of(data.study, rows[cell])) for cell in cells]
    arguments = [
        repr(data.study.name) + ("" if name == FULL_MODEL else f", cell={name!r}") for name in names
    ]
    return Content(
        "Trained models",
        (
            Paragraph(f"Kept on disk: {' and '.join(names)}. In Python, where the study was run:"),
            Commands(tuple(f"ablate.load_model({words})" for words in arguments)),
        ),
        folded=True,
    )
