"""What every model of conf/model/ owes the program, whatever it is made of."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import yaml

from ablate.config.locate import locate
from ablate.tasks.task import Output
from tests.conftest import ROOT

FILES = sorted((ROOT / "conf" / "model").glob("*.yaml"))
SMALL: dict[str, dict[str, Any]] = {
    "mlp": {"units": [4]},
    "resnet": {"filters": [4, 8], "blocks": 1},
    "removal": {
        "of": "ablate.models.vgg.build",
        "units": ["block2"],
        "options": {"filters": [4, 4]},
    },
}
"""Keywords that make a model small; the others have `filters` of their own."""
OUTPUTS = {
    "image": (Output(3, "softmax", "image"), (3,)),
    "position": (Output(7, "linear", "position"), (7,)),
    "pixel": (Output(2, "softmax", "pixel"), (9, 7, 2)),
}
# NumPy 2 expects a `copy` argument of `__array__`, which variables of Keras 3.15 do not have.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
every_model = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def builder_of(file: Any) -> tuple[Any, dict[str, Any]]:
    node = yaml.safe_load(file.read_text())
    return locate(node.pop("_target_"), ()), node


def small(file: Any, **more: Any) -> keras.Model:
    build, _ = builder_of(file)
    return build((9, 7, 3), 3, **SMALL.get(file.stem, {"filters": [4, 8]}), **more)


@every_model
def test_the_shipped_configuration_states_every_switch(file: Any) -> None:
    build, node = builder_of(file)
    defaults = dict(build.__kwdefaults__)
    assert defaults.pop("output") is None
    defaults.pop("allowed_packages", None)
    if file.stem == "removal":
        assert node.pop("of") is None
    assert set(node) == set(defaults)


@every_model
@pytest.mark.parametrize("kind", OUTPUTS)
def test_a_model_ends_as_the_task_asks(file: Any, kind: str) -> None:
    output, shape = OUTPUTS[kind]
    assert small(file, output=output).output_shape == (None, *shape)


@every_model
def test_every_weight_of_a_model_learns(file: Any) -> None:
    keras.utils.set_random_seed(0)
    model = small(file, output=OUTPUTS["image"][0])
    # Eager, because tracing a step takes longer than training on four small images.
    model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=True)
    before = [keras.ops.convert_to_numpy(weight) for weight in model.trainable_weights]
    images = np.random.default_rng(0).random((4, 9, 7, 3), dtype=np.float32)
    model.train_on_batch(images, np.array([0, 1, 2, 1]))
    unchanged = [
        weight.path
        for weight, old in zip(model.trainable_weights, before, strict=True)
        if np.array_equal(old, keras.ops.convert_to_numpy(weight))
    ]
    assert unchanged == []


@every_model
def test_the_layers_of_a_model_have_the_same_names_in_every_build(file: Any) -> None:
    """Keras numbers layers without a name in the order in which a process makes them."""
    first, second = ([layer.name for layer in small(file).layers] for _ in range(2))
    assert first == second
