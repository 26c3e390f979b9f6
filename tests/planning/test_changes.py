"""What counts as a change of a study's plan, and what is only added."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from pytest import param
from rich.console import Console

from ablate.config.recipe import Recipe
from ablate.errors import RequestError
from ablate.planning.changes import differences, reconcile, unusable_results
from ablate.store.folder import StudyFolder
from ablate.store.plan import Plan
from ablate.store.state import StudyState
from ablate.store.tables import read_record
from tests.store.written import DATASET, Written, adopted, plan_of, with_code, with_factor

SOURCES = {"ablate/models/convnet.py": "a", "keras": "3.15.1"}


def base(replicates: int = 2) -> Plan:
    plan = plan_of(replicates=replicates, recipe=Recipe(epochs=1))
    return with_code(plan, "old", SOURCES)


def varied(plan: Plan, **changes: object) -> Plan:
    cells = tuple(
        dataclasses.replace(cell, variant=dataclasses.replace(cell.variant, **changes))
        for cell in plan.cells
    )
    return dataclasses.replace(plan, cells=cells)


def on_other_images(plan: Plan) -> Plan:
    cells = tuple(dataclasses.replace(cell, dataset="other") for cell in plan.cells)
    other = dataclasses.replace(DATASET, train=7, fingerprint="other")
    return dataclasses.replace(plan, cells=cells, datasets={"other": other})


def with_other_level(plan: Plan) -> Plan:
    first, *others = plan.cells
    model = {**first.variant.model, "residual": "new"}
    variant = dataclasses.replace(first.variant, model=model)
    return dataclasses.replace(plan, cells=(dataclasses.replace(first, variant=variant), *others))


def with_sources(plan: Plan, **changes: str) -> Plan:
    return with_code(plan, "new", {**SOURCES, **changes})


def reconciled(folder: StudyFolder, plan: Plan, on_change: str = "refuse") -> StudyState:
    return reconcile(
        StudyState.read(folder, plan),
        folder.earlier_plan(),
        on_change=on_change,
        console=Console(quiet=True),
    )


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    return StudyFolder(tmp_path / "mine")


@pytest.fixture
def trained(folder: StudyFolder) -> StudyFolder:
    """A folder in which all runs of the plan are finished."""
    adopted(folder, base()).train()
    return folder


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        param(varied(base(), recipe=Recipe(epochs=2)), ["recipe.epochs: 1 -> 2"], id="recipe"),
        param(
            with_other_level(base()),
            ['model.residual: "present" -> "new" (in 1 of 2 cells)'],
            id="one_level",
        ),
        param(
            on_other_images(base()),
            [
                "images: 6 + 2 + 2 of 8 x 8 x 1 (fingerprint pixels) -> "
                "7 + 2 + 2 of 8 x 8 x 1 (fingerprint other)"
            ],
            id="images",
        ),
        param(
            with_sources(base(), **{"ablate/models/convnet.py": "b"}),
            ["code: ablate/models/convnet.py was changed"],
            id="code",
        ),
        param(
            with_sources(base(), keras="3.16.0"), ["library: keras 3.15.1 -> 3.16.0"], id="library"
        ),
        param(
            varied(with_factor(base()), recipe=Recipe(epochs=2)),
            ["recipe.epochs: 1 -> 2"],
            id="a_factor_is_added_and_the_recipe_changed",
        ),
    ],
)
def test_a_change_is_named_and_refused(
    trained: StudyFolder, changed: Plan, expected: list[str]
) -> None:
    assert list(differences(base(), changed)) == expected
    assert unusable_results(StudyState.read(trained, changed), base())
    with pytest.raises(RequestError, match="would not fit this request") as refused:
        reconciled(trained, changed)
    assert expected[0] in str(refused.value)


@pytest.mark.parametrize(
    "plan",
    [
        param(base(), id="the_same"),
        param(base(5), id="more_seeds"),
        param(base(1), id="fewer_seeds"),
        param(with_factor(base()), id="a_factor"),
        param(varied(base(), data={"_target_": "c.d", "path": "elsewhere"}), id="path_of_images"),
    ],
)
def test_an_addition_or_omission_is_no_change(trained: StudyFolder, plan: Plan) -> None:
    state = reconciled(trained, plan)
    assert state.plan == plan
    assert len(state.settled) == min(4, len(list(plan.runs())))


def test_an_unfinished_study_is_no_reason_to_refuse(folder: StudyFolder) -> None:
    adopted(folder, base())
    longer = varied(base(), recipe=Recipe(epochs=2))
    assert reconciled(folder, longer).plan == longer


def test_kept_results_are_used_marked_and_stay_kept(trained: StudyFolder) -> None:
    longer = varied(base(3), recipe=Recipe(epochs=2))
    state = reconciled(trained, longer, "keep").adopt()
    assert len(state.settled) == 4
    assert len(state.pending) == 2
    record = read_record(trained)
    assert record.kept == 4
    assert record.changes == ("recipe.epochs: 1 -> 2",)
    assert trained.read_plan() == state.plan
    # The next command need not say `keep` again; `rerun` ends it.
    assert reconciled(trained, longer).plan == state.plan
    again = reconciled(trained, longer, "rerun")
    assert again.plan.kept == {}
    assert len(again.pending) == 6


def test_kept_seeds_of_later_rounds_stay_kept(folder: StudyFolder) -> None:
    def adaptive(seeds: int, **changes: object) -> Plan:
        plan = base(seeds)
        study = dataclasses.replace(plan.study, replicates=2, most_replicates=4)
        return varied(dataclasses.replace(plan, study=study), **changes)

    adopted(folder, adaptive(4)).train()
    longer = adaptive(2, recipe=Recipe(epochs=2))
    kept = reconciled(folder, longer, "keep")
    # The first round alone is adopted, and the command is given twice.
    for _ in range(2):
        kept = kept.adopt()
        assert kept.pending == ()
        assert read_record(folder).kept == 4
        kept = reconciled(folder, longer)
    grown = dataclasses.replace(kept.plan, cells=adaptive(4, recipe=Recipe(epochs=2)).cells)
    assert kept.with_plan(grown).pending == ()
    # A change after the first round was adopted again concerns all rounds.
    adopted(folder, adaptive(2))
    with pytest.raises(RequestError, match="8 finished runs"):
        reconciled(folder, longer)


def test_a_changed_plan_keeps_results_that_it_still_asks_for(trained: StudyFolder) -> None:
    study = Written(trained, base())
    assert reconciled(trained, with_other_level(base()), "rerun").settled.keys() == {
        run for run in study.runs if run.cell["residual"] == "absent"
    }
