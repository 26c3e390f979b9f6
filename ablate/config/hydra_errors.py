"""Hydra's errors about a request, written as one line with the nearest valid choice."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, MissingConfigException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ablate.config.choices import hint_at_choices
from ablate.config.keys import KEYS
from ablate.config.shipped import shipped_configuration
from ablate.config.study_file import study_overrides
from ablate.errors import RequestError, nearest
from ablate.wording import terminal_line

REQUEST_ERRORS = (RequestError, HydraException, OmegaConfBaseException, yaml.YAMLError)
"""Errors that are a mistake in the request and not a defect of the program."""
NAMING = (*KEYS, "cell.options")
"""The keys whose values decide which other keys there are."""


def request_error_line(error: Exception) -> str:
    """The error in one line: what was expected, what was received, and the nearest choice."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, name = str(error.missing_cfg_file).rpartition("/")
        return terminal_line(f"Unknown {group} {name!r}.{nearest(name, error.options)}")
    if not str(error) and isinstance(error.__cause__, Exception):
        return request_error_line(error.__cause__)  # Hydra wraps OmegaConf's without a message
    unknown = re.search(r"Could not override '([^']+)'", str(error))
    inner = re.search(r"full_key: (\S+)", str(error.__cause__))
    if unknown and inner and inner[1].startswith(f"{unknown[1]}."):
        return terminal_line(
            f"Expected {unknown[1]} without {inner[1].removeprefix(f'{unknown[1]}.')}, since Hydra "
            f"merges it with the node that a file gives. Give in the file a word or null, and the "
            f"node on the command line or as a level."
        )
    if unknown and (listed := re.fullmatch(r"(\w+)@study\.\1", unknown[1])):
        return terminal_line(
            f"Expected {listed[1]}: NAME in the study file, next to its factors; received "
            f"{listed[1]} in its list of defaults."
        )
    if unknown:
        hint = hint_at_choices(unknown[1]) or _nearest_key(unknown[1])
        return terminal_line(f"Unknown key {unknown[1]!r}.{hint}")
    return terminal_line(re.split(r"\nConfig search path|\s*See https?://", str(error))[0])


def _nearest_key(key: str) -> str:
    known = list(_keys(_configuration_without_keys()))
    group = key.rpartition(".")[0]
    siblings = [name for name in known if name.rpartition(".")[0] == group]
    if group.startswith("cell.options") and not siblings:
        return " List the options of the program with their values as 'cell.options={name: value}'."
    return nearest(key, siblings or known)


def _configuration_without_keys() -> Any:
    """The configuration with the groups that the request chooses, without its other keys."""
    groups = [
        argument
        for argument in sys.argv[1:]
        if "=" in argument and argument.partition("=")[0] in NAMING
    ]
    GlobalHydra.instance().clear()
    with shipped_configuration():
        for overrides in (groups, []):
            try:
                config = compose("config", overrides=overrides)
                chosen = study_overrides(config, overrides)
                groups_of_study = [word for word in chosen if word.partition("=")[0] in NAMING]
                return OmegaConf.to_container(
                    compose("config", overrides=[*groups_of_study, *overrides])
                )
            except REQUEST_ERRORS:
                continue
    return {}


def _keys(node: object, prefix: str = "") -> Iterator[str]:
    if not isinstance(node, Mapping):
        yield prefix
        return
    for key, value in node.items():
        yield from _keys(value, f"{prefix}.{key}" if prefix else str(key))
