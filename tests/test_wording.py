from __future__ import annotations

import math

import pytest
from pytest import param

from ablate import wording


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("a\nb\tc", 0, "a b c"),
        ("a\x00b\x1b[31m", 0, "a b [31m"),
        ("\u202eevil", 0, "evil"),
        ("x" * 9, 4, "xxx…"),
        ("😀", 0, "😀"),
    ],
)
def test_text_from_outside_becomes_one_plain_line(text: str, limit: int, expected: str) -> None:
    assert wording.one_line(text, limit) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        param("two\nlines", "two lines", id="line_break"),
        param("a\x1b[31m", "a\\x1b[31m", id="escape"),
        param("a" * 600 + "b" * 600, "a" * 500 + " ... " + "b" * 500, id="long"),
    ],
)
def test_a_terminal_line_shows_control_characters(text: str, expected: str) -> None:
    assert wording.terminal_line(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  a  b", "  a  b"),
        ("a\x1b[31m\nb\x07", "a\\x1b[31m\\nb\\x07"),
        ("\u202eevil\x85", "\\u202eevil\\x85"),
        ("97.5\u00a0% \\ größe 😀", "97.5\u00a0% \\ größe 😀"),
    ],
)
def test_printable_text_cannot_control_a_terminal(text: str, expected: str) -> None:
    assert wording.printable(text) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("cats", "cats"), ("a\nb", "a\\nb"), ("a\\nb", "a\\\\nb"), ("größe", "größe")],
)
def test_different_names_are_shown_differently(name: str, expected: str) -> None:
    assert wording.escaped_name(name) == expected


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        param(ValueError("no\nkey"), "ValueError: no key", id="two_lines"),
        param(ValueError(), "ValueError", id="no_message"),
        param(ValueError("x" * 600), "ValueError: " + "x" * 500, id="long"),
        param(UnprintableError(), "UnprintableError", id="unprintable"),
        param(
            TypeError("\x1b[1mbad shape\x1b[0m\n\nArguments received by Dense: ..."),
            "TypeError: bad shape",
            id="keras",
        ),
    ],
)
def test_an_error_is_summarised_on_one_line(error: Exception, expected: str) -> None:
    assert wording.error_summary(error) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (999.0, "999"),
        (1_000.0, "1.00 k"),
        (297_697.0, "298 k"),
        (999_600.0, "1.00 M"),
        (1_234_567.0, "1.23 M"),
        (4.2e9, "4.20 G"),
        (3e15, "3000 T"),
        (math.nan, "—"),
    ],
)
def test_large_numbers_are_shortened(value: float, expected: str) -> None:
    assert wording.short_number(value) == expected


@pytest.mark.parametrize(("value", "expected"), [(2.5e6, "2.5 M"), (4e6, "4 M"), (100.0, "100")])
def test_tick_labels_have_no_trailing_zeros(value: float, expected: str) -> None:
    assert wording.tick_label(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(45.0, "45 s"), (120.0, "2 min"), (5_400.0, "1.5 h")]
)
def test_a_duration_has_a_suitable_unit(value: float, expected: str) -> None:
    assert wording.duration(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(0.25, "0.250"), (0.0004, "< 0.001"), (1.0, "1.000"), (math.nan, "—")]
)
def test_a_p_value_is_never_zero(value: float, expected: str) -> None:
    assert wording.p_value(value) == expected


@pytest.mark.parametrize(("value", "expected"), [(0.25, "p = 0.25"), (0.0004, "p < 0.001")])
def test_a_p_value_in_a_sentence_is_never_zero(value: float, expected: str) -> None:
    assert wording.p_equation(value) == expected


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c", "d", "e", "f"], "a, b, c, d and 2 more"),
    ],
)
def test_items_after_the_fourth_are_counted(items: list[str], expected: str) -> None:
    assert wording.enumeration(items) == expected


@pytest.mark.parametrize(
    ("items", "expected"), [(["a"], "a"), (["a", "b", "c", "d"], "a; b; and 2 more")]
)
def test_only_the_first_few_items_are_shown(items: list[str], expected: str) -> None:
    assert wording.first_few(items, most=2) == expected


@pytest.mark.parametrize(("number", "expected"), [(1, "1 seed"), (3, "3 seeds"), (0, "0 seeds")])
def test_a_noun_agrees_with_its_number(number: int, expected: str) -> None:
    assert wording.quantity(number, "seed") == expected
