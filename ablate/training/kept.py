"""Values that a builder put into a model: loaded, pretrained or set by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from ablate.errors import RequestError
from ablate.training.outputs import output_shape
from ablate.training.reset import fresh_values, layers_by_path, own_weights
from ablate.wording import first_few, quantity

MOST_NAMED = 4
"""Layers that a note names."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The values that no run may overwrite.

    Attributes:
        values: By the path of a layer, its values in the order of its weights; None for a weight
            that is drawn.
    """

    values: Mapping[str, tuple[NDArray[Any] | None, ...]] = field(default_factory=dict)

    @property
    def layers(self) -> tuple[str, ...]:
        """Paths of the layers that hold such values."""
        return tuple(self.values)

    def notes(self) -> tuple[str, ...]:
        """What a user must know of them, as a sentence; empty if there are none."""
        if not self.values:
            return ()
        names = [path.removeprefix("model/") for path in self.layers]
        return (
            f"The values that the builder put into {quantity(len(names), 'layer')} stay in every "
            f"run: {first_few(names, most=MOST_NAMED)}.",
        )


NOTHING = Kept()
"""A model whose weights are all drawn."""


def kept_values(
    model: keras.Model, build: Callable[[], keras.Model], *, shape: tuple[int, int, int]
) -> Kept:
    """The values of a model that its builder put there.

    A weight that holds what one of its layer's initializers makes was drawn. Where one holds
    something else, the model is built again: what differs then was drawn as well, and what is equal
    was put there. A layer that is rebuilt from its configuration settles the rest: what the rebuild
    makes again, such as zeros, is no value of the builder.

    Args:
        model: A model that was just built.
        build: Builds it again.
        shape: Height, width and channels of an image.

    Raises:
        RequestError: The builder does not make the same layers twice.
    """
    output_shape(model, shape)  # a model of a class of its own has no weights before it is called
    suspects = {path: found for path, found in _unexplained(model) if any(found)}
    if not suspects:
        return NOTHING
    twin = build()
    output_shape(twin, shape)
    first, second = layers_by_path(model), layers_by_path(twin)
    if first.keys() != second.keys():
        other = next(iter(first.keys() ^ second.keys()))
        raise RequestError(
            f"Expected the builder to make the same layers each time; received {other} only once."
        )
    kept = {}
    for path, found in suspects.items():
        values = _put_there(first[path], second[path], found, path)
        if any(value is not None for value in values):
            kept[path] = values
    return Kept(kept)


def _unexplained(model: keras.Model) -> Iterator[tuple[str, list[bool]]]:
    """By layer, which of its weights hold something else than its initializers make."""
    for path, layer in layers_by_path(model).items():
        weights = own_weights(layer)
        if weights:
            makers = [
                value
                for value in vars(layer).values()
                if isinstance(value, keras.initializers.Initializer)
            ]
            yield path, [not _is_made(weight, makers) for weight in weights]


def _is_made(weight: keras.Variable, makers: list[Any]) -> bool:
    """Whether an initializer makes what a weight holds; with a number as its seed it can."""
    value = _value(weight)
    for maker in makers:
        try:
            made = maker(tuple(weight.shape), dtype=weight.dtype)
        except Exception:  # an initializer for another weight of the layer, of another shape
            continue
        if _same(value, np.asarray(made)):
            return True
    return False


def _put_there(
    layer: keras.Layer, twin: keras.Layer, suspects: list[bool], path: str
) -> tuple[NDArray[Any] | None, ...]:
    pairs = list(zip(own_weights(layer), own_weights(twin), suspects, strict=True))
    equal = [found and _same(_value(one), _value(other)) for one, other, found in pairs]
    if not any(equal):
        return (None,)
    rebuilt = fresh_values(layer, path, seed=0, own=own_weights(layer))
    return tuple(
        _value(one) if same and not _same(_value(one), _value(fresh)) else None
        for (one, _, _), same, fresh in zip(pairs, equal, rebuilt, strict=True)
    )


def _value(variable: Any) -> NDArray[Any]:
    return np.asarray(variable).copy()


def _same(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return one.shape == other.shape and one.dtype == other.dtype and np.array_equal(one, other)
