"""The identity of a run, and what a plan takes from an earlier one."""

from __future__ import annotations

import dataclasses

import pytest

from ablate.config.recipe import Recipe
from tests.store.written import plan_of, with_code


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"model": {"_target_": "a.b", "residual": "other"}}, False),
        ({"recipe": Recipe(epochs=1, batch_size=8)}, False),
        ({"data": {"_target_": "c.d", "path": "elsewhere"}}, True),
        ({"allow": ("theirs",)}, True),
    ],
    ids=["model", "recipe", "path_of_images", "allowed_packages"],
)
def test_a_run_is_identified_by_what_can_change_its_result(change: dict, same: bool) -> None:
    plan = plan_of()
    planned = plan.cells[0]
    other = dataclasses.replace(planned, variant=dataclasses.replace(planned.variant, **change))
    assert (plan.fingerprint(planned, 0) == plan.fingerprint(other, 0)) == same
    assert plan.fingerprint(planned, 0) != plan.fingerprint(planned, 1)


def test_model_sizes_are_reused_while_models_and_code_are_equal() -> None:
    measured = plan_of(recipe=Recipe(epochs=1))
    plan = plan_of(replicates=5, recipe=Recipe(epochs=3))
    unmeasured = dataclasses.replace(
        plan, cells=tuple(dataclasses.replace(cell, parameters=0, macs=0) for cell in plan.cells)
    )
    assert unmeasured.with_model_sizes_of(measured) == plan
    other = with_code(measured, "other")
    assert unmeasured.with_model_sizes_of(other) == unmeasured
