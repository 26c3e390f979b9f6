"""Keys of every model in plans: `model.frozen` is a level of a factor, and null leaves no trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.plan_requests import plan_request, write_study


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_nothing_is_frozen_by_default() -> None:
    plain, null = plan_request(), plan_request("model.frozen={block1: null}")
    assert "frozen" not in plain.cells[0].variant.model
    assert plain.fingerprint(plain.cells[0], 0) == null.fingerprint(null.cells[0], 0)


def test_frozen_blocks_are_levels_of_a_factor(working_directory: Path) -> None:
    write_study(
        working_directory,
        """
factors:
  random: {nothing: model.frozen=null, block: 'model.frozen={block2: random}',
           pattern: 'model.frozen={block*_conv1: random, head: null}'}
""",
    )
    plan = plan_request("study=mine")
    assert [planned.variant.model.get("frozen") for planned in plan.cells] == [
        None,
        {"block2": "random"},
        {"block*_conv1": "random"},
    ]
    assert len({plan.fingerprint(planned, 0) for planned in plan.cells}) == 3


def test_each_block_can_be_a_factor_of_its_own(working_directory: Path) -> None:
    plan = plan_request("study=random_features")
    frozen = [sorted(planned.variant.model.get("frozen") or ()) for planned in plan.cells]
    assert frozen[0] == []
    assert frozen[-1] == ["block1", "block2", "block3"]
    assert len({tuple(names) for names in frozen}) == 8
