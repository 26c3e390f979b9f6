"""Runs of single variants: the plan that they share forgets none of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ablate.runner.single import with_earlier
from ablate.store.folder import StudyFolder
from ablate.store.plan import Plan
from ablate.study.design import Cell
from tests.store.test_folder import finish
from tests.store.written import plan_of


def single(cell: int, *, seed: int, code: str) -> Plan:
    """The plan of one run, of a cell that has been measured."""
    plan = plan_of(replicates=1)
    planned = dataclasses.replace(plan.cells[cell], seeds=(seed,), parameters=10, macs=20)
    return dataclasses.replace(plan, cells=(planned,), code=code)


def test_the_plan_knows_every_run_by_what_it_was_trained_with(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "single")
    wanted = {}
    for cell, seed, code in ((0, 0, "old"), (0, 3, "old"), (1, 0, "new"), (0, 0, "new")):
        plan = single(cell, seed=seed, code=code)
        folder.write_plan(with_earlier(plan, folder))
        wanted[plan.cells[0].cell, seed] = plan.fingerprint(plan.cells[0], seed)
        frozen = folder.read_plan()
        assert wanted == {
            (run.cell, run.seed): frozen.fingerprint(planned, run.seed)
            for planned, run in frozen.runs()
        }
    assert len(wanted) == 3


def test_the_size_of_a_model_is_not_taken_from_a_run_of_other_code(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "single")
    folder.write_plan(single(0, seed=0, code="old"))
    folder.write_plan(with_earlier(single(1, seed=0, code="new"), folder))
    measured = {
        cell: folder.measures(plan)[plan.cells[0].cell.slug]["parameters"]
        for cell in (0, 1)
        for plan in (single(cell, seed=0, code="new"),)
    }
    assert measured == {0: 0, 1: 10}


def test_a_run_that_is_asked_for_by_another_name_is_found_and_is_in_the_plan_once(
    tmp_path: Path,
) -> None:
    folder = StudyFolder(tmp_path / "single")
    plan = single(0, seed=0, code="code")
    (planned,) = plan.cells
    folder.adopt(with_earlier(plan, folder))
    finish(folder, plan)
    renamed = dataclasses.replace(planned, cell=Cell((("variant", "other"),)))
    other = single(1, seed=0, code="code")
    for asked in (dataclasses.replace(plan, cells=(renamed,)), other, plan, other):
        frozen = with_earlier(asked, folder)
        folder.adopt(frozen)
        identities = [frozen.fingerprint(cell, run.seed) for cell, run in frozen.runs()]
        assert len(identities) == len(set(identities))
        if asked is not other:
            assert folder.pending(asked) == []
            assert folder.run(asked.cells[0].cell.slug, 0).result() is not None
