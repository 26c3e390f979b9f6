"""The composed configuration: where its files lie, and its content as checked nouns."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ablate.config.device import DeviceRequest, FaultPolicy
from ablate.config.recipe import recipe_from_mapping
from ablate.config.store_uri import check_store_uri
from ablate.config.variant import Variant
from ablate.errors import RequestError, nearest
from ablate.study.file import study_from_mapping
from ablate.study.study import SINGLE, Study

ON_CHANGE = ("refuse", "rerun", "keep")


@dataclass(frozen=True, slots=True)
class Request:
    """A composed configuration, checked."""

    study: Study
    variant: Variant
    device: DeviceRequest
    fault_policy: FaultPolicy
    on_change: str
    store_uri: str
    interactions: int
    plan_only: bool
    seed: int


GROUPS = ("study", "data", "model", "recipe", "device", "store", "report")
KEYS = (*GROUPS, "plan_only", "on_change", "seed", "allow", "unit")
DEEPEST = 30


def plain(config: DictConfig) -> dict[str, Any]:
    """The configuration as dicts, lists and scalars, interpolations resolved, without `hydra`.

    Raises:
        RequestError: A value is missing, or an interpolation cannot be resolved.
    """
    own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    own._set_parent(None)
    try:
        content = OmegaConf.to_container(own, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise RequestError(f"The configuration has a gap: {str(error).splitlines()[0]}.") from error
    except RecursionError:
        raise RequestError(
            f"Expected nodes at most {DEEPEST} deep; received deeper ones."
        ) from None
    assert isinstance(content, dict)
    _refuse_odd_values(content)
    return {str(key): value for key, value in content.items()}


def _refuse_odd_values(node: object, path: str = "", depth: int = 0) -> None:
    """What YAML can say and no hash, report or page could hold."""
    if depth > DEEPEST:
        raise RequestError(
            f"Expected nodes at most {DEEPEST} deep; received {path} deeper than that."
        )
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            _refuse_odd_values(key, f"a key of {path or 'the request'}", depth + 1)
            _refuse_odd_values(value, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(node, int) and abs(node) >= 2**63:
        raise RequestError(f"Expected numbers below 2**63; received a larger one as {path}.")
    elif isinstance(node, str) and re.search("[\ud800-\udfff]", node):
        raise RequestError(f"Expected text that UTF-8 can hold as {path}; received {node!r}.")
    elif not isinstance(node, str | int | float | None):
        raise RequestError(
            f"Expected text, numbers, lists and mappings; received {node!r} as {path}."
        )


def allowed_packages(content: Mapping[str, Any]) -> tuple[str, ...]:
    """The packages, besides this program and Keras, that a `_target_` may name.

    Raises:
        RequestError: `allow` is no list of package names.
    """
    allow = content.get("allow", [])
    if not isinstance(allow, list) or not all(
        isinstance(name, str) and re.fullmatch(r"\w+(\.\w+)*", name) for name in allow
    ):
        raise RequestError(f"Expected allow to be a list of package names; received {allow!r}.")
    return tuple(allow)


def read_variant(content: Mapping[str, Any]) -> Variant:
    """The variant of a composed configuration.

    Raises:
        RequestError: A key is unknown, or a value is not what it should be.
    """
    return Variant(
        model=_options(content, "model"),
        data=_options(content, "data"),
        recipe=recipe_from_mapping(_node(content, "recipe")),
        allow=allowed_packages(content),
    )


def read_request(content: Mapping[str, Any]) -> Request:
    """The whole request of a composed configuration.

    Args:
        content: What `plain` returned.

    Raises:
        RequestError: A key is unknown, or a value is not what it should be.
    """
    _refuse_other_keys(content)
    study = _named(study_from_mapping(_node(content, "study")))
    seed, plan_only = content["seed"], content["plan_only"]
    if type(seed) is not int or not 0 <= seed < 2**31:
        raise RequestError(
            f"Expected seed to be a whole number from 0 to 2**31 - 1; received {seed!r}."
        )
    if not isinstance(plan_only, bool):
        raise RequestError(f"Expected plan_only to be true or false; received {plan_only!r}.")
    store = _known(content, "store", ("uri", "keep_checkpoints"))
    report = _known(content, "report", ("interactions",))
    device = _known(
        content, "device", ("kind", "workers", "threads", "retries", "heartbeat_timeout_seconds")
    )
    on_change = content["on_change"]
    if on_change not in ON_CHANGE:
        raise RequestError(f"Unknown on_change {on_change!r}.{nearest(str(on_change), ON_CHANGE)}")
    return Request(
        study=study,
        variant=read_variant(content),
        device=DeviceRequest(
            device["kind"],
            *(None if device[key] == "auto" else device[key] for key in ("workers", "threads")),
        ),
        fault_policy=FaultPolicy(
            device["retries"], device["heartbeat_timeout_seconds"], store["keep_checkpoints"]
        ),
        on_change=on_change,
        store_uri=check_store_uri(store["uri"]),
        interactions=check_interactions(report["interactions"], "report.interactions"),
        plan_only=plan_only,
        seed=seed,
    )


def _named(study: Study) -> Study:
    """The study, whose name has to do for folders."""
    if not re.fullmatch(r"\w[\w.-]{0,99}", study.name, re.ASCII):
        raise RequestError(
            f"Expected study.name of letters, digits, '.', '_' and '-', since it names folders; "
            f"received {study.name!r}."
        )
    if study.name == SINGLE:
        raise RequestError(
            f"Expected another study.name than {SINGLE!r}, which is that of the runs without "
            f"--multirun; received {study.name!r}."
        )
    return study


def check_interactions(order: object, key: str) -> int:
    """The largest number of factors in an interaction.

    Raises:
        RequestError: It is no whole number of 2 or more.
    """
    if type(order) is not int or order < 2:
        raise RequestError(f"Expected {key} to be a whole number of 2 or more; received {order!r}.")
    return order


def _node(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    node = content.get(key)
    if not isinstance(node, dict):
        raise RequestError(f"Expected {key} to be a group of keys; received {node!r}.")
    return node


def _refuse_other_keys(content: Mapping[str, Any]) -> None:
    for key in content:
        if key not in KEYS:
            raise RequestError(f"Unknown key {key!r}.{nearest(key, KEYS)}")
    for key in KEYS:
        if key not in content:
            raise RequestError(f"Expected the key {key}; received a request without it.")


def _options(content: Mapping[str, Any], group: str) -> dict[str, Any]:
    """A node of options for a function, all of which a plan's JSON and hashes can hold."""
    node = _node(content, group)
    _refuse_odd_options(node, group)
    return node


def _refuse_odd_options(node: object, path: str) -> None:
    if isinstance(node, float) and not math.isfinite(node):
        raise RequestError(f"Expected {path} to be finite; received {node!r}.")
    if isinstance(node, dict):
        for key in node:
            if not isinstance(key, str):
                raise RequestError(f"Expected words as the keys of {path}; received {key!r}.")
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            _refuse_odd_options(value, f"{path}.{key}")


def _known(content: Mapping[str, Any], group: str, keys: tuple[str, ...]) -> dict[str, Any]:
    node = _node(content, group)
    for key in node:
        if key not in keys:
            raise RequestError(f"Unknown key {group}.{key}.{nearest(str(key), keys)}")
    for key in keys:
        if key not in node:
            raise RequestError(f"Expected {group}.{key}; received a {group} without it.")
    return node
