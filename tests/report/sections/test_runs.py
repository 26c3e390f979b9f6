from __future__ import annotations

from dataclasses import replace

from ablate.report.blocks import Link, Table
from ablate.report.sections.runs import content
from ablate.study.study import Study
from tests.report.simulated import data_of


def test_every_run_links_to_its_log_its_plan_and_mlflow(xyz: Study) -> None:
    data = data_of(xyz)
    shown = content(data)
    assert shown is not None
    table = shown.blocks[0]
    assert isinstance(table, Table)
    assert len(table.rows) == len(data.runs)
    first, links = data.runs.iloc[0], table.rows[0][-1]
    assert [link.file for link in links if isinstance(link, Link)] == [
        f"../../runs/xyz/{first['cell']}/0/log",
        "../../runs/xyz/plan.json",
        f"http://127.0.0.1:5000/#/runs/{first['mlflow_run_id']}",
    ]


def test_results_of_other_programs_have_no_files_to_link(xyz: Study) -> None:
    data = data_of(xyz)
    record = replace(data.record, provenance={"runs": "results.csv"})
    assert content(replace(data, record=record)) is None
