from __future__ import annotations

from dataclasses import replace

import pytest

from ablate.report.blocks import Commands
from ablate.report.cells import recommended_cells
from ablate.report.page import report_data
from ablate.report.sections.trained_models import content
from ablate.study.study import Study
from tests.report.simulated import data_of, runs_of

LINES = ("ablate.load_model('xyz')", "ablate.load_model('xyz', cell='no residual, no separable')")


@pytest.mark.parametrize("kept", [(0, 1), (0,), (1,), ()], ids=["both", "full", "other", "none"])
def test_each_kept_model_has_the_line_that_loads_it(xyz: Study, kept: tuple[int, ...]) -> None:
    data = data_of(xyz, runs_of(xyz, seeds=5, failing=False))
    cells = recommended_cells(data.analysis)
    record = replace(data.record, models=frozenset(cells[index] for index in kept))
    section = content(report_data(record, data.analysis))
    if not kept:
        assert section is None
        return
    assert section is not None
    (commands,) = (block for block in section.blocks if isinstance(block, Commands))
    assert commands.lines == tuple(LINES[index] for index in kept)
