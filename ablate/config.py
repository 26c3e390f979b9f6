"""The composed configuration: where its files lie, and its content as checked nouns."""

from __future__ import annotations

import math
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ablate.recipe import Recipe, recipe_from_mapping
from ablate.study import SINGLE, Refusal, Study, nearest, study_from_mapping

MOST_PATIENCE_SECONDS = 1_000_000
"""The system itself can wait for twice as long in one call."""
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
class Care:
    """What is done about runs that go wrong.

    Attributes:
        retries: How often a run whose process died or hung is tried again by one command.
        patience_seconds: How long a worker may give no sign of life before it counts as hanging.
        keep_checkpoints: Whether a complete run keeps its checkpoints.
    """

    retries: int
    patience_seconds: float
    keep_checkpoints: bool

    def __post_init__(self) -> None:
        if type(self.retries) is not int or self.retries < 0:
            raise Refusal(
                f"Expected device.retries to be a whole number of 0 or more; received "
                f"{self.retries!r}."
            )
        patience = self.patience_seconds
        if type(patience) not in (int, float) or not 0 < patience <= MOST_PATIENCE_SECONDS:
            raise Refusal(
                f"Expected device.patience_seconds to be a number above 0 and at most "
                f"{MOST_PATIENCE_SECONDS} (eleven days); received {patience!r}."
            )
        if not isinstance(self.keep_checkpoints, bool):
            raise Refusal(
                f"Expected store.keep_checkpoints to be true or false; received "
                f"{self.keep_checkpoints!r}."
            )


ON_CHANGE = ("refuse", "rerun", "keep")


@dataclass(frozen=True, slots=True)
class Request:
    """A composed configuration, checked."""

    study: Study
    variant: Variant
    device: DeviceRequest
    care: Care
    on_change: str
    store_uri: str
    interactions: int
    plan_only: bool
    seed: int


STORE_URI = "sqlite:///mlflow.db"
"""Where MLflow keeps the runs unless `store.uri` says otherwise."""
STORE_SCHEMES = ("sqlite", "http", "https", "postgresql", "mysql", "mssql")
GROUPS = ("study", "data", "model", "recipe", "device", "store", "report")
KEYS = (*GROUPS, "plan_only", "on_change", "seed", "allow", "unit")
DEEPEST = 30


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
    except RecursionError:
        raise Refusal(f"Expected nodes at most {DEEPEST} deep; received deeper ones.") from None
    assert isinstance(content, dict)
    _refuse_odd_values(content)
    return {str(key): value for key, value in content.items()}


def _refuse_odd_values(node: object, path: str = "", depth: int = 0) -> None:
    """What YAML can say and no hash, report or page could hold."""
    if depth > DEEPEST:
        raise Refusal(f"Expected nodes at most {DEEPEST} deep; received {path} deeper than that.")
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            _refuse_odd_values(key, f"a key of {path or 'the request'}", depth + 1)
            _refuse_odd_values(value, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(node, int) and abs(node) >= 2**63:
        raise Refusal(f"Expected numbers below 2**63; received a larger one as {path}.")
    elif isinstance(node, str) and re.search("[\ud800-\udfff]", node):
        raise Refusal(f"Expected text that UTF-8 can hold as {path}; received {node!r}.")
    elif not isinstance(node, str | int | float | None):
        raise Refusal(f"Expected text, numbers, lists and mappings; received {node!r} as {path}.")


def allowed_packages(content: Mapping[str, Any]) -> tuple[str, ...]:
    """The packages, besides this program and Keras, that a `_target_` may name.

    Raises:
        Refusal: `allow` is no list of package names.
    """
    allow = content.get("allow", [])
    if not isinstance(allow, list) or not all(
        isinstance(name, str) and re.fullmatch(r"\w+(\.\w+)*", name) for name in allow
    ):
        raise Refusal(f"Expected allow to be a list of package names; received {allow!r}.")
    return tuple(allow)


def read_variant(content: Mapping[str, Any]) -> Variant:
    """The variant of a composed configuration.

    Raises:
        Refusal: A key is unknown, or a value is not what it should be.
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
        Refusal: A key is unknown, or a value is not what it should be.
    """
    _refuse_other_keys(content)
    study = _named(study_from_mapping(_node(content, "study")))
    seed, plan_only = content["seed"], content["plan_only"]
    if type(seed) is not int or not 0 <= seed < 2**31:
        raise Refusal(f"Expected seed to be a whole number from 0 to 2**31 - 1; received {seed!r}.")
    if not isinstance(plan_only, bool):
        raise Refusal(f"Expected plan_only to be true or false; received {plan_only!r}.")
    store = _known(content, "store", ("uri", "keep_checkpoints"))
    report = _known(content, "report", ("interactions",))
    device = _known(
        content, "device", ("kind", "workers", "threads", "retries", "patience_seconds")
    )
    on_change = content["on_change"]
    if on_change not in ON_CHANGE:
        raise Refusal(f"Unknown on_change {on_change!r}.{nearest(str(on_change), ON_CHANGE)}")
    return Request(
        study=study,
        variant=read_variant(content),
        device=DeviceRequest(
            device["kind"],
            *(None if device[key] == "auto" else device[key] for key in ("workers", "threads")),
        ),
        care=Care(device["retries"], device["patience_seconds"], store["keep_checkpoints"]),
        on_change=on_change,
        store_uri=check_store_uri(store["uri"]),
        interactions=check_interactions(report["interactions"], "report.interactions"),
        plan_only=plan_only,
        seed=seed,
    )


def _named(study: Study) -> Study:
    """The study, whose name has to do for folders."""
    if not re.fullmatch(r"\w[\w.-]{0,99}", study.name, re.ASCII):
        raise Refusal(
            f"Expected study.name of letters, digits, '.', '_' and '-', since it names folders; "
            f"received {study.name!r}."
        )
    if study.name == SINGLE:
        raise Refusal(
            f"Expected another study.name than {SINGLE!r}, which is that of the runs without "
            f"--multirun; received {study.name!r}."
        )
    return study


def check_store_uri(uri: object) -> str:
    """Where MLflow keeps the runs.

    Raises:
        Refusal: It is nothing that MLflow records in.
    """
    if not isinstance(uri, str) or not uri:
        raise Refusal(f"Expected store.uri such as {STORE_URI}; received {uri!r}.")
    shown = without_password(uri)
    scheme, separator, place = uri.partition("://")
    if not separator or scheme == "file":
        raise Refusal(
            f"Expected store.uri to be an SQLite file or a server, since MLflow keeps no runs in "
            f"plain folders; received {shown!r}. Write store.uri={STORE_URI} or "
            f"store.uri=http://127.0.0.1:5000."
        )
    if scheme.partition("+")[0] not in STORE_SCHEMES:
        raise Refusal(f"Unknown scheme of store.uri {shown!r}.{nearest(scheme, STORE_SCHEMES)}")
    if scheme == "sqlite" and not re.fullmatch(r"/[^?]*[^?/]", place):
        raise Refusal(
            f"Expected the file of store.uri after three slashes, such as {STORE_URI}; received "
            f"{shown!r}."
        )
    if not place:
        raise Refusal(f"Expected store.uri to name a server; received {shown!r}.")
    return uri


def without_password(text: str) -> str:
    """A text that names a store, for people to read: credentials are left out."""
    return re.sub(r"://[^/\s]*@", "://***@", text)


def own_command() -> str:
    """The command line of this process, for people to read: in reports, in a lock, to go on."""
    return without_password(shlex.join(["python", "-m", "ablate", *sys.argv[1:]]))


def runs_hint(uri: str) -> str:
    """How to look at the runs: the command, or the address of the server that shows them."""
    shown = without_password(uri)
    if uri.startswith(("http://", "https://")):
        return shown
    return f"mlflow ui --backend-store-uri {shlex.quote(shown)}"


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


def _refuse_other_keys(content: Mapping[str, Any]) -> None:
    for key in content:
        if key not in KEYS:
            raise Refusal(f"Unknown key {key!r}.{nearest(key, KEYS)}")
    for key in KEYS:
        if key not in content:
            raise Refusal(f"Expected the key {key}; received a request without it.")


def _options(content: Mapping[str, Any], group: str) -> dict[str, Any]:
    """A node of options for a function, all of which a plan's JSON and hashes can hold."""
    node = _node(content, group)
    _refuse_odd_options(node, group)
    return node


def _refuse_odd_options(node: object, path: str) -> None:
    if isinstance(node, float) and not math.isfinite(node):
        raise Refusal(f"Expected {path} to be finite; received {node!r}.")
    if isinstance(node, dict):
        for key in node:
            if not isinstance(key, str):
                raise Refusal(f"Expected words as the keys of {path}; received {key!r}.")
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            _refuse_odd_options(value, f"{path}.{key}")


def _known(content: Mapping[str, Any], group: str, keys: tuple[str, ...]) -> dict[str, Any]:
    node = _node(content, group)
    for key in node:
        if key not in keys:
            raise Refusal(f"Unknown key {group}.{key}.{nearest(str(key), keys)}")
    for key in keys:
        if key not in node:
            raise Refusal(f"Expected {group}.{key}; received a {group} without it.")
    return node
