"""JSON values turned into dataclasses, whose type hints say what a file may hold."""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from ablate.wording import one_line

DEEPEST = 100
"""How deep values of any kind may be nested: a recursion over them must not overflow the stack."""
LARGEST_WHOLE = 2**63
SHOWN_LETTERS = 60


class SchemaError(ValueError):
    """Content that is not what a schema asks for; the message says where, on one line."""


def parse_json(content: bytes) -> Any:
    """The value that UTF-8 encoded JSON stands for.

    Raises:
        SchemaError: It is no UTF-8 or no JSON.
    """
    try:
        return json.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise SchemaError(f"it is not UTF-8 (byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise SchemaError(f"it is not JSON (line {error.lineno})") from None
    except RecursionError:
        raise SchemaError("its values are nested too deep") from None
    except ValueError:  # a number with thousands of digits
        raise SchemaError("it holds a number that is too long") from None


def decode(value: object, kind: Any, *, where: str = "") -> Any:
    """A JSON value as an object of some type.

    Args:
        value: What `json.loads` returned.
        kind: A dataclass, an enumeration, a literal, ``str``, ``int``, ``float``, ``bool``, ``Any``
            (plain values), or tuples, mappings and optional values of these. A dataclass may leave
            out what has a default.
        where: The keys that lead to the value.

    Raises:
        SchemaError: The value is something else.
    """
    if kind is Any:
        return _plain(value, where, depth=0)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        (other,) = (item for item in arguments if item is not types.NoneType)
        return None if value is None else decode(value, other, where=where)
    if origin is Literal:
        if value in arguments and isinstance(value, str):
            return value
        raise _unexpected(" or ".join(arguments), value, where)
    if origin is tuple:
        return _items(value, arguments, where)
    if origin is Mapping:
        return {
            key: decode(item, arguments[1], where=_join(where, key))
            for key, item in _mapping(value, where).items()
        }
    return (
        _record(value, kind, where)
        if dataclasses.is_dataclass(kind)
        else _scalar(value, kind, where)
    )


def _items(value: object, kinds: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _unexpected("a list", value, where)
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(value)
    if len(kinds) != len(value):
        raise SchemaError(f"{where}: expected {len(kinds)} values; received {len(value)}")
    return tuple(
        decode(item, kind, where=f"{where}[{index}]")
        for index, (item, kind) in enumerate(zip(value, kinds, strict=True))
    )


def _record(value: object, kind: Any, where: str) -> Any:
    content, fields = _mapping(value, where), _fields(kind)
    for key in content:
        if key not in fields:
            raise SchemaError(f"unknown key {one_line(_join(where, key), SHOWN_LETTERS)}")
    for name, (_, required) in fields.items():
        if required and name not in content:
            raise SchemaError(f"the key {_join(where, name)} is missing")
    values = {
        key: decode(item, fields[key][0], where=_join(where, key)) for key, item in content.items()
    }
    try:
        return kind(**values)
    except (ValueError, OverflowError) as error:  # what the dataclass itself checks
        raise SchemaError(f"{where}: {error}" if where else str(error)) from None


@functools.cache
def _fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    """The type of each field of a dataclass, and whether it has no default."""
    hints = get_type_hints(kind)
    missing = dataclasses.MISSING
    return {
        field.name: (
            hints[field.name],
            field.default is missing and field.default_factory is missing,
        )
        for field in dataclasses.fields(kind)
        if field.init
    }


def _scalar(value: object, kind: Any, where: str) -> Any:
    if kind is float:
        return _number(value, where)
    if kind is int and isinstance(value, int) and not isinstance(value, bool):
        return _whole(value, where)
    if kind is str and isinstance(value, str):
        return _text(value, where)
    if kind is bool and isinstance(value, bool):
        return value
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        try:
            return kind(value)
        except ValueError:
            raise _unexpected(f"one of {', '.join(map(str, kind))}", value, where) from None
    expected = {int: "a whole number", str: "text", bool: "true or false"}
    raise _unexpected(expected[kind], value, where)


def _number(value: object, where: str) -> float:
    """A number as a float; NaN and infinity are numbers, as in the journal of a diverged run."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise SchemaError(f"{where}: too large a number") from None
    raise _unexpected("a number", value, where)


def _whole(value: int, where: str) -> int:
    if abs(value) < LARGEST_WHOLE:
        return value
    raise SchemaError(f"{where}: too large a number")


def _text(value: str, where: str) -> str:
    if value.isascii() or value == value.encode("utf-8", "replace").decode("utf-8"):
        return value
    raise SchemaError(f"{where}: text that UTF-8 cannot hold")


def _plain(value: object, where: str, *, depth: int) -> object:
    """A value of any kind, unless it is too deep, too large or cannot be written again."""
    if depth > DEEPEST:
        raise SchemaError(f"values nested more than {DEEPEST} deep")
    if isinstance(value, dict):
        for key in value:
            _text(key, where)
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            _plain(item, where or str(key), depth=depth + 1)
    elif isinstance(value, str):
        _text(value, where)
    elif isinstance(value, int):
        _whole(value, where)
    return value


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _unexpected("a mapping", value, where)
    for key in value:
        _text(key, where)
    return value


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _unexpected(expected: str, value: object, where: str) -> SchemaError:
    if isinstance(value, str):
        value = value[:SHOWN_LETTERS]
    is_short = value is None or isinstance(value, str | float)
    if isinstance(value, int):
        is_short = abs(value) < LARGEST_WHOLE
    shown = repr(value) if is_short else type(value).__name__
    place = f"{where}: " if where else ""
    return SchemaError(f"{place}expected {expected}; received {shown}")
