from __future__ import annotations

import random
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from ablate.errors import RequestError
from ablate.seeds import stream_seed
from ablate.training.reset import check_rebuildable, layers_by_path, reset
from tests.training.small_models import Block, convnet, plain, value_of


def values(model: keras.Model) -> dict[str, np.ndarray]:
    """What the model holds, by the path of a layer and the index of the variable in it."""
    return {
        f"{path}/{index}": value_of(variable)
        for path, layer in layers_by_path(model).items()
        for index, variable in enumerate(layer.variables)
    }


def same(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(left[name], right[name]) for name in left.keys() & right.keys())


@pytest.mark.parametrize("build", [convnet, plain], ids=["convnet", "plain"])
def test_reset_does_not_depend_on_earlier_use_of_the_model(build: Any) -> None:
    used, untouched = build(), build()
    reset(untouched, 5)
    for variable in used.variables:
        variable.assign(variable + 1)
    reset(used, 4)
    reset(used, 5)
    assert same(values(used), values(untouched))
    assert values(used).keys() == values(untouched).keys()


def test_another_seed_gives_other_weights_and_masks() -> None:
    model = convnet()
    reset(model, 0)
    zero = values(model)
    reset(model, 1)
    one = values(model)
    changed = {name for name in zero if not np.array_equal(zero[name], one[name])}
    assert {
        "model/conv1/0",  # kernel
        "model/block/0",  # the block's own weight
        "model/block/conv/0",
        "model/block/conv/1",
        "model/block/dropout/0",  # the state of its generator
        "model/tail/dropout/0",
        "model/tail/dropout#2/0",
        "model/tail/dense/0",
        "model/head/0",
    } <= changed
    assert not np.array_equal(one["model/tail/dropout/0"], one["model/tail/dropout#2/0"])


@pytest.mark.parametrize(
    "change", [{"extra": True}, {"skip": False}], ids=["one_layer_more", "one_layer_less"]
)
def test_shared_layers_of_two_variants_start_from_equal_weights(change: dict[str, bool]) -> None:
    model, variant = convnet(), convnet(**change)
    reset(model, 3)
    reset(variant, 3)
    left, right = values(model), values(variant)
    # The variables of a block are also listed as those of the layers in it, under their own names.
    shared = {name for name in left.keys() & right.keys() if name.count("/") == 2}
    shared -= {name for name in shared if name.startswith("model/block/")}
    shared |= {name for name in left.keys() & right.keys() if name.startswith("model/block/conv/")}
    assert {"model/head/0", "model/conv1/0", "model/block/conv/1"} <= shared
    assert all(np.array_equal(left[name], right[name]) for name in shared)


def test_weight_comes_from_the_stream_of_its_initializer() -> None:
    model = convnet()
    reset(model, 7)
    seed = stream_seed(7, "init/model/conv1/kernel_initializer")
    expected = keras.initializers.GlorotUniform(seed=seed)((3, 3, 1, 4))
    kernel = model.get_layer("conv1").kernel
    np.testing.assert_array_equal(value_of(kernel), value_of(expected))


def test_state_of_dropout_comes_from_its_own_stream() -> None:
    model = convnet()
    reset(model, 7)
    dropout = model.get_layer("tail").layers[0]
    seed = stream_seed(7, "dropout/model/tail/dropout/seed_generator")
    state = value_of(dropout.seed_generator.state)
    np.testing.assert_array_equal(state, [seed, 0])


def test_run_seed_replaces_a_seed_in_the_model() -> None:
    fixed = keras.initializers.HeNormal(seed=1)
    model = keras.Sequential([layers.Input((4,)), layers.Dense(3, kernel_initializer=fixed)])
    kernels = []
    for seed in (0, 1):
        reset(model, seed)
        kernels.append(value_of(model.layers[0].kernel))
    assert not np.array_equal(*kernels)


def test_weights_drawn_from_the_global_generator_are_reset() -> None:
    @keras.saving.register_keras_serializable("tests")
    class Drawn(layers.Layer):
        def build(self, input_shape: tuple[int, ...]) -> None:
            self.w = self.add_weight(
                shape=(5,), initializer=lambda shape, dtype: keras.random.normal(shape, dtype=dtype)
            )

        def call(self, x: Any) -> Any:
            return x * keras.ops.sum(self.w)

    model = keras.Sequential([layers.Input((4,)), Drawn(name="drawn")])
    drawn = []
    for seed in (0, 1, 0):
        reset(model, seed)
        drawn.append(value_of(model.layers[0].w))
    np.testing.assert_array_equal(drawn[0], drawn[2])
    assert not np.array_equal(drawn[0], drawn[1])


def test_statistics_of_batch_normalization_are_reset() -> None:
    model = convnet()
    norm = model.get_layer("norm1")
    norm.moving_mean.assign(norm.moving_mean + 3)
    norm.moving_variance.assign(norm.moving_variance + 3)
    reset(model, 0)
    assert not value_of(norm.moving_mean).any()
    assert (value_of(norm.moving_variance) == 1).all()


def test_layer_paths_do_not_depend_on_models_built_before() -> None:
    first, second = plain(), plain()
    assert first.layers[0].name != second.layers[0].name
    assert list(layers_by_path(first)) == list(layers_by_path(second))


def test_reset_does_not_change_the_generator_of_python() -> None:
    model = plain()
    before = random.getstate()
    reset(model, 0)
    assert random.getstate() == before


def test_layer_that_cannot_be_rebuilt_is_refused() -> None:
    class Silent(Block):
        def __init__(self, channels: int, depth: int) -> None:
            super().__init__(channels)

        def get_config(self) -> dict[str, Any]:
            return {}

    model = keras.Sequential([layers.Input((4, 4, 1)), Silent(3, 2)])
    with pytest.raises(
        RequestError, match=r"get_config from which layer model/silent can be rebuilt"
    ):
        reset(model, 0)


def test_the_usual_layer_without_get_config_can_be_reset() -> None:
    class Own(keras.layers.Layer):
        def __init__(self, units: int) -> None:
            super().__init__()
            self.units = units

        def build(self, input_shape: tuple[int, ...]) -> None:
            self.w = self.add_weight(shape=(input_shape[-1], self.units))

        def call(self, x: Any) -> Any:
            return keras.ops.matmul(x, self.w)

    model = keras.Sequential([layers.Input((4,)), Own(3)])
    check_rebuildable(model)
    drawn = []
    for seed in (0, 1, 0):
        reset(model, seed)
        drawn.append(value_of(model.layers[0].w))
    np.testing.assert_array_equal(drawn[0], drawn[2])
    assert not np.array_equal(drawn[0], drawn[1])


def test_a_layer_that_cannot_be_rebuilt_is_told_what_to_add() -> None:
    class Own(keras.layers.Layer):
        def __init__(self, sizes: Any) -> None:
            super().__init__()
            self.sizes = sizes

        def build(self, input_shape: tuple[int, ...]) -> None:
            self.w = self.add_weight(shape=(input_shape[-1], 2))

        def call(self, x: Any) -> Any:
            return keras.ops.matmul(x, self.w)

    model = keras.Sequential([layers.Input((4,)), Own(object())])
    with pytest.raises(RequestError, match=r"Give Own a __init__.* and a get_config\(self\)"):
        check_rebuildable(model)
