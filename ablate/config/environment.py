"""Which values of the environment a configuration may hold: those that the command line names.

A file may come from somebody else, and reports, MLflow and plans hold what it says. So a file that
names a variable, such as ${oc.env:TOKEN}, is refused, and so is one that reads the command line or
the launcher through Hydra's own node.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any, cast

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Quote, QuotedString
from omegaconf import DictConfig, Node, OmegaConf
from omegaconf.resolvers import oc

from ablate.config.overrides import parse_override
from ablate.errors import RequestError

READABLE = re.compile(r"runtime\.(choices(\.[\w/@-]+)?|cwd|version)|job\.name")
"""What a configuration may read of Hydra's node."""
_VARIABLE = re.compile(r"""oc\.env\s*:\s*['"]?([^,'"}\s]+)""")


def guard_environment(overrides: Iterable[str]) -> None:
    """Let interpolations read only the variables that overrides of the command line name.

    A variable may be read by the value of the key that names it, and by no other value.
    """
    named = _variables_by_key(overrides)

    def read(key: str, *default: Any, _node_: Node) -> str | None:
        path = str(_node_._get_full_key(None))
        known = any(key in names for given, names in named.items() if _is_in(path, given))
        # No file can set up the launcher, but the plugin that brings it may read the environment.
        if not known and not _is_in(path, "hydra.launcher"):
            raise RequestError(_refusal(path, _node_._value(), variable=key))
        return oc.env(key, *default)

    OmegaConf.register_new_resolver("oc.env", read, replace=True)


def guard_hydra_node() -> None:
    """Let interpolations read only the choices of groups and the like from Hydra's own node.

    Hydra registers its own resolver again whenever it starts.
    """

    def read(path: str) -> Any:
        if not READABLE.fullmatch(path):
            raise RequestError(
                f"Expected ${{hydra:...}} to name runtime.choices.GROUP, runtime.cwd, "
                f"runtime.version or job.name; received {path!r}."
            )
        return OmegaConf.select(cast(DictConfig, HydraConfig.get()), path)

    OmegaConf.register_new_resolver("hydra", read, replace=True)


def refusal_within(error: BaseException | None) -> RequestError | None:
    """The request error that an interpolation raised, inside the errors that hold it; or None."""
    while error is not None and not isinstance(error, RequestError):
        error = error.__cause__ or error.__context__
    return error


def _variables_by_key(overrides: Iterable[str]) -> Mapping[str, frozenset[str]]:
    return {
        parse_override(override).key_or_group: frozenset(_VARIABLE.findall(override))
        for override in overrides
    }


def _is_in(path: str, key: str) -> bool:
    return path == key or path.startswith((f"{key}.", f"{key}["))


def _refusal(path: str, value: object, *, variable: str) -> str:
    # Hydra resolves the choices in a list of defaults under this name.
    where = "in a list of defaults" if path == "_dummy_" else f"as {path}"
    problem = f"Expected no file to read the environment; received {value!r} {where}."
    if not re.fullmatch(r"\w+(\.\w+)+", path) or variable not in str(value):
        return f"{problem} Write the value itself."
    override = f"{path}={QuotedString(str(value), Quote.single).with_quotes()}"
    if re.fullmatch(r"\$\{oc\.env:\w+\}[\w/.-]*", str(value)):
        override = f"{path}={value}"
    return f"{problem} If you want that, add {shlex.quote(override)} to the command."
