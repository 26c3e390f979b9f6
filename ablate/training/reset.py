"""Setting a model to what a fresh build with some run seed would hold."""

from __future__ import annotations

import contextlib
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import keras

from ablate.errors import RequestError
from ablate.seeds import stream_seed
from ablate.wording import error_summary


def reset(model: keras.Model, seed: int) -> None:
    """Give every variable of every layer the value that a fresh build with this run seed holds.

    Weights, statistics and the states of random generators each come from a stream named after
    their layer, so a layer starts from the same values in every variant that has it, whatever
    stands before it. A seed written into the model itself gives way to the run seed.

    Args:
        model: A built model, whose layers can be made anew from their `get_config`.
        seed: The run seed.

    Raises:
        RequestError: A layer cannot be made anew from its `get_config`.
    """
    for path, layer in layers_by_path(model).items():
        generators = _generators(layer)
        states = {id(generator.state) for generator in generators.values()}
        own = [variable for variable in _own_variables(layer) if id(variable) not in states]
        if own:
            for variable, value in zip(own, _fresh_values(layer, path, seed, own), strict=True):
                variable.assign(value)
        for name, generator in generators.items():
            generator.state.assign([stream_seed(seed, f"dropout/{path}/{name}"), 0])


def layers_by_path(model: keras.Model) -> dict[str, keras.Layer]:
    """Every layer of a model at any depth, by a path of names that is the same in every process.

    A step of the path is the attribute that holds the layer, or else the layer's name. Keras counts
    up the names that it gives of itself over all models of a process; here they are counted within
    the layer that holds them.
    """
    found: dict[int, tuple[str, keras.Layer]] = {}
    _walk(model, "model", found)
    return dict(found.values())


def _walk(layer: keras.Layer, path: str, found: dict[int, tuple[str, keras.Layer]]) -> None:
    if id(layer) in found:  # shared by two layers: known by the first path that leads to it
        return
    found[id(layer)] = path, layer
    attributes = {id(value): name for name, value in vars(layer).items()}
    used: Counter[str] = Counter()
    # Keras lists the layers of a model in public, but not those of a layer; `_layers` is the list
    # that its own `variables` is made from.
    for child in layer._layers:
        name = attributes.get(id(child)) or _uncounted(child)
        used[name] += 1
        step = name if used[name] == 1 else f"{name}#{used[name]}"
        _walk(child, f"{path}/{step}", found)


def _uncounted(layer: keras.Layer) -> str:
    """The layer's name, without the number that Keras appends to a name it gives of itself."""
    stem = re.sub(r"_\d+$", "", layer.name)
    given = stem.replace("_", "") == type(layer).__name__.lower()
    return stem if given else layer.name


def _own_variables(layer: keras.Layer) -> list[keras.Variable]:
    """Variables of the layer that are in none of the layers within it."""
    within = {id(variable) for child in layer._layers for variable in child.variables}
    return [variable for variable in layer.variables if id(variable) not in within]


def _generators(layer: keras.Layer) -> dict[str, keras.random.SeedGenerator]:
    return {
        name: value
        for name, value in vars(layer).items()
        if isinstance(value, keras.random.SeedGenerator)
    }


def _fresh_values(
    layer: keras.Layer, path: str, seed: int, own: list[keras.Variable]
) -> list[keras.Variable]:
    """What the layer's own variables hold when it is made anew."""
    stream = f"init/{path}"
    try:
        config = layer.get_config()
        with _seeded_globals(stream_seed(seed, stream), foreign=_is_foreign(layer, config)):
            fresh = type(layer).from_config(_seeded(config, stream, seed))
            if len(_own_variables(fresh)) < len(own):
                fresh.build_from_config(layer.get_build_config() or {})
    except (NotImplementedError, TypeError) as error:
        raise RequestError(
            f"Expected a get_config from which layer {path} can be made anew; received "
            f"{error_summary(error, limit=300)}"
        ) from error
    states = {id(generator.state) for generator in _generators(fresh).values()}
    values = [variable for variable in _own_variables(fresh) if id(variable) not in states]
    if [value.shape for value in values] != [variable.shape for variable in own]:
        raise RequestError(
            f"Expected layer {path} to hold the same variables when it is made anew; received "
            f"{[value.name for value in values]} for {[variable.name for variable in own]}."
        )
    return values


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
        return [_seeded(value, f"{stream}/{place}", seed) for place, value in enumerate(node)]
    return node


def _is_foreign(layer: keras.Layer, config: Mapping[str, Any]) -> bool:
    """Whether somebody else than Keras wrote the layer or a part that its configuration names."""
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
    """Seeds for what draws from a generator that belongs to no layer.

    In Keras' own layers that is a seed left open, which comes from Python's `random`. Other code
    may draw from anything; but `set_random_seed` makes TensorFlow forget its prepared functions,
    half a second of work, so only such code pays for it.
    """
    before = random.getstate()
    if foreign:
        keras.utils.set_random_seed(seed)
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
