"""Every run with its response, its log, its configuration and its page in MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from ablate.report.blocks import Block, Column, Link, Paragraph, Table, Text
from ablate.report.cells import cell_label, cell_numbers, number, records, text
from ablate.report.section import Content, ReportData
from ablate.wording import MISSING, one_line, seconds, whole_number

ORDER = 46
MOST_RUNS = 400
MLFLOW = "http://127.0.0.1:5000/#/runs/"


def content(data: ReportData) -> Content | None:
    """A row for each run; None for results of other programs, which have no files here."""
    if "runs" in data.record.provenance:
        return None
    scale = data.scale
    title = f"{scale.title},\u00a0{scale.unit}" if scale.unit else scale.title
    columns = (
        Column("Row", "right", "number"),
        Column("Cell", style="words", heads_row=True),
        Column("Seed", "right"),
        Column("End"),
        Column(title, "right"),
        Column("Training,\u00a0s", "right"),
        Column("Files"),
    )
    rows = records(data.runs)
    numbers = cell_numbers(data.analysis)
    table = Table(columns, tuple(_row(data, row, numbers) for row in rows[:MOST_RUNS]))
    more = len(rows) - MOST_RUNS
    rest = f"And {more} more runs. " if more > 0 else ""
    note: Text = (
        f"{rest}Log and plan (which holds every configuration) are in runs/ next to reports/, on "
        "the machine that trained the study. Links to MLflow work while mlflow ui runs on its "
        "usual port. All runs: ",
        Link("runs.csv"),
        ".",
    )
    blocks: tuple[Block, ...] = (table, Paragraph(note, "note"))
    return Content("Every run", blocks, level=3, folded=True)


def _row(
    data: ReportData, row: Mapping[str, object], numbers: Mapping[str, int]
) -> tuple[Text, ...]:
    cell = str(row["cell"])
    seed = whole_number(number(row["seed"]))
    folder = f"../../runs/{quote(data.study.name)}"
    links: list[Link | str] = [
        Link(f"{folder}/{quote(cell, safe='=,')}/{seed}/log", "log"),
        ", ",
        Link(f"{folder}/plan.json", "plan"),
    ]
    if text(row.get("mlflow_run_id")):
        links += [", ", Link(f"{MLFLOW}{quote(text(row['mlflow_run_id']))}", "MLflow")]
    return (
        str(numbers.get(cell, MISSING)),
        cell_label(data.analysis, row),
        seed,
        one_line(row["status"]),
        data.scale.number(number(row.get(data.study.response.name))),
        seconds(number(row.get("train_seconds"))),
        tuple(links),
    )
