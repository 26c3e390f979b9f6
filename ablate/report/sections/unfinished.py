"""The runs without a result, with the reason."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ablate.analysis.findings import Analysis
from ablate.report.blocks import Block, Column, Paragraph, Table
from ablate.report.cells import cell_label, cell_numbers, number, records, text
from ablate.report.section import Content, ReportData
from ablate.study.result import Status
from ablate.wording import one_line, whole_number

ORDER = 45
MOST_GROUPS = 40
REASON_LIMIT = 300
COLUMNS = (
    Column("Row", "right", "number"),
    Column("Cell", style="words", heads_row=True),
    Column("Seeds"),
    Column("End"),
    Column("Reason", style="words"),
)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Runs of one cell that gave no result, for one reason."""

    number: int
    label: str
    seeds: str
    status: str
    reason: str


def content(data: ReportData) -> Content | None:
    """A row for the runs of one cell that ended alike."""
    groups = unfinished_groups(data.analysis, data.runs)
    if not groups:
        return None
    rows = tuple(
        (str(group.number), group.label, group.seeds, group.status, group.reason)
        for group in groups[:MOST_GROUPS]
    )
    blocks: list[Block] = [Table(COLUMNS, rows)]
    more = len(groups) - MOST_GROUPS
    if more > 0:
        blocks.append(Paragraph(f"And {more} more groups of runs; all are in report.json.", "note"))
    return Content("Runs without a result", tuple(blocks), level=3)


def unfinished_groups(analysis: Analysis, runs: pd.DataFrame) -> tuple[Unfinished, ...]:
    """Runs without a result; those of one cell with the same status and reason are one group."""
    numbers = cell_numbers(analysis)
    groups: dict[tuple[str, str, str], list[dict[str, object]]] = {}
    for row in records(runs[runs["status"] != Status.COMPLETE]):
        key = (str(row["cell"]), str(row["status"]), text(row.get("error")))
        groups.setdefault(key, []).append(row)
    return tuple(
        Unfinished(
            number=numbers.get(cell, 0),
            label=cell_label(analysis, rows[0]),
            seeds=", ".join(whole_number(number(row["seed"])) for row in rows),
            status=one_line(status),
            reason=one_line(error, REASON_LIMIT) or "no result yet",
        )
        for (cell, status, error), rows in groups.items()
    )
