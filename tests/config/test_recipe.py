from __future__ import annotations

import json

import pytest
from pytest import param

from ablate.config.recipe import Recipe, recipe_from_mapping
from ablate.errors import RequestError

ADAMW = {"_target_": "keras.optimizers.AdamW", "weight_decay": 0.01}


def test_a_recipe_without_keys_is_the_default() -> None:
    assert recipe_from_mapping({}) == Recipe()


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        param({"epochs": 0}, "recipe.epochs to be a whole number", id="no_epochs"),
        param({"epochs": 2.5}, "received 2.5", id="half_an_epoch"),
        param({"batch_size": True}, "received True", id="boolean"),
        param({"learning_rate": float("inf")}, "finite number above 0", id="infinite_rate"),
        param({"learning_rate": -1}, "finite number above 0; received -1", id="negative_rate"),
        param({"learning_rate": "fast"}, "received 'fast'", id="rate_in_words"),
        param({"optimizer": "adm"}, "Did you mean 'adam'", id="optimizer"),
        param({"jit": "yes"}, "true or false", id="jit"),
        param({"epoch": 3}, "Did you mean 'epochs'", id="unknown_key"),
        param({"optimizer": "nadm"}, "Did you mean 'nadam'", id="short_form"),
        param({"optimizer": 3}, "Unknown recipe.optimizer 3. Known: adadelta", id="number"),
        param(
            {"optimizer": {"weight_decay": 1}},
            "as {_target_: keras.optimizers.NAME",
            id="no_target",
        ),
        param(
            {"optimizer": {**ADAMW, "learning_rate": 0.1}},
            "rate as recipe.learning_rate",
            id="rate_in_the_optimizer",
        ),
        param({"schedule": "cosin"}, "Did you mean 'cosine'", id="schedule"),
        param({"label_smoothing": 1.0}, "0 to below 1; received 1.0", id="smoothing"),
        param(
            {"label_smoothing": 0.1, "loss": {"_target_": "keras.losses.Poisson"}},
            "label_smoothing inside recipe.loss",
            id="smoothing_of_a_loss",
        ),
        param({"class_weight": "balance"}, "null, balanced or {class", id="weights"),
        param({"class_weight": {"a": -1}}, "class_weight.a to be a finite", id="weight"),
        param({"metrics": [ADAMW]}, "recipe.metrics as {name:", id="list_of_metrics"),
        param({"precision": "float16"}, "Known: float32, mixed_bfloat16", id="precision"),
        param({"select": "first"}, "Known: best, last", id="select"),
    ],
)
def test_a_bad_recipe_is_refused_in_one_line(mapping: dict, message: str) -> None:
    with pytest.raises(RequestError) as refused:
        recipe_from_mapping(mapping)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("key", "target"),
    [
        param("loss", "keras.saving.load_model", id="loads_a_file"),
        param("loss", "keras.src.utils.file_utils.urlretrieve", id="uses_the_network"),
        param("loss", "keras.losses.deserialize", id="a_function"),
        param("optimizer", "keras.losses.Poisson", id="another_kind"),
        param("schedule", "ablate.runner.command.main", id="a_command"),
        param(
            "loss", {"_target_": "keras.losses.Poisson", "name": "keras.utils.get_file"}, id="in"
        ),
    ],
)
def test_a_recipe_names_classes_of_its_kind_alone(key: str, target: object) -> None:
    node = {"_target_": target}
    if isinstance(target, dict):
        node = {**target, "name": {"_target_": target["name"]}}
    with pytest.raises(RequestError, match=rf"Expected recipe\.{key}\._target_ inside"):
        Recipe(**{key: node})


@pytest.mark.parametrize("name", ["ModelCheckpoint", "RemoteMonitor", "CSVLogger", "TensorBoard"])
def test_callbacks_that_write_or_send_are_refused(name: str) -> None:
    node = {"_target_": f"keras.callbacks.{name}", "filepath": "/tmp/x"}
    for callbacks in ([node], {"mine": node}):
        with pytest.raises(RequestError, match="Known: EarlyStopping, ReduceLROnPlateau"):
            Recipe(callbacks=callbacks)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        param({"name": "${oc.env:HOME}"}, "without '${'", id="variable"),
        param({"name": ["a", {"_target_": "mine.A", "x": "${seed}"}]}, "without '${'", id="deep"),
        param({"_args_": [1]}, "received _args_", id="positional"),
        param({"name": {"_target_": "mine.A", "_partial_": True}}, "received _partial_", id="part"),
        param({"_recursive_": False}, "received _recursive_", id="left_to_keras"),
        param(
            {"dtype": {"module": "keras", "class_name": "Model"}}, "without _target_", id="keras"
        ),
        param({"dtype": [{"class_name": "Model"}]}, "without _target_", id="in_a_list"),
    ],
)
def test_arguments_are_read_in_one_way(arguments: dict, message: str) -> None:
    with pytest.raises(RequestError) as refused:
        Recipe(loss={"_target_": "keras.losses.Poisson", **arguments})
    assert message in str(refused.value)


def test_a_class_of_ones_own_may_take_mappings() -> None:
    node = {"_target_": "mine.Loss", "weights": {"a": {"b": 1}}, "inner": [{"c": 2}]}
    assert Recipe(loss=node).loss == node


def test_a_default_recipe_is_written_as_it_always_was() -> None:
    node = Recipe(metrics={}, callbacks=[]).as_node()
    keys = ["epochs", "batch_size", "learning_rate", "optimizer", "jit", "placebo"]
    assert list(node) == keys


def test_a_recipe_is_read_back_as_it_was_written() -> None:
    stop = {"stop": {"_target_": "keras.callbacks.EarlyStopping", "patience": 3}, "off": None}
    recipe = recipe_from_mapping(
        {"optimizer": ADAMW, "callbacks": stop, "class_weight": {0: 2.0}, "select": "best"}
    )
    assert recipe_from_mapping(json.loads(json.dumps(recipe.as_node()))) == recipe
    assert [node["patience"] for node in recipe.callback_nodes] == [3]
    assert set(recipe.targets()) == {ADAMW["_target_"], stop["stop"]["_target_"]}
