"""What the user alone decides, on the command line or in the environment, and no file.

A study or any other configuration file may come from somebody else. Which packages may be called,
where runs are sent and what becomes of finished runs is therefore never taken from a file.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.types import Override

from ablate.config.locate import ALLOW_VARIABLE
from ablate.config.overrides import parse_override
from ablate.config.store_uri import check_store_of_file, check_store_uri
from ablate.config.variant import allowed_packages
from ablate.errors import RequestError

COMMANDS = "command"
"""The word in `allow` by which the user lets files choose the command of `cell=command`."""

DOWNLOAD = "data.download"


def decide(content: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """The content of a configuration, in which the user has decided what no file may decide.

    Args:
        content: A composed configuration, its interpolations resolved.
        overrides: Those of the command line.

    Returns:
        The content, with all packages that the user allows as `allow`.

    Raises:
        RequestError: A file decides. The message names what to add to the command.
    """
    given = {override.key_or_group: override for override in map(parse_override, overrides)}
    if "store.uri" not in given:
        _check_store(content.get("store"))
    if "on_change" in content and "on_change" not in given:
        _check_on_change(content["on_change"])
    data = content.get("data")
    if isinstance(data, Mapping) and DOWNLOAD not in given and _is_own_loader(data):
        check_download_of_file(data.get("download"))
    packages = packages_of_user(given)
    cell = content.get("cell")
    if isinstance(cell, Mapping) and "cell.command" not in given:
        check_command_of_file(cell.get("command"), packages)
    if "allow" not in content:
        return dict(content)
    _check_allow(allowed_packages(content), packages)
    return {**content, "allow": list(dict.fromkeys(packages))}


def packages_of_user(given: Mapping[str, Override]) -> tuple[str, ...]:
    """The packages that the user allows.

    Args:
        given: The overrides of the command line, by key.

    Raises:
        RequestError: They are no list of package names.
    """
    is_given = "allow" in given and not given["allow"].is_delete()
    asked = given["allow"].value() if is_given else []
    return (*allowed_packages({"allow": asked}), *packages_of_environment())


def check_command_of_file(command: object, packages: Sequence[str]) -> None:
    """Check a command that a configuration file chooses, since a program may do anything.

    Args:
        command: What the file gives as `cell.command`; None for nothing.
        packages: What the user allows.

    Raises:
        RequestError: The user does not allow commands of files.
    """
    if command is not None and COMMANDS not in packages:
        names = ",".join((*packages, COMMANDS))
        raise RequestError(
            f"Expected cell.command on the command line, since it decides which program is run; "
            f"received {command!r} from a file. If you trust it, add 'allow=[{names}]' to the "
            f"command, or set {ALLOW_VARIABLE}={names}."
        )


def check_download_of_file(value: object) -> None:
    """Check that no configuration file asks for a download.

    Args:
        value: What the file gives as `data.download`; None for nothing.

    Raises:
        RequestError: It asks for one.
    """
    if value not in (None, False):
        raise RequestError(
            f"Expected {DOWNLOAD} on the command line alone, since nothing is downloaded unless "
            f"you ask for it; received {value!r} from a file. If you want that, add "
            f"{DOWNLOAD}=true to the command."
        )


def packages_of_environment() -> tuple[str, ...]:
    """The packages that the user allows for all commands.

    Raises:
        RequestError: The environment variable is no list of package names.
    """
    text = os.environ.get(ALLOW_VARIABLE, "")
    names = [name.strip() for name in text.split(",") if name.strip()]
    try:
        return allowed_packages({"allow": names})
    except RequestError:
        raise RequestError(
            f"Expected {ALLOW_VARIABLE} as package names with commas between them, such as "
            f"mypackage,other; received {text!r}."
        ) from None


def _is_own_loader(data: Mapping[str, Any]) -> bool:
    """Whether a loader of this program reads the images; a user's own has keywords of its own."""
    return str(data.get("_target_")).startswith("ablate.")


def _check_store(store: object) -> None:
    if isinstance(store, Mapping) and "uri" in store:
        check_store_of_file(check_store_uri(store["uri"]))


def _check_on_change(value: object) -> None:
    if value != "refuse":
        raise RequestError(
            f"Expected on_change on the command line alone; received {value!r} from a file. If you "
            f"want that, add {shlex.quote(f'on_change={value}')} to the command."
        )


def _check_allow(received: Sequence[str], allowed: Sequence[str]) -> None:
    if not set(received) <= set(allowed):
        names = ",".join(dict.fromkeys((*allowed, *received)))
        raise RequestError(
            f"Expected allow on the command line alone, since it decides whose code is called; "
            f"received [{','.join(received)}] from a file. If you trust that code, add "
            f"'allow=[{names}]' to the command, or set {ALLOW_VARIABLE}={names}."
        )
