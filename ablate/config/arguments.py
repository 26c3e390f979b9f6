"""The command line of `python -m ablate`, checked before Hydra acts on it.

Before Hydra passes a request to this program it calls what `hydra.callbacks` and its logging name,
and what some flags ask for. Arguments, and the configuration that they compose, are therefore
checked first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf

from ablate.config.bounds import check_own_files
from ablate.config.composition import check_configuration, hydra_node, translate_errors
from ablate.config.environment import guard_environment
from ablate.config.flags import split_flags
from ablate.config.hydra_errors import REQUEST_ERRORS
from ablate.config.keys import GROUPS
from ablate.config.locate import targets_in
from ablate.config.overrides import parse_override, quote_text
from ablate.config.shipped import shipped_configuration
from ablate.config.study_file import study_overrides
from ablate.errors import RequestError, nearest
from ablate.wording import command_of

WITHOUT_GROUPS = tuple(f"~{group}" for group in GROUPS)
"""Overrides that leave out every file that a user may have written."""
LOCAL = "hydra_plugins.hydra_ablate.local_launcher.LocalLauncher"
"""The class of the launcher `local`."""


def check_arguments(arguments: Sequence[str]) -> list[str]:
    """The arguments of `python -m ablate`, checked, in an order in which Hydra reads all of them.

    Raises:
        RequestError: A flag or a key is unknown, a key is given twice or with several values, or
            the configuration would call code that is not trusted.
        HydraException: The configuration cannot be composed.
    """
    check_own_files(Path("experiments"))
    flags, given = split_flags(arguments)
    overrides = [quote_text(argument) for argument in given]
    _refuse_files_of_hydra()
    if "--shell-completion" not in flags:
        _check_overrides(overrides)
        guard_environment(overrides)
        typed = overrides
        overrides, config = _compose_with_study(typed)
        if not flags:
            _refuse_study_of_single_run(typed)
        _check_request(config, overrides)
        _check_shown(config, flags)
    # Hydra's parser loses overrides that stand on both sides of a flag, and takes what follows some
    # flags for their value. --multirun takes none and comes first, as reports show the command.
    first = ["--multirun"] if "--multirun" in flags else []
    others = {flag: value for flag, value in flags.items() if flag not in first}
    words = (word for flag, value in others.items() for word in (flag, value) if word)
    return [*first, *overrides, *words]


def _check_overrides(overrides: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for argument in overrides:
        key = parse_override(argument).key_or_group
        if key in seen:
            raise RequestError(f"Expected {key} once; received {seen[key]} and {argument}.")
        seen[key] = argument
        if re.split(r"[./]", key)[0] == "hydra" and (
            not _is_of_launcher(argument) or "_target_" in argument
        ):
            raise RequestError(
                f"Of Hydra's own keys, only hydra/launcher=NAME and hydra.launcher.KEY=VALUE can "
                f"be set; received {argument!r}."
            )


def _is_of_launcher(argument: str) -> bool:
    return argument.lstrip("+~").startswith(("hydra/launcher=", "hydra.launcher."))


def _refuse_study_of_single_run(overrides: Sequence[str]) -> None:
    """Refuse a study for a run that ignores it: the command without a flag trains one variant."""
    for argument in overrides:
        if _is_of_study(argument):
            raise RequestError(
                f"Expected --multirun with {argument}; without it, one run of one variant is "
                f"trained. Write {command_of(['--multirun', *overrides])}."
            )


def _compose_with_study(overrides: list[str]) -> tuple[list[str], DictConfig]:
    """Compose a request; returns its overrides, those that its study file makes included."""
    try:
        config = _compose(overrides)
        added = study_overrides(config, overrides)
        if not added:
            return overrides, config
    except REQUEST_ERRORS:
        # The command line may give keys of a group that only the study file chooses.
        own = [argument for argument in overrides if _is_of_study(argument)]
        others = [f"~{group}" for group in GROUPS if group != "study"]
        added = study_overrides(_compose([*own, *others]), overrides)
        if not added:
            raise
    return [*added, *overrides], _compose([*added, *overrides])


def _is_of_study(argument: str) -> bool:
    return parse_override(argument).key_or_group.partition(".")[0] in ("study", "size")


def _refuse_files_of_hydra() -> None:
    """Refuse files that Hydra would read for itself: they name packages, and set up launchers."""
    own = Path("experiments") / "config.yaml"
    if own.exists():
        raise RequestError(f"Expected no {own}, the name of the program's own; rename yours.")
    if (folder := Path("experiments") / "hydra").exists():
        raise RequestError(
            f"Expected no {folder}, since no file sets up Hydra; give hydra/launcher=NAME and "
            f"hydra.launcher.KEY=VALUE on the command line."
        )


def _compose(overrides: Sequence[str]) -> DictConfig:
    with translate_errors(), shipped_configuration():
        return compose("config", overrides=list(overrides), return_hydra_config=True)


def _check_request(config: DictConfig, overrides: Sequence[str]) -> None:
    HydraConfig.instance().set_config(config)  # for ${hydra:...}, which Hydra resolves later
    chosen = [argument for argument in overrides if _is_of_launcher(argument)]
    launcher = {"_target_": LOCAL}
    if chosen:
        # Composed without any group, so that the file of a group cannot change it.
        launcher = hydra_node(_compose([*chosen, *WITHOUT_GROUPS]))["launcher"]
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
    targets = list(targets_in(launcher))
    if len(targets) != 1 or targets != [launcher.get("_target_")] or targets[0] not in installed:
        raise RequestError(
            f"Expected an installed launcher of Hydra and nothing else that is called; received "
            f"{targets!r}. Known: {', '.join(sorted(installed))}."
        )


def _check_shown(config: DictConfig, flags: Mapping[str, str]) -> None:
    """Check what flags print: no file may change the help, and the node of `--cfg` exists."""
    for flag, node in (("--help", "help"), ("--hydra-help", "hydra_help")):
        if flag in flags and hydra_node(config)[node] != hydra_node(_compose(WITHOUT_GROUPS))[node]:
            raise RequestError(f"Expected hydra.{node} of the program; a file changes it.")
    package = flags.get("--package", "_global_")
    if package != "_global_" and OmegaConf.select(config, package) is None:
        raise RequestError(f"Unknown --package {package!r}.{nearest(package, map(str, config))}")
