"""JSON values become dataclasses, or one line says what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from pytest import param

from ablate.store.schema import DEEPEST, SchemaError, decode, parse_json
from ablate.study.result import Status


@dataclass(frozen=True)
class Inner:
    count: int

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError("Expected a count of 0 or more.")


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner | None
    numbers: Mapping[str, float]
    shape: tuple[int, int]
    status: Status
    direction: Literal["higher", "lower"]
    exact: bool
    rest: Any = None
    words: tuple[str, ...] = ()


VALID: dict[str, Any] = {
    "name": "a",
    "inner": {"count": 2},
    "numbers": {"loss": 1, "accuracy": 0.5},
    "shape": [1, 2],
    "status": "complete",
    "direction": "lower",
    "exact": True,
}


def test_a_valid_value_becomes_its_dataclass() -> None:
    wanted = Outer(
        "a", Inner(2), {"loss": 1.0, "accuracy": 0.5}, (1, 2), Status.COMPLETE, "lower", True
    )
    assert decode(VALID, Outer) == wanted
    found = decode({**VALID, "inner": None, "rest": {"a": [1]}, "words": ["b"]}, Outer)
    assert (found.inner, found.rest, found.words) == (None, {"a": [1]}, ("b",))


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        param({"name": 1}, "name: expected text; received 1", id="number_for_text"),
        param({"name": "\ud800"}, "name: text that UTF-8 cannot hold", id="half_a_letter"),
        param({"inner": []}, "inner: expected a mapping; received list", id="list_for_mapping"),
        param({"inner": {}}, "the key inner.count is missing", id="missing_key"),
        param({"inner": {"count": -1}}, "inner: Expected a count of 0", id="own_check"),
        param({"inner": {"count": True}}, "inner.count: expected a whole number", id="flag"),
        param({"inner": {"count": 2**63}}, "inner.count: too large", id="large_whole_number"),
        param({"inner": {"count": 1.0}}, "inner.count: expected a whole number", id="fraction"),
        param({"numbers": {"a": "1"}}, "numbers.a: expected a number; received '1'", id="text"),
        param({"numbers": {"a": 10**400}}, "numbers.a: too large", id="large_number"),
        param({"numbers": {"a": False}}, "numbers.a: expected a number", id="flag_for_number"),
        param({"shape": [1]}, "shape: expected 2 values; received 1", id="too_few"),
        param({"shape": "ab"}, "shape: expected a list; received 'ab'", id="text_for_list"),
        param({"status": "lost"}, "status: expected one of complete", id="unknown_status"),
        param({"status": {}}, "status: expected one of complete", id="mapping_for_status"),
        param({"direction": "up"}, "direction: expected higher or lower", id="choice"),
        param({"direction": []}, "direction: expected higher or lower", id="list_for_choice"),
        param({"exact": 1}, "exact: expected true or false; received 1", id="number_for_flag"),
        param({"rest": nested(DEEPEST + 1)}, "nested more than", id="too_deep"),
        param({"rest": {"a": 2**63}}, "rest: too large", id="large_anywhere"),
        param({"more": 1}, "unknown key more", id="unknown_key"),
        param({"\x1b\n": 1}, "unknown key", id="control_characters"),
    ],
)
def test_an_invalid_value_is_refused_in_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError) as refused:
        decode({**VALID, **changes}, Outer)
    assert message in str(refused.value)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        param(b"", "not JSON", id="empty"),
        param(b"{", "not JSON", id="truncated"),
        param(b"\0" * 9, "not JSON", id="zeros"),
        param(b'{"a": "\xff"}', "not UTF-8 (byte 7)", id="no_utf8"),
        param(b"\xef\xbb\xbf{}", "not JSON", id="byte_order_mark"),
        param("{}".encode("utf-16"), "not UTF-8", id="utf_16"),
        param(b"[" * 200_000, "too deep", id="brackets"),
        param(b"9" * 10_000, "too long", id="digits"),
    ],
)
def test_what_is_no_json_is_refused_in_one_line(content: bytes, message: str) -> None:
    with pytest.raises(SchemaError) as refused:
        parse_json(content)
    assert message in str(refused.value)
    assert str(refused.value).isprintable()
