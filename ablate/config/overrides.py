"""Arguments of the form key=value, read as Hydra reads them."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType, Quote, QuotedString

from ablate.config.keys import GROUPS, leads_out, refuse_renamed_key
from ablate.errors import RequestError, nearest
from ablate.wording import one_line

TEXT_KEYS = ("data.path", "store.uri", "study.question", "cell.command", "cell.overrides")
"""Keys whose values are text that is taken as it stands, and not read by Hydra's grammar."""
MOST_HINT_LETTERS = 200


def quote_text(argument: str, *, keys: Collection[str] = TEXT_KEYS) -> str:
    """Put the value of a text key in quotes if Hydra would read something else than the text.

    Hydra's grammar refuses or changes values with brackets, ``~``, ``=`` or letters such as ``ü``.
    Lists, mappings, null, quoted values and values with Hydra's escapes stay as they are.

    Args:
        argument: An override.
        keys: The keys whose values are text.
    """
    key, _, value = argument.partition("=")
    if key.lstrip("+") not in keys or not value:
        return argument
    try:
        override = OverridesParser.create().parse_override(argument)
        read = None if override.is_sweep_override() else override.value()
    except Exception:  # Hydra's parser raises many kinds for what it cannot read
        return _quoted(key, value)
    is_text = isinstance(read, str) and (read == value or "\\" in value or _has_quotes(value))
    is_structure = value == "null" or isinstance(read, dict | list)
    return argument if is_text or is_structure else _quoted(key, value)


def _has_quotes(value: str) -> bool:
    return len(value) > 1 and value[0] == value[-1] and value[0] in "'\""


def _quoted(key: str, value: str) -> str:
    return f"{key}={QuotedString(value, Quote.double).with_quotes()}"


def parse_override(argument: str) -> Override:
    """Parse one override of a request; text is taken as it stands, see `quote_text`.

    Raises:
        RequestError: It is no override, it has several values, its key was renamed, or it moves a
            group to another package.
    """
    override = _parse(quote_text(argument))
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
    if (key in GROUPS or "/" in key) and not override.is_delete():
        _refuse_path(key, str(override.value()))
    refuse_renamed_key(key)
    return override


def _refuse_path(group: str, choice: str) -> None:
    if leads_out(choice):
        raise RequestError(
            f"Expected {group}=NAME of a file in experiments/{group}/, without a path that leads "
            f"out of it; received {choice!r}."
        )


def parse_values(
    arguments: Sequence[str],
    *,
    keys: Collection[str],
    text_keys: Collection[str] = (),
    literal: bool = False,
) -> dict[str, Any]:
    """Parse the arguments of a command that takes a few keys.

    Args:
        arguments: Such as ``study=xyz``.
        keys: The keys that the command knows.
        text_keys: Those whose values are taken as they stand; see `quote_text`.
        literal: Whether values are kept as text and not read as numbers, lists or mappings.

    Raises:
        RequestError: An argument is not key=value, or its key is unknown or given twice.
    """
    values: dict[str, Any] = {}
    for argument in arguments:
        given = quote_text(argument, keys=text_keys)
        key, value = _split_literally(argument) if literal else _parse_value(given)
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
    try:
        override = _parse(argument)
    except RequestError:
        key, _, value = argument.partition("=")
        if not key.isidentifier() or not value or not value.isprintable():
            raise
        return key, _read_words(value)
    changes = override.type is OverrideType.CHANGE and override.package is None
    if not changes or override.is_sweep_override():
        raise RequestError(f"Expected key=value with one value; received {argument!r}.")
    return override.key_or_group, override.value()


def _read_words(value: str) -> str | list[str] | dict[str, str]:
    """A value that Hydra's grammar cannot read, as a word, a list or a mapping of words."""
    items = [item.strip() for item in value[1:-1].split(",") if item.strip()]
    if value.startswith("[") and value.endswith("]"):
        return [_without_quotes(item) for item in items]
    if value.startswith("{") and value.endswith("}"):
        pairs = [item.partition(":") for item in items]
        return {_without_quotes(key.strip()): _without_quotes(it.strip()) for key, _, it in pairs}
    return value


def _without_quotes(word: str) -> str:
    return word[1:-1] if _has_quotes(word) else word


def _parse(argument: str) -> Override:
    try:
        argument.encode()
        override = OverridesParser.create().parse_override(argument)
        if not override.is_sweep_override():
            override.value()  # it raises for a value that cannot be converted
    except Exception as error:  # Hydra's parser raises many kinds for malformed input
        reason = one_line(str(error).split("\n")[0])
        raise RequestError(
            f"Expected key=value; received {argument!r} ({reason}).{_hint_at_quotes(argument)}"
        ) from None
    return override


def _hint_at_quotes(argument: str) -> str:
    """The end of an error message: how to give a value as text, if that is possible."""
    key, _, value = argument.partition("=")
    if not key or not value or value[0] in "[{\"'" or len(value) > MOST_HINT_LETTERS:
        return ""
    quoted = _quoted(key, value)
    try:
        quoted.encode()
        OverridesParser.create().parse_override(quoted)
    except Exception:  # the key is at fault, or the value is no text
        return ""
    return f" If the value is text, write {shlex.quote(quoted)}."
