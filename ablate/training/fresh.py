"""Setting a model to what a fresh build with some run seed would hold."""

from __future__ import annotations

from collections.abc import Iterator

import keras

from ablate.seeds import stream_seed


def reset(model: keras.Model, seed: int) -> None:
    """Give every variable of every layer the value that a fresh build with this run seed holds.

    Each layer draws from a stream named after it, its weights as well as its masks (the state of a
    dropout layer's generator). So a layer starts from the same values in every variant that has it,
    whatever stands before it.

    Args:
        model: A built model, whose layers can be made anew from their `get_config`.
        seed: The run seed.
    """
    for path, layer in sublayers(model):
        own = _own_variables(layer)
        if own:
            keras.utils.set_random_seed(stream_seed(seed, f"layer/{path}"))
            fresh = type(layer).from_config(layer.get_config())
            fresh.build_from_config(layer.get_build_config() or {})
            for variable, value in zip(own, _own_variables(fresh), strict=True):
                variable.assign(value)
    # What else draws from Keras' global generators does so from this run's stream too.
    keras.utils.set_random_seed(stream_seed(seed, "other"))


def sublayers(layer: keras.Layer, prefix: str = "") -> Iterator[tuple[str, keras.Layer]]:
    """Every layer within a layer, at any depth, with the path of names that leads to it.

    Keras lists the layers of a model in public, but not those of a layer; `_layers` is the list
    that its own `variables` is made from.
    """
    for child in layer._layers:
        path = f"{prefix}{child.name}"
        yield path, child
        yield from sublayers(child, f"{path}/")


def _own_variables(layer: keras.Layer) -> list[keras.Variable]:
    """Variables of the layer that are in none of the layers within it."""
    within = {id(variable) for child in layer._layers for variable in child.variables}
    return [variable for variable in layer.variables if id(variable) not in within]
