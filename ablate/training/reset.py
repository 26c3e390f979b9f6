"""Reset a model to what a fresh build with a run seed would hold."""

from __future__ import annotations

import contextlib
import inspect
import random
import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping
from typing import Any

import keras

from ablate.errors import RequestError
from ablate.seeds import stream_seed
from ablate.training.drawn import drawn_values
from ablate.wording import error_summary


def reset(
    model: keras.Model, seed: int, *, kept: Mapping[str, tuple[Any, ...]] | None = None
) -> None:
    """Give every variable of every layer the value that a fresh build with this run seed holds.

    Weights, statistics and the states of random generators each come from a stream named after
    their layer, so a layer starts from the same values in every variant that has it, independent of
    the layers before it. The run seed replaces a seed written into the model.

    Args:
        model: A built model, whose layers can be rebuilt from their `get_config`.
        seed: The run seed.
        kept: By the path of a layer, the values that are given instead of fresh ones, in the order
            of `own_weights`; None for a weight that gets its fresh value.

    Raises:
        RequestError: A layer cannot be rebuilt from its `get_config`.
    """
    for path, layer in layers_by_path(model).items():
        own = own_weights(layer)
        values = list((kept or {}).get(path, ())) or [None] * len(own)
        if any(value is None for value in values):
            fresh = drawn_values(layer, path, seed=seed, own=own)
            fresh = fresh or fresh_values(layer, path, seed=seed, own=own)
            values = [new if old is None else old for old, new in zip(values, fresh, strict=True)]
        for variable, value in zip(own, values, strict=True):
            variable.assign(value)
        for name, generator in generators(layer).items():
            generator.state.assign([stream_seed(seed, f"dropout/{path}/{name}"), 0])


def check_rebuildable(model: keras.Model, *, kept: Container[str] = ()) -> None:
    """Check that every layer that is not Keras' own can be rebuilt, as `reset` will.

    Args:
        model: A built model.
        kept: Paths of layers that are not rebuilt.

    Raises:
        RequestError: A layer cannot be rebuilt from its `get_config`.
    """
    for path, layer in layers_by_path(model).items():
        own = own_weights(layer)
        if own and path not in kept and type(layer).__module__.partition(".")[0] != "keras":
            fresh_values(layer, path, seed=0, own=own)


def own_weights(layer: keras.Layer) -> list[keras.Variable]:
    """Variables of the layer itself, without the states of its random generators."""
    states = {id(generator.state) for generator in generators(layer).values()}
    return [variable for variable in _own_variables(layer) if id(variable) not in states]


def layers_by_path(model: keras.Model) -> dict[str, keras.Layer]:
    """Every layer of a model at any depth, by a path of names that is the same in every process.

    A step of the path is the attribute that holds the layer, or otherwise the layer's name. Keras
    numbers the names that it generates over all models of a process; here they are numbered within
    the layer that holds them.
    """
    found: dict[int, tuple[str, keras.Layer]] = {}
    _walk(model, "model", found)
    return dict(found.values())


def _walk(layer: keras.Layer, path: str, found: dict[int, tuple[str, keras.Layer]]) -> None:
    if id(layer) in found:  # shared by two layers: the first path counts
        return
    found[id(layer)] = path, layer
    attributes = {id(value): name for name, value in vars(layer).items()}
    used: Counter[str] = Counter()
    # Keras has a public list of the layers of a model, but not of the layers inside a layer;
    # `_layers` is the list from which it makes `variables`.
    for child in layer._layers:
        name = attributes.get(id(child)) or _uncounted(child)
        used[name] += 1
        step = name if used[name] == 1 else f"{name}#{used[name]}"
        _walk(child, f"{path}/{step}", found)


def _uncounted(layer: keras.Layer) -> str:
    """The layer's name, without the number that Keras appends to a name it generates."""
    stem = re.sub(r"_\d+$", "", layer.name)
    generated = stem.replace("_", "") == type(layer).__name__.lower()
    return stem if generated else layer.name


def _own_variables(layer: keras.Layer) -> list[keras.Variable]:
    """Variables of the layer itself, without those of the layers inside it."""
    inner = {id(variable) for child in layer._layers for variable in child.variables}
    return [variable for variable in layer.variables if id(variable) not in inner]


def generators(layer: keras.Layer) -> dict[str, keras.random.SeedGenerator]:
    """Random generators of the layer itself, by attribute."""
    return {
        name: value
        for name, value in vars(layer).items()
        if isinstance(value, keras.random.SeedGenerator)
    }


def fresh_values(
    layer: keras.Layer, path: str, *, seed: int, own: list[keras.Variable]
) -> list[keras.Variable]:
    """What the layer's own weights hold after a rebuild with a run seed.

    Raises:
        RequestError: The layer cannot be rebuilt from its `get_config`.
    """
    stream = f"init/{path}"
    try:
        config = _config_of(layer)
        with _seeded_globals(stream_seed(seed, stream), foreign=_is_foreign(layer, config)):
            fresh = type(layer).from_config(_seeded(config, stream, seed))
            if len(_own_variables(fresh)) < len(own):
                fresh.build_from_config(layer.get_build_config() or {})
    except (NotImplementedError, TypeError) as error:
        name = type(layer).__name__
        raise RequestError(
            f"Expected a get_config from which layer {path} can be rebuilt; received "
            f"{error_summary(error, limit=200)} Give {name} a __init__(self, ..., **kwargs) that "
            f"calls super().__init__(**kwargs), and a get_config(self) that returns "
            f"{{**super().get_config(), 'argument': self.argument, ...}} with each argument."
        ) from error
    values = own_weights(fresh)
    if [value.shape for value in values] != [variable.shape for variable in own]:
        raise RequestError(
            f"Expected layer {path} to hold the same variables after it is rebuilt; received "
            f"{[value.name for value in values]} for {[variable.name for variable in own]}."
        )
    return values


def _config_of(layer: keras.Layer) -> dict[str, Any]:
    """The layer's configuration, as far as its class takes it.

    Keras records the arguments of a class without a `get_config` of its own, and adds its own keys
    to them, which the usual class without `**kwargs` does not take.
    """
    config: dict[str, Any] = layer.get_config()
    kind = type(layer)
    if kind.get_config is keras.Layer.get_config and kind.__init__ is not keras.Layer.__init__:
        parameters = inspect.signature(kind.__init__).parameters.values()
        if not any(item.kind is item.VAR_KEYWORD for item in parameters):
            taken = {item.name for item in parameters}
            return {key: value for key, value in config.items() if key in taken}
    return config


def _seeded(node: Any, stream: str, seed: int) -> Any:
    """A layer's configuration with each initializer in it seeded by its own named stream."""
    if isinstance(node, keras.initializers.Initializer):
        node = keras.initializers.serialize(node)
    if isinstance(node, Mapping):
        filled = {key: _seeded(value, f"{stream}/{key}", seed) for key, value in node.items()}
        if "class_name" in filled and "seed" in (filled.get("config") or ()):
            filled["config"]["seed"] = stream_seed(seed, stream)
        return filled
    if isinstance(node, list):
        return [_seeded(value, f"{stream}/{index}", seed) for index, value in enumerate(node)]
    return node


def _is_foreign(layer: keras.Layer, config: Mapping[str, Any]) -> bool:
    """Whether the layer, or a part that its configuration names, is not from Keras."""
    modules = [type(layer).__module__, *_modules(config)]
    return any(module.partition(".")[0] != "keras" for module in modules)


def _modules(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if "class_name" in node:
            yield node.get("module") or ""
        for value in node.values():
            yield from _modules(value)


@contextlib.contextmanager
def _seeded_globals(seed: int, *, foreign: bool) -> Iterator[None]:
    """Seed the generators that belong to no layer.

    Keras' own layers draw a seed that is not given from Python's `random`. Other code may draw from
    any generator; but `set_random_seed` makes TensorFlow forget its prepared functions, half a
    second of work, so it is called only for such code.
    """
    before = random.getstate()
    if foreign:
        keras.utils.set_random_seed(seed)
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
