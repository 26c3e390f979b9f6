from __future__ import annotations

from ablate.report.blocks import Table
from ablate.report.sections.part_costs import content
from ablate.study.study import Study
from tests.report.simulated import data_of, runs_of

MINUS, SPACE = "−", "\u00a0"


def test_costs_are_compared_with_the_full_model(xyz: Study) -> None:
    runs = runs_of(xyz, failing=False)
    runs["train_seconds"] = 4.0
    runs.loc[runs["residual"] == "absent", "train_seconds"] = 3.0
    section = content(data_of(xyz, runs))
    assert section is not None
    table = section.blocks[1]
    assert isinstance(table, Table)
    assert table.rows == (
        ("residual", f"0{SPACE}%", f"0{SPACE}%", f"{MINUS}25{SPACE}%"),
        ("norm", f"0{SPACE}%", f"0{SPACE}%", f"0{SPACE}%"),
        ("separable", f"×{SPACE}3.9", f"×{SPACE}6.4", f"0{SPACE}%"),
    )


def test_a_part_that_was_not_removed_alone_has_no_row(xyz: Study) -> None:
    runs = runs_of(xyz, failing=False)
    cell = runs["cell"].unique()[1]  # without separable
    section = content(data_of(xyz, runs[runs["cell"] != cell]))
    assert section is not None
    table = section.blocks[1]
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == ["residual", "norm"]


def test_without_costs_there_is_no_such_section(xyz: Study) -> None:
    runs = runs_of(xyz).drop(columns=["parameters", "macs", "train_seconds"])
    assert content(data_of(xyz, runs)) is None
