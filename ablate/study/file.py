"""A study as its YAML file states it, read into nouns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ablate.errors import RequestError, nearest
from ablate.fields import check_list, refuse_unknown_keys
from ablate.study.response import Response
from ablate.study.study import Factor, Level, Study


def switch(name: str, key: str) -> Factor:
    """A factor that switches a boolean key: present (true) is the reference, absent is false."""
    return Factor(name, (Level("present", (f"{key}=true",)), Level("absent", (f"{key}=false",))))


CONTROLS: Mapping[str, Factor] = MappingProxyType(
    {
        "placebo": Factor(
            "placebo",
            (
                Level("present", ("recipe.placebo=false",)),
                Level("absent", ("recipe.placebo=true",)),
            ),
        )
    }
)
"""Factors that `study.controls` adds to a study; an effect of theirs is a false alarm."""


def study_from_mapping(mapping: Mapping[str, Any]) -> Study:
    """A study as its YAML file states it.

    Args:
        mapping: The content of the `study` node: plain dicts, lists and scalars.

    Raises:
        RequestError: A key is unknown or missing, or a value is not what it should be.
    """
    refuse_unknown_keys(mapping, set(Study.__slots__) - {"most_replicates"}, node="study")
    for key in ("name", "factors"):
        if not mapping.get(key):
            raise RequestError(f"Expected study.{key}; received nothing.")
    plain = {
        key: mapping[key]
        for key in ("name", "design", "margin", "question", "resolution")
        if mapping.get(key) is not None
    }
    plain.update(_replicates(mapping.get("replicates")))
    if mapping.get("responses") is not None:
        plain["responses"] = _responses(mapping["responses"])
    if mapping.get("cells") is not None:
        plain["cells"] = tuple(map(_cell, check_list(mapping["cells"], "study.cells")))
    factors = _factors(mapping["factors"])
    plain["controls"] = _controls(mapping.get("controls"))
    declared = {factor.name for factor in factors}
    added = tuple(CONTROLS[name] for name in plain["controls"] if name not in declared)
    return Study(factors=(*factors, *added), **plain)


def switched_keys(mapping: Mapping[str, Any]) -> dict[str, str]:
    """The keys that factors name as boolean switches, by factor, such as ``model.residual``."""
    factors = mapping.get("factors")
    if not isinstance(factors, Mapping):
        return {}
    return {str(name): node for name, node in factors.items() if isinstance(node, str)}


def _replicates(node: Any) -> dict[str, Any]:
    """`replicates: 3`, or `replicates: {min: 3, max: 12}` for adaptive seeds."""
    if node is None:
        return {}
    if not isinstance(node, Mapping):
        return {"replicates": node}
    if set(node) != {"min", "max"}:
        raise RequestError(
            f"Expected study.replicates as a whole number or as {{min: 3, max: 12}}; received "
            f"{node!r}."
        )
    return {"replicates": node["min"], "most_replicates": node["max"]}


def _controls(node: Any) -> tuple[str, ...]:
    names = check_list(node or (), "study.controls")
    for name in names:
        if not isinstance(name, str) or name not in CONTROLS:
            raise RequestError(f"Unknown control {name!r}.{nearest(str(name), CONTROLS)}")
    return tuple(dict.fromkeys(names))


def _factors(factors: Any) -> tuple[Factor, ...]:
    if not isinstance(factors, Mapping):
        raise RequestError(
            f"Expected study.factors to map a factor's name to its levels; received "
            f"{type(factors).__name__}."
        )
    return tuple(_factor(str(name), node) for name, node in factors.items())


def _factor(name: str, node: Any) -> Factor:
    """A factor in its short forms, `key` and `{level: override}`, or its long form."""
    path = f"study.factors.{name}"
    if isinstance(node, str) and re.fullmatch(r"\w+(\.\w+)+", node):
        return switch(name, node)
    if isinstance(node, Mapping) and set(node) == {"levels"}:
        levels = check_list(node["levels"], path)
        return Factor(name, tuple(_level(level, path) for level in levels))
    if isinstance(node, Mapping) and node:
        return Factor(name, tuple(_short_level(*item, path=path) for item in node.items()))
    raise RequestError(
        f"Expected {path} as a key that is true or false, such as model.residual, as "
        f"{{level: key=value, ...}} or as {{levels: [...]}}; received {node!r}."
    )


def _short_level(name: Any, node: Any, *, path: str) -> Level:
    overrides = [node] if isinstance(node, str) else node
    if not isinstance(overrides, list | tuple) or not all(
        isinstance(override, str) and "=" in override for override in overrides
    ):
        raise RequestError(
            f"Expected the levels of {path} as {{level: key=value}} or "
            f"{{level: [key=value, ...]}}; received {node!r} for level {name!r}."
        )
    return Level(name, tuple(overrides))


def _level(node: Any, path: str) -> Level:
    if not isinstance(node, Mapping) or not set(node) <= {"name", "overrides"}:
        raise RequestError(
            f"Expected each level of {path} as {{name: present, overrides: [key=value]}}; "
            f"received {node!r}."
        )
    overrides = check_list(node.get("overrides") or (), f"{path}, overrides")
    for override in overrides:
        if not isinstance(override, str):
            raise RequestError(
                f"Expected each override of {path} as text, key=value; received {override!r}."
            )
    return Level(node.get("name", ""), tuple(overrides))


def _cell(node: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(node, Mapping):
        raise RequestError(
            f"Expected each of study.cells as {{factor: level}}, or {{}} for the full model; "
            f"received {node!r}."
        )
    return tuple((str(factor), str(level)) for factor, level in node.items())


def _responses(node: Any) -> tuple[Response, ...]:
    items = check_list(node, "study.responses")
    if not items:
        raise RequestError(
            "Expected study.responses with one or more responses, or null for the default of the "
            "task; received an empty list."
        )
    return tuple(map(_response, items))


def _response(node: Any) -> Response:
    if isinstance(node, str):
        return Response(node)
    if isinstance(node, Mapping) and "name" in node and set(node) <= set(Response.__slots__):
        return Response(**node)
    raise RequestError(
        f"Expected a response as its name or as {{name, direction, unit}}; received {node!r}."
    )
