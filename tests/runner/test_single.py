"""Runs of single variants: the plan that they share keeps all of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from ablate.runner.single import with_earlier_runs
from ablate.store.folder import StudyFolder
from ablate.store.plan import Plan
from ablate.store.state import StudyState
from ablate.study.design import Cell
from tests.store.written import Written, plan_of, with_code


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    return StudyFolder(tmp_path / "single")


def single(cell: int, *, seed: int, code: str) -> Plan:
    """The plan of one run, of a cell whose model is measured."""
    plan = plan_of(replicates=1)
    planned = dataclasses.replace(plan.cells[cell], seeds=(seed,))
    return with_code(dataclasses.replace(plan, cells=(planned,)), code)


def extended(folder: StudyFolder, plan: Plan) -> Plan:
    return with_earlier_runs(plan, folder.earlier_plan())


def test_the_plan_keeps_every_run_with_its_identity(folder: StudyFolder) -> None:
    wanted = {}
    for cell, seed, code in ((0, 0, "old"), (0, 3, "old"), (1, 0, "new"), (0, 0, "new")):
        plan = single(cell, seed=seed, code=code)
        folder.write_plan(extended(folder, plan))
        wanted[plan.cells[0].cell, seed] = plan.fingerprint(plan.cells[0], seed)
        read = folder.read_plan()
        assert wanted == {
            (run.cell, run.seed): read.fingerprint(planned, run.seed)
            for planned, run in read.runs()
        }
    assert len(wanted) == 3


def test_a_model_size_is_not_reused_after_a_code_change(folder: StudyFolder) -> None:
    folder.write_plan(single(0, seed=0, code="old"))
    folder.write_plan(extended(folder, single(1, seed=0, code="new")))
    sizes = {}
    for cell in (0, 1):
        plan = single(cell, seed=0, code="new")
        unmeasured = dataclasses.replace(plan.cells[0], parameters=0, macs=0)
        plan = dataclasses.replace(plan, cells=(unmeasured,))
        sizes[cell] = plan.with_model_sizes_of(folder.read_plan()).cells[0].parameters
    assert sizes == {0: 0, 1: 10}


def test_a_run_under_another_name_is_reused_and_planned_once(folder: StudyFolder) -> None:
    plan = single(0, seed=0, code="code")
    (planned,) = plan.cells
    StudyState.read(folder, extended(folder, plan)).adopt()
    Written(folder, plan).train()
    renamed = dataclasses.replace(planned, cell=Cell((("variant", "other"),)))
    other = single(1, seed=0, code="code")
    for asked in (dataclasses.replace(plan, cells=(renamed,)), other, plan, other):
        state = StudyState.read(folder, extended(folder, asked)).adopt()
        identities = [state.plan.fingerprint(cell, run.seed) for cell, run in state.plan.runs()]
        assert len(identities) == len(set(identities))
        if asked is not other:
            assert state.with_plan(asked).pending == ()
            assert folder.run(asked.cells[0].cell.slug, 0).result() is not None
