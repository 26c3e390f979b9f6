"""Arguments of the form key=value, read as Hydra reads them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType

from ablate.config.keys import GROUPS, refuse_renamed_key
from ablate.errors import RequestError, nearest
from ablate.wording import one_line


def parse_override(argument: str) -> Override:
    """Parse one override of a request.

    Raises:
        RequestError: It is no override, it has several values, its key was renamed, or it moves a
            group to another package.
    """
    override = _parse(argument)
    key = override.key_or_group
    if override.is_sweep_override():
        raise RequestError(
            f"Expected one value for {key}; received {argument}. What a study compares are the "
            f"levels of its factors, in experiments/study/."
        )
    if not key:
        raise RequestError(f"Expected key=value; received {argument!r}, without a key.")
    if override.package is not None:
        raise RequestError(
            f"Expected key=value or group=choice without '@'; received {argument!r}."
        )
    if key in GROUPS and not override.is_delete() and not isinstance(override.value(), str):
        raise RequestError(
            f"Expected {key}=NAME, one of the choices of {key}; received {argument}."
        )
    refuse_renamed_key(key)
    return override


def parse_values(
    arguments: Sequence[str], *, keys: Collection[str], literal: bool = False
) -> dict[str, Any]:
    """Parse the arguments of a command that takes a few keys.

    Args:
        arguments: Such as ``study=xyz``.
        keys: The keys that the command knows.
        literal: Whether values are kept as text and not read as numbers, lists or mappings.

    Raises:
        RequestError: An argument is not key=value, or its key is unknown or given twice.
    """
    values: dict[str, Any] = {}
    for argument in arguments:
        key, value = _split_literally(argument) if literal else _parse_value(argument)
        if key not in keys:
            raise RequestError(f"Unknown argument {key!r}.{nearest(key, keys)}")
        if key in values:
            raise RequestError(f"Expected {key} once; received it twice.")
        values[key] = value
    return values


def _split_literally(argument: str) -> tuple[str, str]:
    key, _, value = argument.partition("=")
    if not value:
        raise RequestError(f"Expected key=value; received {argument!r}.")
    return key, value


def _parse_value(argument: str) -> tuple[str, Any]:
    override = _parse(argument)
    changes = override.type is OverrideType.CHANGE and override.package is None
    if not changes or override.is_sweep_override():
        raise RequestError(f"Expected key=value with one value; received {argument!r}.")
    return override.key_or_group, override.value()


def _parse(argument: str) -> Override:
    try:
        argument.encode()
        override = OverridesParser.create().parse_override(argument)
        if not override.is_sweep_override():
            override.value()  # it raises for a value that cannot be converted
    except Exception as error:  # Hydra's parser raises many kinds for malformed input
        reason = one_line(str(error).split("\n")[0])
        raise RequestError(f"Expected key=value; received {argument!r} ({reason}).") from None
    return override
