import copy
import functools
import itertools
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from omegaconf import OmegaConf

from ablate.errors import RequestError
from ablate.models.convnet import CONVOLUTIONS, DOWNSAMPLINGS, NORMS, build

# NumPy 2 expects a `copy` argument of `__array__`, which variables of Keras 3.15 do not have;
# `get_weights` fails on it under JAX.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning:keras"
)

SWITCHES = {
    "residual": (True, False),
    "norm": tuple(NORMS),
    "conv": tuple(CONVOLUTIONS),
    "downsampling": tuple(DOWNSAMPLINGS),
}
COMBINATIONS = [
    dict(zip(SWITCHES, positions, strict=True))
    for positions in itertools.product(*SWITCHES.values())
]
NAMES = [" ".join(str(position) for position in switches.values()) for switches in COMBINATIONS]
every_combination = pytest.mark.parametrize("switches", COMBINATIONS, ids=NAMES)


@functools.cache
def variant(**switches: Any) -> keras.Model:
    """A variant that is small, as it is built thirty-six times; it is not trained."""
    return build((8, 8, 3), 2, filters=(4, 6, 6), **switches)


def convolutions(model: keras.Model) -> list[keras.Layer]:
    return [layer for layer in model.layers if "_conv" in layer.name]


def kinds(model: keras.Model) -> dict[str, str]:
    return {layer.name: type(layer).__name__ for layer in model.layers}


def test_the_books_network_has_the_books_parameters():
    model = build((32, 32, 3), 2, filters=(32, 64, 128))
    counts = {layer.name: layer.count_params() for layer in model.layers if layer.weights}
    assert list(counts.items()) == [
        ("block1_conv1", 896),
        ("block1_conv2", 9248),
        ("block1_projection", 128),
        ("block2_conv1", 18496),
        ("block2_conv2", 36928),
        ("block2_projection", 2112),
        ("block3_conv1", 73856),
        ("block3_conv2", 147584),
        ("block3_projection", 8320),
        ("head", 129),
    ]
    assert model.count_params() == 297_697


def test_the_books_network_has_the_books_shapes():
    model = build((32, 32, 3), 2, filters=(32, 64, 128))
    shapes = [model.get_layer(f"block{number}_add").output.shape for number in (1, 2, 3)]
    assert shapes == [(None, 16, 16, 32), (None, 8, 8, 64), (None, 8, 8, 128)]


@every_combination
def test_every_combination_learns(switches):
    images = np.random.default_rng(0).random((4, 7, 9, 3), dtype=np.float32)
    # With a seed and enough channels, no convolution outputs only zeros from the start.
    keras.utils.set_random_seed(0)
    model = build((7, 9, 3), 3, filters=(8, 12, 12), **switches)
    # Eager, because tracing a step takes longer than training on four small images.
    model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=True)
    before = model.get_weights()
    loss = model.train_on_batch(images, np.array([0, 1, 2, 1]))
    assert np.isfinite(loss)
    for weight, old, new in zip(model.weights, before, model.get_weights(), strict=True):
        assert (old != new).any(), weight.path


@every_combination
def test_every_combination_is_rebuilt_from_its_config(switches):
    model = variant(**switches)
    config = model.get_config()
    again = keras.Model.from_config(copy.deepcopy(config))
    assert again.get_config() == config
    again.set_weights(model.get_weights())
    image = np.random.default_rng(0).random((1, 8, 8, 3), dtype=np.float32)
    outputs = [keras.ops.convert_to_numpy(each(image)) for each in (model, again)]
    np.testing.assert_array_equal(*outputs, strict=True)


@every_combination
def test_a_variant_is_built_the_same_twice(switches):
    again = build((8, 8, 3), 2, filters=[4, 6, 6], **switches)
    assert again.get_config() == variant(**switches).get_config()


@every_combination
def test_a_layer_has_one_name_in_all_variants(switches):
    expected = {"images", "global_pool", "head"}
    for block in ("block1", "block2", "block3"):
        steps = itertools.product(NORMS[switches["norm"]], (1, 2))
        expected |= {f"{block}_{step}{place}" for step, place in steps} | {f"{block}_pool"}
        if switches["residual"]:
            expected |= {f"{block}_add"}
    if switches["residual"]:
        expected |= {"block1_projection", "block2_projection"}
    assert {layer.name for layer in variant(**switches).layers} == expected


@every_combination
def test_only_directly_normalized_convolutions_have_no_bias(switches):
    model = variant(**switches)
    assert {layer.use_bias for layer in convolutions(model)} == {
        switches["norm"] != "before_activation"
    }
    others = [layer for layer in model.layers if layer.name.endswith(("_projection", "head"))]
    assert all(layer.use_bias for layer in others)


@pytest.mark.parametrize(
    ("norm", "order"),
    [
        pytest.param("none", ["conv1", "relu1", "conv2", "relu2"], id="none"),
        pytest.param(
            "before_activation", ["conv1", "norm1", "relu1", "conv2", "norm2", "relu2"], id="before"
        ),
        pytest.param(
            "after_activation", ["conv1", "relu1", "norm1", "conv2", "relu2", "norm2"], id="after"
        ),
    ],
)
def test_normalization_is_where_the_switch_says(norm, order):
    model = build((8, 8, 1), 10, filters=[4], residual=False, norm=norm)
    names = [layer.name for layer in model.layers]
    assert names == [
        "images",
        *(f"block1_{step}" for step in order),
        "block1_pool",
        "global_pool",
        "head",
    ]
    assert all(layer.activation is keras.activations.linear for layer in convolutions(model))


def test_normalization_has_the_given_momentum():
    model = build((8, 8, 1), 10, norm="after_activation", norm_momentum=0.75)
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert [layer.momentum for layer in norms] == [0.75] * 6


@pytest.mark.parametrize("downsampling", SWITCHES["downsampling"])
@pytest.mark.parametrize(
    ("channels", "filters", "strides"),
    [
        pytest.param(3, [8, 16, 32], {1: 2, 2: 2, 3: 1}, id="channels_change_everywhere"),
        pytest.param(3, [8, 8, 8], {1: 2, 2: 2}, id="equal_channels_need_none_in_the_last_block"),
        pytest.param(8, [8], {}, id="a_lone_block_of_the_images_channels_needs_none"),
        pytest.param(1, [8], {1: 1}, id="a_lone_block_of_other_channels_needs_one"),
    ],
)
def test_projections_are_where_the_book_has_them(downsampling, channels, filters, strides):
    model = build((9, 9, channels), 2, filters=filters, downsampling=downsampling, conv="separable")
    found = {
        number: model.get_layer(f"block{number}_projection")
        for number in range(1, len(filters) + 1)
        if f"block{number}_projection" in kinds(model)
    }
    assert {number: layer.strides[0] for number, layer in found.items()} == strides
    for layer in found.values():
        assert type(layer) is keras.layers.Conv2D
        assert layer.kernel_size == (1, 1)
        assert layer.activation is keras.activations.linear


def test_removing_residual_connections_changes_nothing_else():
    present, absent = (kinds(build((8, 8, 3), 10, residual=residual)) for residual in (True, False))
    gone = {name for name in present if name.endswith(("_add", "_projection"))}
    assert absent == {name: kind for name, kind in present.items() if name not in gone}


@pytest.mark.parametrize(
    ("downsampling", "pool", "steps"),
    [
        pytest.param("max_pool", "MaxPooling2D", [1, 1, 1, 1], id="max_pool"),
        pytest.param("average_pool", "AveragePooling2D", [1, 1, 1, 1], id="average_pool"),
        pytest.param("strides", "Identity", [1, 2, 1, 1], id="strides_in_the_second_convolution"),
    ],
)
def test_all_blocks_but_the_last_halve_the_image(downsampling, pool, steps):
    model = build((8, 8, 1), 10, filters=[4, 8], downsampling=downsampling)
    found = kinds(model)
    assert (found["block1_pool"], found["block2_pool"]) == (pool, "Identity")
    assert [layer.strides[0] for layer in convolutions(model)] == steps
    assert model.get_layer("block1_add").output.shape == (None, 4, 4, 4)
    assert model.get_layer("block2_add").output.shape == (None, 4, 4, 8)


@pytest.mark.parametrize("downsampling", SWITCHES["downsampling"])
def test_an_image_smaller_than_the_pyramid_stays_one_pixel(downsampling):
    model = build((3, 2, 1), 2, filters=[2] * 5, downsampling=downsampling)
    assert model.get_layer("block5_add").output.shape == (None, 1, 1, 2)


@pytest.mark.parametrize(
    ("classes", "units", "activation"),
    [
        pytest.param(2, 1, "sigmoid", id="one_unit_for_two_classes"),
        pytest.param(3, 3, "softmax", id="a_unit_a_class_for_more"),
    ],
)
def test_the_head_fits_the_number_of_classes(classes, units, activation):
    head = build((8, 8, 1), classes).get_layer("head")
    assert (head.units, head.activation.__name__) == (units, activation)


@pytest.mark.parametrize(
    ("key", "value", "answer"),
    [
        pytest.param("norm", "before", "model.norm 'before'", id="norm"),
        pytest.param("norm", None, "model.norm None. Did you mean 'none'?", id="norm_null"),
        pytest.param("conv", "seperable", "Did you mean 'separable'?", id="conv"),
        pytest.param("conv", ["conv2d"], "Known: conv2d, separable.", id="conv_as_a_list"),
        pytest.param("downsampling", "maxpool", "Did you mean 'max_pool'?", id="downsampling"),
        pytest.param("residual", "present", "true or false; received 'present'", id="word"),
        pytest.param("residual", 1, "model.residual to be true or false", id="number"),
        pytest.param("filters", [], "one or more whole numbers", id="no_filters"),
        pytest.param("filters", 32, "[24, 48, 96]; received 32", id="filters_as_a_number"),
        pytest.param("filters", "32,64", "received '32,64'", id="filters_as_text"),
        pytest.param("filters", [32, 0], "received [32, 0]", id="filters_of_zero"),
        pytest.param("filters", [32.0], "received [32.0]", id="filters_of_fractions"),
        pytest.param("filters", [True], "received [True]", id="filters_of_truth_values"),
        pytest.param("norm_momentum", 1.0, "such as 0.9; received 1.0", id="momentum_one"),
        pytest.param("norm_momentum", -0.1, "received -0.1", id="momentum_below_zero"),
        pytest.param("norm_momentum", float("nan"), "received nan", id="momentum_nan"),
        pytest.param("norm_momentum", "0.9", "received '0.9'", id="momentum_as_text"),
        pytest.param("norm_momentum", False, "received False", id="momentum_as_truth_value"),
    ],
)
def test_a_bad_value_is_refused_in_one_line(key, value, answer):
    with pytest.raises(RequestError) as refusal:
        build((8, 8, 1), 10, **{key: value})
    assert answer in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_bad_downsampling_is_refused_for_one_block():
    with pytest.raises(RequestError, match="max_pool"):
        build((8, 8, 1), 10, filters=[4], downsampling="maxpool")


def test_the_shipped_configuration_states_every_switch_and_builds():
    path = Path(__file__).parents[2] / "conf" / "model" / "convnet.yaml"
    node = OmegaConf.to_container(OmegaConf.load(path))
    assert node.pop("_target_") == f"{build.__module__}.{build.__name__}"
    assert set(node) == set(build.__kwdefaults__) - {"output"}
    assert build((8, 8, 1), 10, **node).output.shape == (None, 10)
