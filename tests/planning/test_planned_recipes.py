"""Recipes in plans: as levels of factors, in the identity of a run, and what they may call."""

from __future__ import annotations

from pathlib import Path

import pytest

from ablate.config.recipe import Recipe
from ablate.planning.changes import differences
from tests.faults.plan_requests import plan_request, refusal_of, write_study

ADAMW = "{_target_: keras.optimizers.AdamW, weight_decay: 0.01}"
STOP = "{stop: {_target_: keras.callbacks.EarlyStopping, patience: 3}}"


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_nodes_are_levels_of_factors(working_directory: Path) -> None:
    write_study(
        working_directory,
        f"""
factors:
  decay: {{present: 'recipe.optimizer={ADAMW}', absent: recipe.optimizer=adam}}
  stop: {{present: 'recipe.callbacks={STOP}', absent: recipe.callbacks=null}}
""",
    )
    plan = plan_request("study=mine")
    recipes = [planned.variant.recipe for planned in plan.cells]
    assert len({plan.fingerprint(planned, 0) for planned in plan.cells}) == 4
    assert recipes[0].optimizer_node["weight_decay"] == 0.01
    assert recipes[3] == Recipe()
    assert recipes[3].as_node().keys() == Recipe().as_node().keys()


def test_an_unknown_key_or_kind_is_refused_before_training() -> None:
    assert "Did you mean 'nadam'" in refusal_of("recipe.optimizer=nadm")
    assert "inside keras.optimizers" in refusal_of(
        "recipe.optimizer={_target_: keras.utils.get_file}"
    )


def test_code_of_the_users_needs_permission() -> None:
    argument = "recipe.loss={_target_: mylosses.Focal}"
    assert "allow=[mylosses]" in refusal_of(argument)


def test_a_node_is_not_mixed_with_that_of_a_file(working_directory: Path) -> None:
    folder = working_directory / "experiments" / "recipe"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text(f"defaults: [default]\noptimizer: {ADAMW}\n")
    argument = "recipe.optimizer={_target_: keras.optimizers.SGD}"
    assert "Hydra adds weight_decay from a file" in refusal_of("recipe=mine", argument)
    argument = "recipe.optimizer={_target_: keras.optimizers.SGD, momentum: 0.9}"
    assert "in the file a word or null" in refusal_of("recipe=mine", argument)
    assert (
        plan_request("recipe=mine").cells[0].variant.recipe.optimizer_node["weight_decay"] == 0.01
    )


def test_the_direction_of_a_metric_must_be_given() -> None:
    metric = "recipe.metrics={f1: {_target_: keras.metrics.F1Score, average: macro}}"
    assert "{name: test_f1, direction: higher}" in refusal_of(metric, "study.responses=[test_f1]")
    plan = plan_request(metric, "study.responses=[{name: test_f1, direction: higher}]")
    assert plan.study.response.name == "test_f1"


def test_the_content_of_a_named_file_identifies_a_run(working_directory: Path) -> None:
    (working_directory / "mymodel.py").write_text("def build(shape, classes, *, weights=None): ...")
    folder = working_directory / "experiments" / "model"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("{_target_: mymodel.build, weights: null}")
    (working_directory / "experiments" / "study").mkdir()
    study = "factors: {rate: {low: recipe.learning_rate=0.1, high: recipe.learning_rate=0.2}}"
    (working_directory / "experiments" / "study" / "mine.yaml").write_text(study)
    arguments = ["study=mine", "model=mine", "allow=[mymodel]", "model.weights=base.weights.h5"]
    plans = []
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(working_directory)
        for content in (b"one", b"one", b"two"):
            (working_directory / "base.weights.h5").write_bytes(content)
            plans.append(plan_request(*arguments))
    first, same, other = (plan.fingerprint(plan.cells[0], 0) for plan in plans)
    assert first == same != other
    assert differences(plans[0], plans[2]) == ("file: base.weights.h5 was changed",)
