"""Hydra's flags on the command line: which are passed on, and which combinations make sense."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from ablate.errors import RequestError, nearest

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
"""The flags of the command, most of them Hydra's, each with its short form."""

CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "--cfg": ("job", "hydra", "all"),
        "--info": ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"),
        "--package": (),
    }
)
"""Flags that take a value, and the values that they take; empty: any value."""

COMMANDS = ("--multirun", "--cfg", "--info", "--shell-completion")
COMPLETIONS = tuple(
    f"{task}={shell}"
    for task in ("install", "uninstall", "query")
    for shell in ("bash", "fish", "zsh")
)


def split_flags(arguments: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Separate flags and overrides.

    Returns:
        The flags by their long name, each with its value or empty text, and the overrides.

    Raises:
        RequestError: A flag is unknown, has an unknown value, or does not go with another argument.
    """
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
    _refuse_clashes(flags, overrides)
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
    if "--help" in flags and (others := [flag for flag in commands if flag != "--multirun"]):
        raise RequestError(f"Expected --help without {others[0]}; received both.")
    for flag, owners in (("--resolve", ("--cfg", "--help")), ("--package", ("--cfg",))):
        if flag in flags and not flags.keys() & set(owners):
            raise RequestError(f"Expected {flag} with {' or '.join(owners)}; received it alone.")
    if overrides and "--hydra-help" in flags:
        raise RequestError(f"Expected --hydra-help alone; received {overrides[0]!r} as well.")
    if "--version" in flags:  # alone, it never gets here: ablate/process/entry.py answers it
        others = [*(flag for flag in flags if flag != "--version"), *overrides, "it twice"]
        raise RequestError(f"Expected --version alone; received {others[0]} as well.")
    if "--shell-completion" in flags:
        _check_completion(overrides)


def _check_completion(overrides: Sequence[str]) -> None:
    if len(overrides) != 1 or overrides[0] not in COMPLETIONS:
        received = " ".join(overrides)
        raise RequestError(f"Unknown completion {received!r}.{nearest(received, COMPLETIONS)}")
    if overrides[0].startswith("query=") and "COMP_LINE" not in os.environ:
        raise RequestError(f"Expected {overrides[0]} from a shell that sets COMP_LINE only.")
