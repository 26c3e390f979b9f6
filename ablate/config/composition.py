"""A configuration that Hydra composed, checked before Hydra acts on it.

Files and overrides can make Hydra call code, move folders and change the design. A composed
configuration is therefore compared with what the program itself states. Composing calls nothing.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ablate.config.environment import refusal_within
from ablate.config.groups import VARIANT_GROUPS
from ablate.config.keys import GROUPS
from ablate.config.locate import check_targets
from ablate.config.overrides import parse_override
from ablate.config.program import is_command
from ablate.config.request import content_of
from ablate.config.variant import allowed_packages
from ablate.errors import RequestError

_LOGGING = {"version": 1, "root": None, "disable_existing_loggers": False}
FIXED: Mapping[str, object] = MappingProxyType(
    {
        "callbacks": {},
        "searchpath": [],
        "job_logging": _LOGGING,
        "hydra_logging": _LOGGING,
        "sweeper": {"_target_": "hydra_plugins.hydra_ablate.design_sweeper.DesignSweeper"},
        "run": {"dir": "."},
        "sweep": {"dir": ".", "subdir": "."},
        "output_subdir": None,
        "job.name": "ablate",
        "job.chdir": False,
        "job.env_set": {},
        "job.env_copy": [],
        "env": {},
        "verbose": False,
    }
)
"""What the `hydra` node must hold: other values call code, move folders or change the design."""


@contextlib.contextmanager
def translate_errors() -> Iterator[None]:
    """Turn what stops Hydra from composing files and overrides into a request error."""
    try:
        yield
    except (HydraException, OmegaConfBaseException, yaml.YAMLError) as error:
        if (refusal := refusal_within(error)) is not None:
            raise refusal from None
        raise
    except RecursionError as error:
        raise RequestError("Expected files without endless or very deep nesting.") from error
    except Exception as error:  # Hydra and PyYAML raise many kinds for malformed files
        raise RequestError(
            f"Hydra cannot read this request: {type(error).__name__}: {error}."
        ) from error


def check_configuration(
    config: DictConfig, given: Sequence[str], *, launcher: Mapping[str, Any]
) -> dict[str, Any]:
    """Check a composed configuration, none of which may call foreign code.

    Args:
        config: What Hydra composed, with its `hydra` node.
        given: The overrides that it was composed of.
        launcher: The launcher that the command line chooses.

    Returns:
        Its content, as `ablate.config.request.content_of` returns it.

    Raises:
        RequestError: A `_target_` is not allowed, or a file changes what it must not change.
    """
    content = content_of(config)
    check_targets(content, allowed_packages(content))
    own = hydra_node(config)
    for key, expected in FIXED.items():
        received = _value_at(own, key)
        if received != expected:
            raise RequestError(
                f"Expected hydra.{key} to stay {expected!r}; received {received!r}. A study or a "
                f"group cannot change it."
            )
    if own["launcher"] != launcher:
        raise RequestError(
            f"Expected the launcher to be chosen and set up on the command line alone, as "
            f"hydra/launcher=NAME; received {own['launcher']!r} from a file."
        )
    composed = own["overrides"]["hydra"] + own["overrides"]["task"]
    if sorted(composed) != sorted(given):
        raise RequestError(f"Expected overrides on the command line alone; received {composed!r}.")
    _refuse_ignored_choices(own["runtime"]["choices"])
    _refuse_mixed_nodes(content, given)
    if is_command(content):
        _refuse_groups_of_keras(given)
    return content


def hydra_node(config: DictConfig) -> dict[str, Any]:
    """The `hydra` node as it is written, so that no interpolation can change what was checked."""
    node = OmegaConf.to_container(config.hydra, resolve=False)
    assert isinstance(node, dict)
    return {str(key): value for key, value in node.items()}


def _refuse_ignored_choices(choices: dict[str, Any]) -> None:
    """Refuse what a user's own file gives for other groups or for Hydra, which would ignore it."""
    order = [str(group) for group in reversed(choices) if group in GROUPS]  # of composing
    for number, group in enumerate(order):
        file = Path("experiments") / group / f"{choices[group]}.yaml"
        content = OmegaConf.load(file) if file.is_file() else None
        if not isinstance(content, DictConfig):
            continue
        for entry in content.get("defaults") or ():
            for key in entry if isinstance(entry, DictConfig) else ():
                if str(key).startswith("override") and "hydra/" in str(key):
                    raise RequestError(
                        f"Expected {str(key).split('/', 1)[1]} on the command line, if at all; "
                        f"received {key!r} in {file}."
                    )
        # Files of these groups are composed later, so that what they say would win.
        ignored = [key for key in order[number + 1 :] if key in content]
        text = file.read_text(encoding="utf-8") if ignored else ""
        if re.search(r"^#\s*@package\s+_global_", text, re.MULTILINE):
            raise RequestError(
                f"Expected {ignored[0]} in a study file without '# @package', next to its factors, "
                f"or on the command line; received it in {file}, where it has no effect."
            )


def _refuse_mixed_nodes(content: Mapping[str, Any], given: Sequence[str]) -> None:
    """Refuse a node that Hydra has merged with one of a file: a class with another's arguments."""
    for argument in given:
        override = parse_override(argument)
        value = None if override.is_delete() else override.value()
        if not isinstance(value, dict) or "_target_" not in value:
            continue
        found = _value_at(content, override.key_or_group)
        added = [str(key) for key in found if key not in value]
        if added:
            raise RequestError(
                f"Expected {override.key_or_group} to hold what {argument!r} gives; Hydra adds "
                f"{', '.join(added)} from a file. Give these keys too, or leave the node out of "
                f"the file."
            )


def _refuse_groups_of_keras(given: Sequence[str]) -> None:
    """Refuse what would have no effect, because an external program trains the runs."""
    for argument in given:
        key = parse_override(argument).key_or_group
        if key.partition(".")[0] in VARIANT_GROUPS:
            raise RequestError(
                f"Expected no {key} with cell=command, whose program brings its own model, data "
                f"and training; received {argument}. Give what the program takes as cell.options, "
                f"and choose a study whose levels change keys of these."
            )


def _value_at(node: Mapping[str, Any], key: str) -> Any:
    for part in key.split("."):
        node = node.get(part, {})
    return node
