"""Layers and blocks removed by name, from Keras' own networks and from those of a user."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from ablate.errors import RequestError
from ablate.models.macs import count_macs
from ablate.models.removal import build, remove

# NumPy 2 expects a `copy` argument of `__array__`, which variables of Keras 3.15 do not have.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
IMAGES = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)


@pytest.fixture(scope="module")
def mobilenet() -> keras.Model:
    return keras.applications.MobileNetV2((32, 32, 3), weights=None, classes=5, alpha=0.35)


@pytest.fixture(scope="module")
def resnet() -> keras.Model:
    return keras.applications.ResNet50(weights=None, classes=5, input_shape=(32, 32, 3))


def names(model: keras.Model) -> list[str]:
    return [operation.name for operation in model.operations]


def values(model: keras.Model) -> np.ndarray[Any, Any]:
    return np.asarray(keras.ops.convert_to_numpy(model(IMAGES, training=False)))


def without(model: keras.Model, start: str) -> list[str]:
    return [name for name in names(model) if not name.startswith(start)]


@pytest.mark.parametrize(
    ("kind", "unit", "before", "after"),
    [
        ("mobilenet", "block_2", "block_1_project_BN", "block_2_add"),
        ("resnet", "conv4_block2", "conv4_block1_out", "conv4_block2_out"),
    ],
)
def test_a_block_that_keeps_the_shape_is_replaced_by_its_input(
    request: pytest.FixtureRequest, kind: str, unit: str, before: str, after: str
) -> None:
    whole: keras.Model = request.getfixturevalue(kind)
    model = remove(whole, [unit])
    assert names(model) == without(whole, f"{unit}_")
    # Keras' own models of what is before the block and of what is after it.
    start = keras.Model(whole.input, whole.get_layer(before).output)
    end = keras.Model(whole.get_layer(after).output, whole.output)
    expected = keras.ops.convert_to_numpy(end(start(IMAGES, training=False), training=False))
    np.testing.assert_array_equal(values(model), expected)


@pytest.mark.parametrize(
    ("kind", "unit", "start", "bridge", "kernel", "strides"),
    [
        ("mobilenet", "block_1", "block_1_", "block_1_project_BN", (1, 1, 8, 8), (2, 2)),
        ("resnet", "conv4_block1", "conv4_block1_", "conv4_block1_out", (1, 1, 512, 1024), (2, 2)),
        ("resnet", "conv4_*", "conv4_", "conv4_block6_out", (1, 1, 512, 1024), (2, 2)),
    ],
)
def test_a_block_that_changes_the_shape_is_replaced_by_a_projection(
    request: pytest.FixtureRequest,
    kind: str,
    unit: str,
    start: str,
    bridge: str,
    kernel: tuple[int, ...],
    strides: tuple[int, int],
) -> None:
    whole: keras.Model = request.getfixturevalue(kind)
    model = remove(whole, [unit])
    assert set(names(model)) == {*without(whole, start), f"{bridge}_bridge"}
    projection = model.get_layer(f"{bridge}_bridge")
    assert tuple(projection.kernel.shape) == kernel
    assert projection.strides == strides
    assert projection.activation is keras.activations.linear
    assert projection.output.shape == whole.get_layer(bridge).output.shape
    assert model.output_shape == whole.output_shape


def test_all_other_weights_stay_as_the_builder_gave_them(mobilenet: keras.Model) -> None:
    model = remove(mobilenet, ["block_1", "block_5"])
    before = {weight.path: keras.ops.convert_to_numpy(weight) for weight in mobilenet.weights}
    after = {weight.path: keras.ops.convert_to_numpy(weight) for weight in model.weights}
    added = [path for path in after if path not in before]
    assert added == ["block_1_project_BN_bridge/kernel", "block_1_project_BN_bridge/bias"]
    for path in after.keys() & before.keys():
        np.testing.assert_array_equal(after[path], before[path])
    gone = {path.split("/")[0] for path in before.keys() - after.keys()}
    assert gone == {
        layer.name
        for layer in mobilenet.layers
        if layer.name.startswith(("block_1_", "block_5_")) and layer.weights
    }


def test_single_layers_are_removed_by_a_pattern(mobilenet: keras.Model) -> None:
    model = remove(mobilenet, ["*_BN"])
    assert [name for name in names(mobilenet) if name not in names(model)] == [
        name for name in names(mobilenet) if name.endswith("_BN")
    ]
    assert count_macs(model) == count_macs(mobilenet)


def test_a_gate_is_removed_with_all_its_layers() -> None:
    """The layers of squeeze-and-excitation meet the main path again in a product."""
    whole = keras.applications.EfficientNetB0(
        weights=None, include_top=False, input_shape=(32, 32, 3)
    )
    model = remove(whole, ["block2a_se"])
    gone = {name for name in names(whole) if name.startswith("block2a_se_")}
    assert set(names(whole)) - set(names(model)) == gone != set()


def test_a_model_without_a_block_is_saved_and_loaded(
    mobilenet: keras.Model, tmp_path: Path
) -> None:
    model = remove(mobilenet, ["block_1"])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(values(again), values(model))


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        (
            "conv4_block2_add",
            "Cannot remove layer 'conv4_block2_add': it joins the outputs of 'conv4_block1_out'; "
            "'conv4_block2_3_bn'. Remove the whole block",
        ),
        ("avg_pool", "no 1x1 convolution leads from the output of 'conv5_block3_out', of shape"),
        ("predictions", "input and the output of the model to stay; received 'predictions'"),
        ("*", "input and the output of the model to stay"),
        (
            "conv4_block9",
            "Unknown layer or block 'conv4_block9' in model.units. Nearest: conv4_blo",
        ),
        ("conv9_*x", "Unknown layer or block 'conv9_*x' in model.units. Nearest: "),
    ],
)
def test_what_cannot_be_removed_is_refused_in_one_line(
    resnet: keras.Model, unit: str, message: str
) -> None:
    with pytest.raises(RequestError) as refusal:
        remove(resnet, [unit])
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_name_is_not_the_start_of_a_longer_number(mobilenet: keras.Model) -> None:
    kept = names(remove(mobilenet, ["block_1"]))
    assert [name for name in kept if name.startswith("block_10_")]


def test_a_dense_layer_is_replaced_by_one_without_activation() -> None:
    model = build((4, 4, 1), 3, of="ablate.models.mlp.build", units=["dense2"],
                  options={"units": [8, 4]})  # fmt: skip
    bridge = model.get_layer("dense2_bridge")
    assert (bridge.units, bridge.activation) == (4, keras.activations.linear)


def test_a_layer_that_is_called_twice_is_replaced_in_both_calls() -> None:
    images = layers.Input((4, 4, 1))
    shared = layers.Conv2D(3, 1, name="shared")
    pair = [shared(layers.ReLU(name=name)(images)) for name in ("left", "right")]
    outputs = layers.Dense(2, name="head")(
        layers.Flatten(name="flat")(layers.Add(name="add")(pair))
    )
    model = remove(keras.Model(images, outputs), ["shared"])
    assert sorted(names(model))[-3:] == ["left", "right", "shared_bridge"]


def test_a_model_of_keras_ends_as_the_task_asks() -> None:
    model = build((32, 32, 3), 10, of="keras.applications.MobileNetV2", units=["block_3"],
                  options={"alpha": 0.35})  # fmt: skip
    assert (model.get_layer("head").units, model.output_shape) == (10, (None, 10))


@pytest.mark.parametrize("scales", [False, True])
def test_a_model_of_keras_scales_pixels_only_if_asked(scales: bool) -> None:
    options = {"include_preprocessing": True} if scales else {}
    model = build((32, 32, 3), 3, of="keras.applications.MobileNetV3Small", options=options)
    assert any(isinstance(layer, layers.Rescaling) for layer in model.layers) == scales


def test_a_model_of_keras_has_its_own_top_if_asked() -> None:
    options = {"include_top": True, "weights": None, "alpha": 0.35}
    model = build((32, 32, 3), 3, of="keras.applications.MobileNetV2", options=options)
    assert model.get_layer("predictions").units == 3


def test_units_may_state_for_each_whether_it_is_present() -> None:
    units = {"block1_conv2": True, "block2_conv2": False}
    model = build(
        (8, 8, 1), 3, of="ablate.models.vgg.build", units=units, options={"filters": [4, 4]}
    )
    assert "block1_conv2" in names(model)
    assert "block2_conv2" not in names(model)


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A user's module with a builder for each kind of model."""
    (tmp_path / "own_models.py").write_text(
        "import keras\n"
        "from keras import layers\n"
        "def sequential(shape, labels, *, width=4):\n"
        "    parts = [layers.Conv2D(width, 3, padding='same', name=f'c{n}') for n in (1, 2)]\n"
        "    end = [layers.Flatten(name='f'), layers.Dense(labels, name='end')]\n"
        "    return keras.Sequential(parts + end)\n"
        "def loads(shape, labels, *, weights='own', include_top=True):\n"
        "    return keras.Sequential([layers.Flatten(), layers.Dense(labels, name=weights)])\n"
        "def subclass(shape, labels):\n"
        "    class Own(keras.Model):\n"
        "        def call(self, x):\n"
        "            return x\n"
        "    return Own()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield "own_models"
    sys.modules.pop("own_models", None)


def test_a_users_sequential_model_loses_a_layer(own_module: str) -> None:
    of = f"{own_module}.sequential"
    model = build(
        (4, 4, 1), 3, of=of, units=["c2"], options={"width": 5}, allowed_packages=[own_module]
    )
    assert "c2" not in names(model)
    assert model.get_layer("end").kernel.shape == (4 * 4 * 5, 3)


def test_a_users_builder_keeps_its_own_defaults(own_module: str) -> None:
    model = build((4, 4, 1), 3, of=f"{own_module}.loads", allowed_packages=[own_module])
    assert names(model)[-1] == "own"


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        (
            {"of": "own_models.subclass", "allowed_packages": ["own_models"]},
            "to return keras.Sequential or ker",
        ),
        ({"of": "own_models.sequential"}, "If you trust that code, add 'allow=[own_models]'"),
        ({"of": "keras.models.load_model"}, "inside ablate.models, keras.applications"),
        ({"of": "keras.applications.MobileNetV3"}, "Did you mean 'MobileNetV2'"),
        ({"of": "ablate.models.vgg.build", "options": {"filter": [4]}}, "Unknown key"),
        ({"of": "ablate.models.vgg.build", "units": [3]}, "names of layers in model.units"),
        ({"of": "ablate.models.vgg.build", "units": "block1"}, "model.units to be a list"),
        ({"of": "ablate.models.vgg.build", "units": {"block1": "no"}}, "model.units.block1 to be"),
    ],
    ids=["subclass", "not_allowed", "loader", "near", "option", "number", "text", "word"],
)
def test_a_bad_request_is_refused_in_one_line(
    own_module: str, keywords: dict[str, Any], message: str
) -> None:
    with pytest.raises(RequestError) as refusal:
        build((8, 8, 1), 3, **keywords)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)
