"""A study as its YAML file states it, read into nouns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ablate.errors import RequestError, nearest
from ablate.study.study import Factor, Level, Response, Study

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
"""Factors that `study.controls` adds to a study; their effect is a false alarm."""


def study_from_mapping(mapping: Mapping[str, Any]) -> Study:
    """A study as its YAML file states it.

    Args:
        mapping: The content of the `study` node: plain dicts, lists and scalars.

    Raises:
        RequestError: A key is unknown or missing, or a value is not what it should be.
    """
    known = set(Study.__slots__) - {"most_replicates"}
    for key in mapping:
        if key not in known:
            raise RequestError(f"Unknown key study.{key}.{nearest(str(key), known)}")
    for key in ("name", "factors"):
        if not mapping.get(key):
            raise RequestError(f"Expected study.{key}; received nothing.")
    plain = {
        key: mapping[key]
        for key in ("name", "design", "margin", "question", "resolution")
        if mapping.get(key) is not None
    }
    plain.update(_replicates(mapping.get("replicates")))
    responses = mapping.get("responses")
    if responses is not None:
        plain["responses"] = _responses(responses)
    cells = mapping.get("cells")
    if cells is not None:
        plain["cells"] = tuple(_cell(item) for item in _sequence(cells, "study.cells"))
    factors = _factors(mapping["factors"])
    plain["controls"] = _controls(mapping.get("controls"))
    declared = {factor.name for factor in factors}
    added = tuple(CONTROLS[name] for name in plain["controls"] if name not in declared)
    return Study(factors=(*factors, *added), **plain)


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
    names = _sequence(node or (), "study.controls")
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
    path = f"study.factors.{name}"
    levels = node.get("levels") if isinstance(node, Mapping) else None
    if levels is None or set(node) != {"levels"}:
        raise RequestError(f"Expected {path} to hold levels: [...] alone; received {node!r}.")
    return Factor(name, tuple(_level(level, path) for level in _sequence(levels, path)))


def _level(node: Any, path: str) -> Level:
    if not isinstance(node, Mapping) or not set(node) <= {"name", "overrides"}:
        raise RequestError(
            f"Expected each level of {path} as {{name: present, overrides: [key=value]}}; "
            f"received {node!r}."
        )
    overrides = _sequence(node.get("overrides") or (), f"{path}, overrides")
    for override in overrides:
        if not isinstance(override, str):
            raise RequestError(
                f"Expected each override of {path} as text, key=value; received {override!r}."
            )
    return Level(node.get("name"), tuple(overrides))  # type: ignore[arg-type]


def _cell(node: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(node, Mapping):
        raise RequestError(
            f"Expected each of study.cells as {{factor: level}}, or {{}} for the full model; "
            f"received {node!r}."
        )
    return tuple((str(factor), str(level)) for factor, level in node.items())


def _responses(node: Any) -> tuple[Response, ...]:
    items = _sequence(node, "study.responses")
    if not items:
        raise RequestError(
            "Expected study.responses with one or more responses, or null for the default of the "
            "task; received an empty list."
        )
    return tuple(_response(item) for item in items)


def _response(node: Any) -> Response:
    if isinstance(node, Mapping):
        if "name" not in node or not set(node) <= set(Response.__slots__):
            raise RequestError(
                f"Expected a response as its name or as {{name, direction, unit}}; received "
                f"{node!r}."
            )
        return Response(**node)
    if isinstance(node, str):
        return Response(node)
    raise RequestError(
        f"Expected a response as its name or as {{name, direction, unit}}; received {node!r}."
    )


def _sequence(node: Any, path: str) -> Sequence[Any]:
    if isinstance(node, list | tuple):
        return node
    raise RequestError(f"Expected {path} to be a list; received {node!r}.")
