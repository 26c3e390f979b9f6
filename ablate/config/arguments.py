"""The command line, checked before Hydra acts on it.

Before Hydra hands a request to this program it calls what `hydra.callbacks` and its logging name,
and whatever flags ask for. So arguments, and the configuration that they compose, are checked here
first; composing calls nothing.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ablate.config.locate import check_targets, shipped
from ablate.config.request import GROUPS, allowed_packages, plain
from ablate.errors import RequestError, nearest
from ablate.wording import one_line

FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "--multirun": "-m",
        "--help": "-h",
        "--hydra-help": "",
        "--version": "",
        "--cfg": "-c",
        "--resolve": "",
        "--package": "-p",
        "--info": "-i",
        "--shell-completion": "-sc",
    }
)
"""Hydra's flags that are passed on, and what they are for short."""

CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "--cfg": ("job", "hydra", "all"),
        "--info": ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"),
        "--package": (),
    }
)
"""Flags that take a value, and the values they take; any where none is listed."""

COMMANDS = ("--multirun", "--cfg", "--info", "--shell-completion")
COMPLETIONS = tuple(
    f"{task}={shell}"
    for task in ("install", "uninstall", "query")
    for shell in ("bash", "fish", "zsh")
)

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

LOCAL = {"_target_": "hydra_plugins.hydra_ablate.local_launcher.LocalLauncher"}


def check_arguments(arguments: Sequence[str]) -> list[str]:
    """The arguments of `python -m ablate`, checked, in an order in which Hydra reads all of them.

    Raises:
        RequestError: A flag or a key is unknown, a key is given twice or with several values, or the
            configuration would call code that is not trusted.
        HydraException: The configuration cannot be composed.
    """
    flags, overrides = _split(arguments)
    _refuse_clashes(flags, overrides)
    if "--shell-completion" not in flags and "--version" not in flags:
        config = _composed(_checked(overrides))
        _check_request(config, overrides)
        _check_shown(config, flags)
    # Hydra's parser loses overrides that stand on both sides of a flag, and takes what follows some
    # flags for their value. --multirun takes none and comes first, as reports show the command.
    first = ["--multirun"] if "--multirun" in flags else []
    others = {flag: value for flag, value in flags.items() if flag not in first}
    words = (word for flag, value in others.items() for word in (flag, value) if word)
    return [*first, *overrides, *words]


def parsed(argument: str) -> Override:
    """One override, as Hydra reads it.

    Raises:
        RequestError: It is no override, it is swept, or it moves a group to another place.
    """
    try:
        argument.encode()
        override = OverridesParser.create().parse_override(argument)
        swept = override.is_sweep_override()
        value = None if swept else override.value()
    except Exception as error:  # a parser that was written for well-meant input
        reason = one_line(str(error).split("\n")[0])
        raise RequestError(f"Expected key=value; received {argument!r} ({reason}).") from None
    if swept:
        raise RequestError(
            f"Expected one value for {override.key_or_group}; received {argument}. What a study "
            f"compares are the levels of its factors, in experiments/study/."
        )
    if not override.key_or_group:
        raise RequestError(f"Expected key=value; received {argument!r}, without a key.")
    if override.package is not None:
        raise RequestError(
            f"Expected key=value or group=choice without '@'; received {argument!r}."
        )
    if override.key_or_group in GROUPS and not override.is_delete() and not isinstance(value, str):
        group = override.key_or_group
        raise RequestError(
            f"Expected {group}=NAME, one of the choices of {group}; received {argument}."
        )
    return override


@contextlib.contextmanager
def composing() -> Iterator[None]:
    """Whatever stops Hydra from composing files and overrides is wrong with them."""
    try:
        yield
    except (HydraException, OmegaConfBaseException, yaml.YAMLError):
        raise
    except RecursionError as error:
        raise RequestError("Expected files without endless or very deep nesting.") from error
    except Exception as error:  # Hydra and PyYAML expect files that are well meant
        raise RequestError(
            f"Hydra cannot read this request: {type(error).__name__}: {error}."
        ) from error


def check_configuration(
    config: DictConfig, given: Sequence[str], *, launcher: Mapping[str, Any]
) -> dict[str, Any]:
    """A composed configuration as `ablate.config.request.plain` has it, none of which calls foreign code.

    Args:
        config: What Hydra composed, with its `hydra` node.
        given: The overrides that it was composed of.
        launcher: The launcher that the command line chooses.

    Raises:
        RequestError: A `_target_` is not allowed, or a file changes what is not a study's to change.
    """
    content = plain(config)
    check_targets(content, allowed_packages(content))
    own = hydra_node(config)
    for key, expected in FIXED.items():
        received = _at(own, key)
        if received != expected:
            raise RequestError(
                f"Expected hydra.{key} to stay {expected!r}; received {received!r}. It is not for "
                f"a study or a group to change."
            )
    if own["launcher"] != launcher:
        raise RequestError(
            f"Expected the launcher to be chosen and set up on the command line alone, as "
            f"hydra/launcher=NAME; received {own['launcher']!r} from a file."
        )
    said = own["overrides"]["hydra"] + own["overrides"]["task"]
    if sorted(said) != sorted(given):
        raise RequestError(f"Expected overrides on the command line alone; received {said!r}.")
    _refuse_unheard(own["runtime"]["choices"])
    return content


def _refuse_unheard(choices: Mapping[str, Any]) -> None:
    """What a user's own file would choose for Hydra, and Hydra would not hear."""
    for group in GROUPS:
        file = Path("experiments") / group / f"{choices.get(group)}.yaml"
        content = OmegaConf.load(file) if file.is_file() else {}
        listed = content.get("defaults") if isinstance(content, DictConfig) else None
        for entry in listed or ():
            for key in entry if isinstance(entry, DictConfig) else ():
                if str(key).startswith("override") and "hydra/" in str(key):
                    raise RequestError(
                        f"Expected {str(key).split('/', 1)[1]} on the command line, if at all; "
                        f"received {key!r} in {file}."
                    )


def hydra_node(config: DictConfig) -> dict[str, Any]:
    """The `hydra` node as it is written, so that no interpolation can change what was checked."""
    node = OmegaConf.to_container(config.hydra, resolve=False)
    assert isinstance(node, dict)
    return {str(key): value for key, value in node.items()}


def _split(arguments: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Flags by their long name, with their value if they take one; and all else."""
    long = {short: name for name, short in FLAGS.items() if short}
    flags: dict[str, str] = {}
    overrides: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            overrides.append(word)
            continue
        name, equals, value = word.partition("=")
        name = long.get(name, name)
        if name not in FLAGS or (equals and name not in CHOICES):
            raise RequestError(f"Unknown flag {word!r}.{nearest(word, [*FLAGS, *long])}")
        if name in CHOICES and not equals:
            value = rest.pop(0) if rest and _is_value(name, rest[0]) else ""
        if name in CHOICES and not (name == "--info" and not value):
            _check_value(name, value)
        flags[name] = value
    return flags, overrides


def _is_value(flag: str, word: str) -> bool:
    return not word.startswith("-") and (flag != "--info" or "=" not in word)


def _check_value(flag: str, value: str) -> None:
    known = CHOICES[flag]
    if not value or (known and value not in known):
        choices = nearest(value, known) if known else " It takes the name of a node, such as model."
        raise RequestError(f"Unknown value {value!r} of {flag}.{choices}")


def _refuse_clashes(flags: Mapping[str, str], overrides: Sequence[str]) -> None:
    commands = [flag for flag in COMMANDS if flag in flags]
    if "--multirun" in commands and "--cfg" in commands:
        raise RequestError(
            "Expected --cfg without --multirun; received both. The plan of a study, with every "
            "cell and its cost: python -m ablate --multirun plan_only=true."
        )
    if len(commands) > 1:
        raise RequestError(
            f"Expected one of {', '.join(COMMANDS)}; received {' and '.join(commands)}."
        )
    for flag, owners in (("--resolve", ("--cfg", "--help")), ("--package", ("--cfg",))):
        if flag in flags and not flags.keys() & set(owners):
            raise RequestError(f"Expected {flag} with {' or '.join(owners)}; received it alone.")
    if overrides and (alone := flags.keys() & {"--hydra-help", "--version"}):
        raise RequestError(f"Expected {min(alone)} alone; received {overrides[0]!r} as well.")
    if "--shell-completion" in flags:
        if len(overrides) != 1 or overrides[0] not in COMPLETIONS:
            received = " ".join(overrides)
            raise RequestError(f"Unknown completion {received!r}.{nearest(received, COMPLETIONS)}")
        if overrides[0].startswith("query=") and "COMP_LINE" not in os.environ:
            raise RequestError(f"Expected {overrides[0]} from a shell that sets COMP_LINE only.")


def _checked(overrides: Sequence[str]) -> Sequence[str]:
    seen: dict[str, str] = {}
    for argument in overrides:
        override = parsed(argument)
        key = override.key_or_group
        if key in seen:
            raise RequestError(f"Expected {key} once; received {seen[key]} and {argument}.")
        seen[key] = argument
        if re.split(r"[./]", key)[0] == "hydra" and (
            not _of_launcher(argument) or "_target_" in argument
        ):
            raise RequestError(
                f"Expected of Hydra's own keys hydra/launcher=NAME and hydra.launcher.KEY=VALUE "
                f"alone; received {argument!r}."
            )
    return overrides


def _of_launcher(argument: str) -> bool:
    return argument.lstrip("+~").startswith(("hydra/launcher=", "hydra.launcher."))


def _composed(overrides: Sequence[str]) -> DictConfig:
    own = Path("experiments") / "config.yaml"
    if own.exists():
        # Hydra would read it instead of this program's, and import what its searchpath names.
        raise RequestError(f"Expected no {own}, the name of the program's own; rename yours.")
    with composing(), initialize_config_dir(str(shipped("conf")), version_base="1.3"):
        return compose("config", overrides=list(overrides), return_hydra_config=True)


def _check_request(config: DictConfig, overrides: Sequence[str]) -> None:
    HydraConfig.instance().set_config(config)  # for ${hydra:...}, which Hydra resolves later
    chosen = [argument for argument in overrides if _of_launcher(argument)]
    launcher = LOCAL
    if chosen:
        # Composed without any group, so that no file of a group has a say.
        launcher = hydra_node(_composed([*chosen, *(f"~{group}" for group in GROUPS)]))["launcher"]
        _check_launcher(launcher)
    if config.hydra.mode is not None:
        raise RequestError(
            f"Expected --multirun or nothing for hydra.mode; received {config.hydra.mode}."
        )
    content = check_configuration(config, overrides, launcher=launcher)
    if content.get("unit") is not None:
        raise RequestError(
            f"Expected unit to be left to the program; received {content['unit']!r}."
        )


def _check_launcher(launcher: Mapping[str, Any]) -> None:
    plugins = Plugins.instance().discover(Launcher)
    installed = [f"{plugin.__module__}.{plugin.__name__}" for plugin in plugins]
    targets = list(_targets(launcher))
    if len(targets) != 1 or targets != [launcher.get("_target_")] or targets[0] not in installed:
        raise RequestError(
            f"Expected an installed launcher of Hydra and nothing else that is called; received "
            f"{targets!r}. Known: {', '.join(sorted(installed))}."
        )


def _check_shown(config: DictConfig, flags: Mapping[str, str]) -> None:
    """What `--help` and `--cfg` print is there, and no file has changed the help."""
    if "--help" in flags:
        shown = OmegaConf.load(shipped("conf") / "config.yaml").hydra.help
        if config.hydra.help != shown:
            raise RequestError("Expected hydra.help as the program has it; a file changes it.")
    package = flags.get("--package", "_global_")
    if package != "_global_" and OmegaConf.select(config, package) is None:
        raise RequestError(f"Unknown --package {package!r}.{nearest(package, map(str, config))}")


def _targets(node: Mapping[str, Any] | list[Any]) -> Iterator[object]:
    if isinstance(node, Mapping) and "_target_" in node:
        yield node["_target_"]
    for value in node.values() if isinstance(node, Mapping) else node:
        if isinstance(value, Mapping | list):
            yield from _targets(value)


def _at(node: Mapping[str, Any], key: str) -> Any:
    for part in key.split("."):
        node = node.get(part, {})
    return node
