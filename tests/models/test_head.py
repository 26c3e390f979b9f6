"""The end of a model: every built-in model gives the answer that any task asks for."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from ablate.config.recipe import Recipe
from ablate.config.variant import Variant
from ablate.data.info import DatasetInfo
from ablate.errors import RequestError
from ablate.models import convnet, segmenter
from ablate.models.build import build_model
from ablate.models.head import answer
from ablate.tasks.task import Output, task_of
from ablate.training.outputs import final_activation

SHAPE = (7, 6, 3)
TASKS = {
    "classification": (None, 3),
    "segmentation": (None, 7, 6, 3),
    "multilabel": (None, 3),
    "boxes": (None, 7),
}
"""The shape of the output for images of that shape and three classes, by task."""


def info_of(task: str) -> DatasetInfo:
    return DatasetInfo(task, SHAPE, ("a", "b", "c"), 3, 3, 3, "f")


def variant(module: Any, **options: Any) -> Variant:
    node = {"_target_": f"{module.__name__}.build", **options}
    return Variant(node, {}, Recipe(), allow=(__name__,))


def build(shape: tuple[int, int, int], classes: int, *, output: Output | None = None) -> Any:
    """A model of one's own that ends as the task asks for."""
    images = layers.Input(shape)
    vector = layers.Dense(4)(layers.Flatten()(images))
    assert output is not None
    return keras.Model(images, answer(vector, output, image_shape=shape))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("model", ["convnet", "segmenter", "vector"])
def test_a_model_gives_the_answer_of_a_task(model: str, task: str) -> None:
    info = info_of(task)
    if model == "vector":
        own = Variant({"_target_": f"{__name__}.build"}, {}, Recipe(), allow=(__name__,))
        built = build_model(own, info)
    else:
        module = {"convnet": convnet, "segmenter": segmenter}[model]
        built = build_model(variant(module, filters=[2, 2]), info)
    assert built.output_shape == TASKS[task]
    task_of(task).check_output(built.output_shape, info)
    assert final_activation(built) == task_of(task).output(info).activation
    assert np.isfinite(built(np.zeros((1, *SHAPE), np.float32))).all()


@pytest.mark.parametrize("kind", ["image", "position"])
def test_a_place_in_the_image_is_kept_where_the_task_asks_for_it(kind: Any) -> None:
    features = layers.Input((4, 4, 2))
    model = keras.Model(features, answer(features, Output(1, "linear", kind), image_shape=SHAPE))
    corners = np.zeros((2, 4, 4, 2), np.float32)
    corners[0, 0, 0] = corners[1, 3, 3] = 1
    first, second = np.asarray(model(corners)).ravel()
    assert (first == second) == (kind == "image")


def test_a_small_map_is_enlarged_bilinearly_before_the_activation() -> None:
    features = layers.Input((2, 3, 2))
    model = keras.Model(
        features, answer(features, Output(2, "softmax", "pixel"), image_shape=(8, 12, 3))
    )
    x = np.random.default_rng(0).random((1, 2, 3, 2), np.float32)
    kernel, bias = (np.asarray(each) for each in model.get_layer("head").weights)
    small = x @ kernel[0, 0] + bias
    enlarged = keras.ops.image.resize(small, (8, 12), interpolation="bilinear")
    np.testing.assert_allclose(model(x), keras.ops.softmax(enlarged), rtol=1e-5)


def test_the_output_is_no_key_of_the_model() -> None:
    with pytest.raises(RequestError, match=r"Unknown key model\.output"):
        build_model(variant(convnet, output="boxes"), info_of("segmentation"))
