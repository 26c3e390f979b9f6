"""Checks of the values that a configuration may hold, each with the line that refuses a bad one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeGuard

from ablate.errors import RequestError, nearest


def check_whole(
    value: object, key: str, *, least: int, below: int | None = None, otherwise: str = ""
) -> int:
    """Return a whole number.

    Args:
        value: What was received.
        key: Its full key, such as ``recipe.epochs``.
        least: The smallest number allowed.
        below: The number that all allowed ones are below; a power of two.
        otherwise: A word that the key takes too, which the caller has handled already.

    Raises:
        RequestError: It is not a whole number, or out of range.
    """
    if _is_whole(value) and least <= value and (below is None or value < below):
        return value
    bound = "" if below is None else f", below 2**{below.bit_length() - 1}"
    alternative = f"{otherwise} or " if otherwise else ""
    raise RequestError(
        f"Expected {key} to be {alternative}a whole number of {least} or more{bound}; received "
        f"{value!r}."
    )


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def check_number(
    value: object, key: str, *, accepts: Callable[[float], bool], expected: str
) -> float:
    """Return a number.

    Args:
        value: What was received.
        key: Its full key.
        accepts: Whether a number is allowed.
        expected: What is allowed, such as ``a finite number above 0``.

    Raises:
        RequestError: It is not a number, or not allowed.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and accepts(value):
        return value
    raise RequestError(f"Expected {key} to be {expected}; received {value!r}.")


def check_flag(value: object, key: str) -> bool:
    """Return true or false.

    Raises:
        RequestError: It is something else.
    """
    if isinstance(value, bool):
        return value
    raise RequestError(f"Expected {key} to be true or false; received {value!r}.")


def check_text(value: object, key: str) -> str:
    """Return a text.

    Raises:
        RequestError: It is something else.
    """
    if isinstance(value, str):
        return value
    raise RequestError(f"Expected {key} to be text; received {value!r}.")


def check_choice(value: object, key: str, *, choices: Iterable[str]) -> str:
    """Return one of the choices.

    Raises:
        RequestError: It is something else; the message names the nearest choice.
    """
    known = tuple(choices)
    if isinstance(value, str) and value in known:
        return value
    raise RequestError(f"Unknown {key} {value!r}.{nearest(str(value), known)}")


def check_list(value: object, key: str) -> Sequence[Any]:
    """Return a list.

    Raises:
        RequestError: It is something else.
    """
    if isinstance(value, list | tuple):
        return value
    raise RequestError(f"Expected {key} to be a list; received {value!r}.")


def check_folder_name(name: str, key: str) -> str:
    """Return a name that a folder can have on any file system.

    Raises:
        RequestError: It is too long, or has other characters than letters, digits, ``.``, ``_``
            and ``-``.
    """
    if re.fullmatch(r"\w[\w.-]{0,99}", name, re.ASCII):
        return name
    raise RequestError(
        f"Expected {key} of at most 100 letters, digits, '.', '_' and '-', since it names folders; "
        f"received {name!r}."
    )


def check_whole_list(value: object, key: str, *, least: int, example: str) -> Sequence[int]:
    """Return a list of one or more whole numbers.

    Args:
        value: What was received.
        key: Its full key.
        least: The smallest number allowed.
        example: A list that is allowed, as a user would write it.

    Raises:
        RequestError: It is something else.
    """
    items = value if isinstance(value, list | tuple) else ()
    if items and all(_is_whole(item) and item >= least for item in items):
        return items
    raise RequestError(
        f"Expected {key} to list one or more whole numbers of {least} or more, such as {example}; "
        f"received {value!r}."
    )


def refuse_unknown_keys(keys: Iterable[object], known: Iterable[str], *, node: str) -> None:
    """Refuse a key that a node does not have.

    Args:
        keys: What was received.
        known: What the node has.
        node: Name of the node, such as ``recipe``.

    Raises:
        RequestError: A key is unknown; the message names the nearest one.
    """
    known = tuple(known)
    for key in keys:
        if key not in known:
            raise RequestError(f"Unknown key {node}.{key}.{nearest(str(key), known)}")
