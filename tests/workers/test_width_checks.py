"""Models that get as many parameters or MACs as another one."""

from __future__ import annotations

import pytest

from ablate.config.matching import Match
from ablate.config.variant import read_variant
from ablate.data.info import DatasetInfo
from ablate.models.resnet import build
from ablate.store.plan import PlannedCell
from ablate.study.design import Cell
from ablate.workers.width_checks import _size, _solve

INFO = DatasetInfo("classification", (8, 8, 1), ("a", "b", "c"), 20, 3, 3, "f")


def planned(**model: object) -> PlannedCell:
    node = {"_target_": "ablate.models.resnet.build", **model}
    variant = read_variant({"model": node, "data": {}, "recipe": {}})
    return PlannedCell(Cell((("depth", "one"),)), variant, "f", (0,))


@pytest.mark.parametrize("size", ["parameters", "macs"])
def test_a_shallow_model_becomes_as_large_as_a_deep_one(size: str) -> None:
    match = Match(size)
    target = _size(planned(filters=[4, 8], blocks=3).variant, INFO, match)
    shallow = planned(filters=[4, 8], blocks=1, match=size)
    widths, found = _solve(shallow, INFO, match, target=target)
    assert widths[0] > 4
    assert found == pytest.approx(target, rel=0.1)
    if size == "parameters":
        assert build((8, 8, 1), 3, filters=widths, blocks=1).count_params() == found
