"""The composed configuration, read into checked nouns."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ablate.config.bounds import check_interpolations
from ablate.config.choices import hint_at_choices
from ablate.config.device import DeviceRequest, FaultPolicy
from ablate.config.environment import guard_hydra_node, refusal_within
from ablate.config.groups import VARIANT_GROUPS
from ablate.config.keys import KEYS, check_keys
from ablate.config.program import is_command, read_cell
from ablate.config.retention import Retention
from ablate.config.store_uri import check_store_uri
from ablate.config.study_file import drop_choices
from ablate.config.trust import decide
from ablate.config.variant import Variant, node_of
from ablate.credentials import without_credentials
from ablate.errors import RequestError, nearest
from ablate.fields import check_choice, check_flag, check_list, check_whole
from ablate.study.file import study_from_mapping, switched_keys
from ablate.study.record import PAPER_COLUMNS
from ablate.study.study import SINGLE, Study
from ablate.wording import quantity

ON_CHANGE = ("refuse", "rerun", "keep")
DEEPEST = 30


@dataclass(frozen=True, slots=True)
class Request:
    """A composed configuration, checked."""

    study: Study
    variant: Variant
    device: DeviceRequest
    fault_policy: FaultPolicy
    retention: Retention
    on_change: str
    store_uri: str
    interactions: int
    paper_columns: tuple[str, ...]
    plan_only: bool
    seed: int


def content_of(config: DictConfig) -> dict[str, Any]:
    """The configuration as dicts, lists and scalars, interpolations resolved, without `hydra`.

    Its `allow` is that of the user; see `ablate.config.trust.decide`.

    Raises:
        RequestError: A value is missing, an interpolation cannot be resolved, a value cannot be
            written to JSON, or a file decides what the user alone decides.
    """
    content = _resolve(config)
    _refuse_odd_values(content)
    overrides = OmegaConf.to_container(HydraConfig.get().overrides.task, resolve=False)
    return decide(content, [str(override) for override in cast(list[str], overrides)])


def _resolve(config: DictConfig) -> dict[str, Any]:
    own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    own._set_parent(None)
    drop_choices(own)
    guard_hydra_node()
    try:
        written = OmegaConf.to_container(own, resolve=False)
        assert isinstance(written, dict)
        check_interpolations({str(key): value for key, value in written.items()})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # ${oc.deprecated:...} prints a text of a file
            uri = _hide_store(own)
            content = OmegaConf.to_container(own, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        if (refusal := refusal_within(error)) is not None:
            raise refusal from None
        raise RequestError(
            f"A value of the configuration is missing: {str(error).splitlines()[0]}."
        ) from error
    except RecursionError:
        raise RequestError(
            f"Expected nodes at most {DEEPEST} deep; received deeper ones."
        ) from None
    assert isinstance(content, dict)
    if uri is not None:
        content["store"]["uri"] = uri
    return {str(key): value for key, value in content.items()}


def _hide_store(own: DictConfig) -> str | None:
    """Hide the credentials in `store.uri` from values that refer to it; returns the whole URI."""
    store = own.get("store")
    uri = store.get("uri") if isinstance(store, DictConfig) else None
    if not isinstance(uri, str):
        return None
    OmegaConf.update(own, "store.uri", without_credentials(uri))
    return uri


def _refuse_odd_values(node: object, path: str = "", depth: int = 0) -> None:
    """Refuse what YAML can hold and a hash, a report or a page cannot."""
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


def read_request(content: Mapping[str, Any]) -> Request:
    """The whole request of a composed configuration.

    Args:
        content: What `content_of` returned.

    Raises:
        RequestError: A key is unknown, or a value is not what it should be.
    """
    _check_top_keys(content)
    store = _group(content, "store", ("uri", "keep_checkpoints", "keep_model"))
    report = _group(content, "report", ("interactions", "columns"))
    device = _group(
        content,
        "device",
        ("kind", "workers", "threads", "images", "retries", "heartbeat_timeout_seconds"),
    )
    workers, threads = (
        None if device[key] == "auto" else device[key] for key in ("workers", "threads")
    )
    study = _refuse_single(study_from_mapping(node_of(content, "study")))
    return Request(
        study=study,
        variant=read_cell(content),
        device=DeviceRequest(device["kind"], workers, threads, device["images"]),
        fault_policy=FaultPolicy(device["retries"], device["heartbeat_timeout_seconds"]),
        retention=Retention(store["keep_checkpoints"], store["keep_model"]),
        on_change=check_choice(content["on_change"], "on_change", choices=ON_CHANGE),
        store_uri=check_store_uri(store["uri"]),
        interactions=check_interactions(
            report["interactions"], "report.interactions", factors=len(study.factors)
        ),
        paper_columns=check_paper_columns(report["columns"], "report.columns"),
        plan_only=check_flag(content["plan_only"], "plan_only"),
        seed=check_whole(content["seed"], "seed", least=0, below=2**31),
    )


def check_interactions(order: object, key: str, *, factors: int) -> int:
    """The largest number of factors in an interaction.

    Args:
        order: The number given.
        key: Where it was given.
        factors: Number of factors of the study.

    Raises:
        RequestError: It is no whole number of 2 or more, or above the number of factors. The
            default of 2 is accepted for a single factor too.
    """
    number = check_whole(order, key, least=2)
    if number > max(2, factors):
        raise RequestError(
            f"Expected {key} of at most {max(2, factors)}, since the study has "
            f"{quantity(factors, 'factor')}; received {number}."
        )
    return number


def check_paper_columns(columns: object, key: str) -> tuple[str, ...]:
    """The columns of the grid in `report.tex`.

    Raises:
        RequestError: It is no list, or one of them is unknown.
    """
    names = check_list(columns, key)
    return tuple(check_choice(name, key, choices=PAPER_COLUMNS) for name in names)


def check_switches(content: Mapping[str, Any]) -> None:
    """Check that every key which a factor of the study switches is true or false.

    Args:
        content: What `content_of` returned for a study. A single run ignores the factors.

    Raises:
        RequestError: A factor names a key that is unknown or holds another value.
    """
    known = _keys_of_variant(content)
    for factor, key in switched_keys(node_of(content, "study")).items():
        if key not in known:
            hint = hint_at_choices(key) or nearest(key, known)
            if is_command(content) and not key.startswith("cell."):
                hint = (
                    " With cell=command, levels change what the program takes, as "
                    "cell.options.NAME; choose a study that does with study=NAME."
                )
            raise RequestError(f"Unknown key {key!r} of study.factors.{factor}.{hint}")
        if not isinstance(known[key], bool):
            raise RequestError(
                f"Expected study.factors.{factor} to name a key that is true or false; {key} is "
                f"{known[key]!r}. Give its levels as {{level: {key}=VALUE, ...}}."
            )


def _keys_of_variant(content: Mapping[str, Any]) -> dict[str, object]:
    """Keys of the groups that a level may change, however deep, with their values."""
    found: dict[str, object] = {}
    groups = ("cell",) if is_command(content) else VARIANT_GROUPS
    nodes: list[tuple[str, object]] = [(group, content.get(group)) for group in groups]
    for path, node in nodes:
        if isinstance(node, dict):
            nodes += [(f"{path}.{key}", value) for key, value in node.items()]
        else:
            found[path] = node
    return found


def _refuse_single(study: Study) -> Study:
    """The study, whose name must not be that of the folder of single runs."""
    if study.name == SINGLE:
        raise RequestError(
            f"Expected a study.name other than {SINGLE!r}, the folder of the runs without "
            f"--multirun; received {study.name!r}."
        )
    return study


def _check_top_keys(content: Mapping[str, Any]) -> None:
    for key in content:
        if key not in KEYS:
            raise RequestError(f"Unknown key {key!r}.{nearest(key, KEYS)}")
    for key in KEYS:
        if key not in content:
            raise RequestError(f"Expected the key {key}; received a request without it.")


def _group(content: Mapping[str, Any], name: str, keys: tuple[str, ...]) -> dict[str, Any]:
    node = node_of(content, name)
    check_keys(node, keys, node=name)
    return node
