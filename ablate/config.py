"""The composed configuration: where its files lie, and its content as checked nouns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ablate.recipe import Recipe, recipe_from_mapping
from ablate.study import Refusal, Study, nearest, study_from_mapping

PACKAGE = Path(__file__).resolve().parent


def shipped(folder: str) -> Path:
    """`conf` or `experiments`: inside the package when installed, beside it in a checkout."""
    inside = PACKAGE / folder
    return inside if inside.is_dir() else PACKAGE.parent / folder


@dataclass(frozen=True, slots=True)
class Variant:
    """What Hydra composes for a cell: the concrete model, data and recipe, and nothing else.

    Attributes:
        model: The `model` node: `_target_` and its keyword arguments.
        data: The `data` node: `_target_` and its keyword arguments.
        recipe: How it is trained.
        allow: Packages, besides this program and Keras, that a `_target_` may name.
    """

    model: Mapping[str, Any]
    data: Mapping[str, Any]
    recipe: Recipe
    allow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """What the user wants to train on.

    Attributes:
        kind: ``auto``, ``cpu`` or ``gpu``.
        workers: Processes that train at once, on each GPU where there are any; None: measured rule.
        threads: CPU threads of each process; None: the cores shared out evenly.
    """

    kind: str
    workers: int | None
    threads: int | None

    def __post_init__(self) -> None:
        kinds = ("auto", "cpu", "gpu")
        if self.kind not in kinds:
            raise Refusal(f"Unknown device.kind {self.kind!r}.{nearest(str(self.kind), kinds)}")
        for name in ("workers", "threads"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                raise Refusal(
                    f"Expected device.{name} to be auto or a whole number of 1 or more; received "
                    f"{value!r}."
                )


@dataclass(frozen=True, slots=True)
class Request:
    """A composed configuration, checked."""

    study: Study
    variant: Variant
    device: DeviceRequest
    store_uri: str
    interactions: int
    plan_only: bool
    seed: int


KEYS = (
    "study",
    "data",
    "model",
    "recipe",
    "device",
    "store",
    "report",
    "plan_only",
    "seed",
    "allow",
    "unit",
)


def plain(config: DictConfig) -> dict[str, Any]:
    """The configuration as dicts, lists and scalars, interpolations resolved, without `hydra`.

    Raises:
        Refusal: A value is missing, or an interpolation cannot be resolved.
    """
    own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    own._set_parent(None)
    try:
        content = OmegaConf.to_container(own, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise Refusal(f"The configuration has a gap: {str(error).splitlines()[0]}.") from error
    assert isinstance(content, dict)
    return {str(key): value for key, value in content.items()}


def read_variant(content: Mapping[str, Any]) -> Variant:
    """The variant of a composed configuration.

    Raises:
        Refusal: A key is unknown, or a value is not what it should be.
    """
    allow = content["allow"]
    if not isinstance(allow, list) or not all(
        isinstance(name, str) and re.fullmatch(r"\w+(\.\w+)*", name) for name in allow
    ):
        raise Refusal(f"Expected allow to be a list of package names; received {allow!r}.")
    return Variant(
        model=_node(content, "model"),
        data=_node(content, "data"),
        recipe=recipe_from_mapping(_node(content, "recipe")),
        allow=tuple(allow),
    )


def read_request(content: Mapping[str, Any]) -> Request:
    """The whole request of a composed configuration.

    Args:
        content: What `plain` returned.

    Raises:
        Refusal: A key is unknown, or a value is not what it should be.
    """
    for key in content:
        if key not in KEYS:
            raise Refusal(f"Unknown key {key!r}.{nearest(key, KEYS)}")
    study = study_from_mapping(_node(content, "study"))
    if not re.fullmatch(r"\w[\w.-]{0,99}", study.name, re.ASCII):
        raise Refusal(
            f"Expected study.name of letters, digits, '.', '_' and '-', since it names folders; "
            f"received {study.name!r}."
        )
    seed, plan_only = content["seed"], content["plan_only"]
    if type(seed) is not int or not 0 <= seed < 2**31:
        raise Refusal(f"Expected seed to be a whole number from 0 to 2**31 - 1; received {seed!r}.")
    if not isinstance(plan_only, bool):
        raise Refusal(f"Expected plan_only to be true or false; received {plan_only!r}.")
    store = _known(content, "store", ("uri",))
    if not isinstance(store["uri"], str) or not store["uri"]:
        raise Refusal(f"Expected store.uri such as sqlite:///mlflow.db; received {store['uri']!r}.")
    report = _known(content, "report", ("interactions",))
    device = _known(content, "device", ("kind", "workers", "threads"))
    return Request(
        study=study,
        variant=read_variant(content),
        device=DeviceRequest(
            device["kind"],
            *(None if device[key] == "auto" else device[key] for key in ("workers", "threads")),
        ),
        store_uri=store["uri"],
        interactions=check_interactions(report["interactions"], "report.interactions"),
        plan_only=plan_only,
        seed=seed,
    )


def check_interactions(order: object, key: str) -> int:
    """The largest number of factors in an interaction.

    Raises:
        Refusal: It is no whole number of 2 or more.
    """
    if type(order) is not int or order < 2:
        raise Refusal(f"Expected {key} to be a whole number of 2 or more; received {order!r}.")
    return order


def _node(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    node = content.get(key)
    if not isinstance(node, dict):
        raise Refusal(f"Expected {key} to be a group of keys; received {node!r}.")
    return node


def _known(content: Mapping[str, Any], group: str, keys: tuple[str, ...]) -> dict[str, Any]:
    node = _node(content, group)
    for key in node:
        if key not in keys:
            raise Refusal(f"Unknown key {group}.{key}.{nearest(str(key), keys)}")
    return node
