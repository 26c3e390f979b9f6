"""What counts as a change of a study's plan, and what is only added."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from pytest import param
from rich.console import Console

from ablate.config.recipe import Recipe
from ablate.errors import RequestError
from ablate.planning.changes import affected, differences
from ablate.planning.reconcile import reconcile
from ablate.store.folder import StudyFolder
from ablate.store.plan import Plan
from tests.store.test_folder import IMAGES, finish, plan_of, with_factor


def varied(plan: Plan, **changes: object) -> Plan:
    cells = tuple(
        dataclasses.replace(cell, variant=dataclasses.replace(cell.variant, **changes))
        for cell in plan.cells
    )
    return dataclasses.replace(plan, cells=cells)


def on_other_images(plan: Plan) -> Plan:
    cells = tuple(dataclasses.replace(cell, images="other") for cell in plan.cells)
    return dataclasses.replace(plan, cells=cells, images={"other": {**IMAGES, "train": 7}})


SOURCES = {"ablate/models/convnet.py": "a", "keras": "3.15.1"}
PLAN = dataclasses.replace(plan_of(), sources=SOURCES)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        param(varied(PLAN, recipe=Recipe(epochs=2)), ["recipe.epochs: 1 -> 2"], id="recipe"),
        param(
            dataclasses.replace(
                PLAN,
                cells=(
                    varied(PLAN, model={"_target_": "a.b", "residual": "new"}).cells[0],
                    *PLAN.cells[1:],
                ),
            ),
            ['model.residual: "present" -> "new" (in 1 of 2 cells)'],
            id="one_level",
        ),
        param(
            on_other_images(PLAN),
            [
                "images: 6 + 2 + 2 of 8 x 8 x 1 (fingerprint pixels) -> "
                "7 + 2 + 2 of 8 x 8 x 1 (fingerprint other)"
            ],
            id="images",
        ),
        param(
            dataclasses.replace(
                PLAN, code="new", sources={**SOURCES, "ablate/models/convnet.py": "b"}
            ),
            ["code: ablate/models/convnet.py was changed"],
            id="code",
        ),
        param(
            dataclasses.replace(PLAN, code="new", sources={**SOURCES, "keras": "3.16.0"}),
            ["library: keras 3.15.1 -> 3.16.0"],
            id="library",
        ),
        param(
            varied(with_factor(PLAN), recipe=Recipe(epochs=2)),
            ["recipe.epochs: 1 -> 2"],
            id="a_factor_is_added_and_the_recipe_changed",
        ),
    ],
)
def test_a_change_is_named_and_refused(tmp_path: Path, changed: Plan, expected: list[str]) -> None:
    folder = StudyFolder(tmp_path / "mine")
    folder.adopt(PLAN)
    finish(folder, PLAN)
    assert list(differences(PLAN, changed)) == expected
    assert affected(PLAN, changed, folder=folder)
    with pytest.raises(RequestError, match="would not fit what is asked now") as refused:
        reconcile(changed, folder, on_change="refuse", console=Console(quiet=True))
    assert expected[0] in str(refused.value)


@pytest.mark.parametrize(
    "asked",
    [
        param(PLAN, id="the_same"),
        param(dataclasses.replace(plan_of(5), sources=SOURCES), id="more_seeds"),
        param(dataclasses.replace(plan_of(1), sources=SOURCES), id="fewer_seeds"),
        param(with_factor(PLAN), id="a_factor"),
        param(varied(PLAN, data={"_target_": "c.d", "path": "elsewhere"}), id="where_images_lie"),
    ],
)
def test_what_is_only_added_or_left_out_is_no_change(tmp_path: Path, asked: Plan) -> None:
    folder = StudyFolder(tmp_path / "mine")
    folder.adopt(PLAN)
    finish(folder, PLAN)
    plan = reconcile(asked, folder, on_change="refuse", console=Console(quiet=True))
    assert plan == asked
    assert len(folder.settled(plan)) == min(4, len(list(asked.runs())))


def test_what_was_never_finished_is_no_reason_to_refuse(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "mine")
    folder.adopt(PLAN)
    longer = varied(PLAN, recipe=Recipe(epochs=2))
    assert reconcile(longer, folder, on_change="refuse", console=Console(quiet=True)) == longer


def test_kept_results_are_used_marked_and_stay_kept(tmp_path: Path) -> None:
    quiet = Console(quiet=True)
    folder = StudyFolder(tmp_path / "mine")
    folder.adopt(PLAN)
    finish(folder, PLAN)
    longer = varied(dataclasses.replace(plan_of(3), sources=SOURCES), recipe=Recipe(epochs=2))
    plan = reconcile(longer, folder, on_change="keep", console=quiet)
    folder.adopt(plan)
    assert len(folder.settled(plan)) == 4
    assert len(folder.pending(plan)) == 2
    record = folder.read_study()
    assert record.kept == 4
    assert record.changes == ("recipe.epochs: 1 -> 2",)
    assert folder.read_plan() == plan
    # The next command of the same kind need not say it again; `rerun` ends it.
    assert reconcile(longer, folder, on_change="refuse", console=quiet) == plan
    anew = reconcile(longer, folder, on_change="rerun", console=quiet)
    assert anew.kept == {}
    assert len(folder.pending(anew)) == 6


def test_seeds_of_later_rounds_are_kept_too_whenever_the_study_was_stopped(tmp_path: Path) -> None:
    def asked(seeds: int, **changes: object) -> Plan:
        plan = dataclasses.replace(plan_of(seeds), sources=SOURCES)
        study = dataclasses.replace(plan.study, replicates=2, most_replicates=4)
        return varied(dataclasses.replace(plan, study=study), **changes)

    quiet = Console(quiet=True)
    folder = StudyFolder(tmp_path / "mine")
    folder.adopt(asked(4))
    finish(folder, asked(4))
    longer = asked(2, recipe=Recipe(epochs=2))
    kept = reconcile(longer, folder, on_change="keep", console=quiet)
    # The first round is adopted alone, and the command is given twice.
    for _ in range(2):
        folder.adopt(kept)
        assert folder.pending(kept) == []
        assert folder.read_study().kept == 4
        kept = reconcile(longer, folder, on_change="refuse", console=quiet)
    grown = dataclasses.replace(kept, cells=asked(4, recipe=Recipe(epochs=2)).cells)
    assert folder.pending(grown) == []
    # A change that comes after the first round was adopted again is one for all rounds.
    folder.adopt(asked(2))
    with pytest.raises(RequestError, match="8 finished runs"):
        reconcile(longer, folder, on_change="refuse", console=quiet)
