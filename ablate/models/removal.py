"""Another model without some of its layers or blocks, which are given by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import layers

from ablate.config.locate import locate
from ablate.errors import RequestError
from ablate.fields import check_flag, check_list, refuse_unknown_keys
from ablate.models.head import answer
from ablate.models.layer_names import MOST_NAMED, matching_names
from ablate.tasks.task import Output, class_output
from ablate.wording import first_few

KERAS_DEFAULTS = {"weights": None, "include_top": False, "include_preprocessing": False}
"""Options of the models of Keras, whose own scaling expects pixels from 0 to 255."""
BUILDERS = ("ablate.models", "keras.applications", "keras.src.applications")
"""Packages whose models need no permission; Keras defines those of the second in the third."""


def build(  # noqa: PLR0913 - one keyword a key, as in conf/model/removal.yaml
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    of: str,
    units: Sequence[str] | Mapping[str, bool] | None = None,
    options: Mapping[str, Any] | None = None,
    allowed_packages: Sequence[str] = (),
    output: Output | None = None,
) -> keras.Model:
    """A model of another builder, without the layers and blocks that `units` names.

    A unit is the name of a layer, the start of the names of a block (`block_3` for
    `block_3_expand`, `block_3_project`, ...), or a pattern with `*` and `?`. Where a removed part
    changed the shape of its input, a 1x1 convolution without activation, of the strides that are
    needed, takes its place; it is named after the last layer that was removed there, with
    `_bridge`. All other layers keep their names and the values that the builder gave them.

    Models of keras.applications are built without their weights, their top and their scaling of
    pixels, unless `options` says otherwise, and end as the task asks.

    Args:
        input_shape: Height, width and channels of an image.
        classes: Number of classes.
        of: Dotted name of the builder.
        units: What is removed; or for each unit whether it is present.
        options: Keyword arguments of the builder.
        allowed_packages: Packages of the user whose builders may be called.
        output: What the task asks of the model; None for one of the classes.

    Raises:
        RequestError: There is no such builder or unit, or a unit cannot be removed.
    """
    names = _removed_units(units)
    function = locate(of, allowed_packages, own=BUILDERS)
    model = _whole_model(function, (input_shape, classes), output=output, options=options or {})
    if isinstance(model, keras.Sequential):
        if not model.built:
            model.build((None, *input_shape))
        model = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    if not isinstance(model, keras.Function):
        raise RequestError(
            f"Expected {of} to return keras.Sequential or keras.Model(inputs, outputs), whose "
            f"layers Keras can connect in another way; received {type(model).__name__}."
        )
    return remove(model, names) if names else model


def remove(model: keras.Model, units: Sequence[str]) -> keras.Model:
    """A functional model without some units; the given one stays as it is.

    Args:
        model: A functional model.
        units: Names, starts of names or patterns, as for `build`.

    Raises:
        RequestError: A unit matches no layer, or cannot be removed.
    """
    removed = _matching_layers(model, units)
    inputs = [each.name for each in model.operations if isinstance(each, layers.InputLayer)]
    if len(inputs) != 1:
        raise RequestError(f"Expected a model with one input, images; received {inputs}.")
    for name in (*inputs, *model.output_names):
        if name in removed:
            raise RequestError(
                f"Expected the input and the output of the model to stay; received {name!r} among "
                f"the layers to remove."
            )
    images = keras.tree.map_structure(
        lambda x: layers.Input(batch_shape=x.shape, dtype=x.dtype, name=inputs[0]), model.input
    )
    graph = _Rewiring(removed, {x.name: inputs[0] for x in keras.tree.flatten(images)})
    rest = keras.models.clone_model(
        model, images, clone_function=graph.clone, call_function=graph.call
    )
    for layer in model.layers:
        if layer.name not in removed:
            # `get_weights` leaves out the states of random generators.
            pairs = zip(rest.get_layer(layer.name).variables, layer.variables, strict=True)
            for variable, value in pairs:
                variable.assign(value)
    return rest


def _removed_units(units: Sequence[str] | Mapping[str, bool] | None) -> list[str]:
    if isinstance(units, Mapping):
        present = {str(n): check_flag(each, f"model.units.{n}") for n, each in units.items()}
        return [name for name, is_present in present.items() if not is_present]
    names = list(check_list(units or (), "model.units"))
    for name in names:
        if not isinstance(name, str) or not name:
            raise RequestError(f"Expected names of layers in model.units; received {name!r}.")
    return names


def _whole_model(
    function: Callable[..., Any],
    image_and_classes: tuple[tuple[int, int, int], int],
    *,
    output: Output | None,
    options: Mapping[str, Any],
) -> Any:
    """What a builder makes, with the end that the task asks for."""
    known = inspect.signature(function).parameters
    given = {str(key): value for key, value in options.items()}
    by_name = dict(zip(("input_shape", "classes"), image_and_classes, strict=True))
    arguments = () if by_name.keys() <= known.keys() else image_and_classes
    defaults: dict[str, Any] = {"output": output, **({} if arguments else by_name)}
    if function.__module__.startswith("keras."):
        defaults |= KERAS_DEFAULTS
    if not any(each.kind is each.VAR_KEYWORD for each in known.values()):
        refuse_unknown_keys(given, known.keys() - by_name.keys(), node="model.options")
    defaults = {key: value for key, value in defaults.items() if key in known}
    has_no_top = "include_top" in defaults and "include_top" not in given
    model = function(*arguments, **(defaults | given))
    if has_no_top:
        image_shape, classes = image_and_classes
        end = answer(model.output, output or class_output(classes), image_shape=image_shape)
        model = keras.Model(model.input, end, name=model.name)
    return model


def _matching_layers(model: keras.Model, units: Iterable[str]) -> set[str]:
    """The names of all layers that the units match."""
    known = [operation.name for operation in model.operations]
    return {name for unit in units for name in matching_names(known, unit, key="model.units")}


@dataclass(frozen=True, slots=True, eq=False)
class _Gap:
    """What is in the place of the output of a removed layer.

    Attributes:
        layer: Name of the removed layer.
        sources: The tensors of layers that stay, from which its output came.
        like: The output that it had.
    """

    layer: str
    sources: tuple[keras.KerasTensor, ...]
    like: keras.KerasTensor


@dataclass(slots=True)
class _Rewiring:
    """Calls the layers that stay, as Keras visits the graph in the order of computation.

    Attributes:
        removed: Names of the layers that are left out.
        producers: Name of the layer of each tensor, by the tensor's name.
        projections: By the name of a removed layer, what takes its place.
    """

    removed: set[str]
    producers: dict[str, str]
    projections: dict[str, keras.Layer] = field(default_factory=dict)

    def clone(self, layer: Any) -> Any:
        """A layer of its own for the new model: one of two models knows the tensors of both."""
        return layer if layer.name in self.removed else type(layer).from_config(layer.get_config())

    def call(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        """The output of a layer, or the gap that it leaves."""
        if layer.name in self.removed:
            return self._leave_out(layer, args, kwargs)
        args, kwargs = keras.tree.map_structure(self._bridged, (args, kwargs))
        outputs = layer(*args, **kwargs)
        for tensor in keras.tree.flatten(outputs):
            self.producers[tensor.name] = layer.name
        return outputs

    def _leave_out(self, layer: Any, args: Any, kwargs: Any) -> _Gap:
        inputs = keras.tree.flatten((args, kwargs))
        sources: dict[int, keras.KerasTensor] = {}
        for each in inputs:
            tensors = each.sources if isinstance(each, _Gap) else (each,)
            sources |= {id(x): x for x in tensors if isinstance(x, keras.KerasTensor)}
        args, kwargs = keras.tree.map_structure(
            lambda each: each.like if isinstance(each, _Gap) else each, (args, kwargs)
        )
        outputs = keras.tree.flatten(layer.compute_output_spec(*args, **kwargs))
        if len(outputs) != 1:
            raise RequestError(
                f"Cannot remove layer {layer.name!r}: it has {len(outputs)} outputs instead of one."
            )
        return _Gap(layer.name, tuple(sources.values()), outputs[0])

    def _bridged(self, value: Any) -> Any:
        """The input of a layer that stays: where it is a gap, what the gap's input gives."""
        if not isinstance(value, _Gap):
            return value
        if len(value.sources) != 1:
            names = [repr(self.producers[source.name]) for source in value.sources]
            raise RequestError(
                f"Cannot remove layer {value.layer!r}: it joins the outputs of "
                f"{first_few(names, most=MOST_NAMED)}. Remove the whole block, so that one input "
                f"is left."
            )
        (source,) = value.sources
        if tuple(source.shape) == tuple(value.like.shape):
            return source
        if value.layer not in self.projections:
            self.projections[value.layer] = self._projection(value, source)
        return self.projections[value.layer](source)

    def _projection(self, gap: _Gap, source: keras.KerasTensor) -> keras.Layer:
        """A layer from a tensor to the shape of a removed layer's output."""
        before, after, name = source.shape[1:], gap.like.shape[1:], f"{gap.layer}_bridge"
        if len(before) == len(after) == 1:
            return layers.Dense(after[0], name=name)
        if len(before) == len(after) == 3:  # height, width, channels
            strides = tuple(map(_stride, before[:2], after[:2]))
            if 0 not in strides:
                return layers.Conv2D(after[2], 1, strides=strides, padding="same", name=name)
        raise RequestError(
            f"Cannot remove layer {gap.layer!r}: no 1x1 convolution leads from the output of "
            f"{self.producers[source.name]!r}, of shape {tuple(before)}, to its own, of shape "
            f"{tuple(after)}."
        )


def _stride(before: int | None, after: int | None) -> int:
    """The smallest stride that makes a side as long as asked; 0 if there is none."""
    if before == after:
        return 1
    if before is None or after is None:
        return 0
    return next((step for step in range(1, before + 1) if -(-before // step) == after), 0)
