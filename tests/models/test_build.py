"""A builder is called with the same settings of Keras, whatever changed them before."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import pytest
from keras import layers

from ablate.config.recipe import Recipe
from ablate.config.variant import Variant
from ablate.data.info import DatasetInfo
from ablate.errors import RequestError
from ablate.models.build import build_augmentation, build_model

INFO = DatasetInfo("classification", (4, 4, 1), ("a", "b", "c"), 3, 3, 3, "f")


def build(shape: tuple[int, int, int], classes: int, *, change: str = "") -> keras.Model:
    if change == "floatx":
        keras.config.set_floatx("float64")
    if change == "image_data_format":
        keras.config.set_image_data_format("channels_first")
    if change == "policy":
        keras.config.set_dtype_policy("mixed_bfloat16")
    return keras.Sequential([layers.Input(shape), layers.Conv2D(2, 1), layers.Flatten()])


def augmentation(shape: tuple[int, int, int], *, kind: str) -> object:
    one, two = layers.RandomFlip(name="one"), layers.GaussianNoise(0.1, name="two")
    return {
        "layer": one,
        "list": [one, [two]],
        "sequential": keras.Sequential([layers.Input(shape), one, two]),
        "pipeline": layers.Pipeline([one, layers.Pipeline([two])]),
        "nothing": [],
        "function": lambda x: x,
    }[kind]


def variant(*, precision: str = "float32", **options: str) -> Variant:
    node = {"_target_": f"{__name__}.build", **options}
    return Variant(node, {}, Recipe(precision=precision), allow=(__name__,))


def settings() -> tuple[str, ...]:
    return (
        keras.config.floatx(),
        keras.config.image_data_format(),
        keras.config.dtype_policy().name,
        str(keras.config.epsilon()),
    )


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    keras.config.set_epsilon(1e-7)
    keras.config.set_dtype_policy("float32")


def test_settings_of_a_keras_json_have_no_effect() -> None:
    keras.config.set_image_data_format("channels_first")
    keras.config.set_floatx("float64")
    keras.config.set_epsilon(0.1)
    keras.config.set_dtype_policy("mixed_float16")
    model = build_model(variant(), INFO)
    assert model.layers[0].data_format == "channels_last"
    assert model.layers[0].kernel.dtype == "float32"
    assert settings() == ("float32", "channels_last", "float32", "1e-07")


@pytest.mark.parametrize("change", ["floatx", "image_data_format"])
def test_a_builder_that_changes_a_setting_is_refused(change: str) -> None:
    with pytest.raises(RequestError, match=f"leaves Keras' {change} at"):
        build_model(variant(change=change), INFO)
    assert settings() == ("float32", "channels_last", "float32", "1e-07")


@pytest.mark.parametrize(
    ("precision", "change"), [("mixed_bfloat16", ""), ("float32", "policy")], ids=str
)
def test_the_precision_reaches_the_layers_of_one_model(precision: str, change: str) -> None:
    model = build_model(variant(precision=precision, change=change), INFO)
    assert model.layers[0].dtype_policy.name == "mixed_bfloat16"
    assert keras.config.dtype_policy().name == "float32"


def augmented(kind: str) -> Variant:
    node = {"_target_": f"{__name__}.augmentation", "kind": kind}
    return Variant({}, {}, Recipe(precision="mixed_bfloat16"), (__name__,), augment=node)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("layer", ["one"]),
        ("list", ["one", "two"]),
        ("sequential", ["one", "two"]),
        ("pipeline", ["one", "two"]),
    ],
)
def test_the_layers_of_an_augmentation_are_built_one_by_one(kind: str, names: list[str]) -> None:
    found = build_augmentation(augmented(kind), INFO)
    assert [layer.name for layer in found] == names
    assert {layer.dtype_policy.name for layer in found} == {"float32"}


@pytest.mark.parametrize("kind", ["nothing", "function"])
def test_an_augmentation_without_layers_is_refused(kind: str) -> None:
    with pytest.raises(RequestError, match=r"to return a keras.Layer or a list of layers; rec"):
        build_augmentation(augmented(kind), INFO)


def test_without_an_augmentation_there_are_no_layers() -> None:
    assert build_augmentation(variant(), INFO) == ()


def test_a_builder_is_not_called_with_what_is_frozen() -> None:
    frozen = variant()
    node = {**frozen.model, "frozen": {"conv*": "random"}}
    with pytest.raises(RequestError, match="leaves none"):
        build_model(Variant(node, {}, Recipe(), allow=(__name__,)), INFO)
