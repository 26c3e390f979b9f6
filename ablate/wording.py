"""How numbers, names, errors and commands are written for people.

Pure functions of primitives, the only ones of their kind in the program. Files for programs hold
numbers unrounded and do not use this module.
"""

from __future__ import annotations

import math
import re
import shlex
import sys
from collections.abc import Sequence

from ablate.credentials import (
    hide_arguments,
    is_address,
    shown_argument,
    without_credentials,
)

MISSING = "—"
MINUS = "−"
NO_BREAK = "\u00a0"
LONGEST_LINE = 1000
LONGEST_MESSAGE = 100_000
"""Characters of an error's message that are looked at."""


def one_line(text: object, limit: int = 0) -> str:
    """Return text without line breaks and control characters, cut at a limit if one is given.

    Control characters are not allowed in XML, hence in no SVG, and direction marks could reorder
    the text around them.
    """
    plain = "".join(
        letter if letter.isprintable() or letter == NO_BREAK else " " for letter in str(text)
    )
    line = re.sub(" +", " ", plain).strip()
    return line if not limit or len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def printable(text: object) -> str:
    """Return text that cannot control a terminal: control characters are written as escapes."""
    return "".join(
        letter if letter.isprintable() or letter == NO_BREAK else ascii(letter)[1:-1]
        for letter in str(text)
    )


def terminal_line(text: object) -> str:
    """Return a message as one line of bounded length that cannot control a terminal.

    Control characters are written as escapes, so that a user sees what an argument contained. The
    credentials of the command line are left out. A line that is too long loses its middle.
    """
    line = printable(" ".join(hide_arguments(str(text), sys.argv[1:]).split()))
    half = LONGEST_LINE // 2
    return line if len(line) <= LONGEST_LINE else f"{line[:half]} ... {line[-half:]}"


def escaped_name(name: object) -> str:
    """Return a name on one line from which the exact name can be recovered.

    Control characters and backslashes are written as escapes, so two different names are never
    shown as the same text.
    """
    return "".join(
        letter
        if letter.isprintable() and letter != "\\"
        else letter.encode("unicode_escape").decode()
        for letter in str(name)
    )


def error_message(error: BaseException, *, limit: int = 500) -> str:
    """Return the message of an exception on one line of bounded length; empty if it has none."""
    try:
        message = str(error)
    except Exception:  # an exception of a user's own that cannot be printed
        message = ""
    # Keras colours its messages and lists all arguments of a call below them.
    plain = re.sub(r"\x1b\[\d*m", "", message[:LONGEST_MESSAGE])
    return one_line(plain.partition("\n\nArguments received")[0])[:limit]


def error_summary(error: BaseException, *, limit: int = 500) -> str:
    """Return the type of an exception and its message, such as ``ValueError: no such key``."""
    message = error_message(error, limit=limit)
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def without_password(text: str) -> str:
    """Return the address of a store, or a text that may name stores, without credentials."""
    text = hide_arguments(text, sys.argv[1:])
    if is_address(text):
        return without_credentials(text)
    return re.sub(r"://[^/\s]*@", "://***@", text)


class AddedArgument(str):
    """An argument for Hydra that the user has not typed."""

    __slots__ = ()


def own_command() -> str:
    """Return the command line of this process: for reports, lock files and hints to resume."""
    return command_of([word for word in sys.argv[1:] if not isinstance(word, AddedArgument)])


def command_of(arguments: Sequence[str]) -> str:
    """Return the command with these arguments, as it can be typed, without credentials."""
    return shlex.join(["python", "-m", "ablate", *map(shown_argument, arguments)])


def decimal(value: float | None, digits: int, *, sign: bool = False) -> str:
    """Return a number with fixed decimals and a true minus sign; a dash for NaN."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{value:{'+' if sign else ''},.{digits}f}"
    if not any(digit in text for digit in "123456789"):
        # A number that was rounded to 0 has no sign.
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def whole_number(value: float | None) -> str:
    """Return a whole number with thousands separators."""
    return decimal(value, 0)


def short_number(value: float | None) -> str:
    """Return a large number to three digits with k, M, G or T."""
    if value is None or not math.isfinite(value):
        return MISSING
    if abs(value) < 1000:
        return f"{value:.3g}"
    power = min(4, int(math.log10(abs(value)) / 3))
    if abs(value) / 1000**power >= 999.5 and power < 4:
        power += 1
    scaled = value / 1000**power
    return f"{scaled:.{max(0, 2 - int(math.log10(abs(scaled))))}f} {'kMGT'[power - 1]}"


def tick_label(value: float) -> str:
    """Return a large round number for a tick of an axis, such as ``2.5 M``."""
    text = short_number(value)
    return re.sub(r"\.?0+(?= )", "", text) if "." in text else text


def seconds(value: float | None) -> str:
    """Return a number of seconds to about three digits, without its unit."""
    if value is None or not math.isfinite(value):
        return MISSING
    return decimal(value, 2 if abs(value) < 10 else 1 if abs(value) < 1000 else 0)


def duration(value: float) -> str:
    """Return a number of seconds in the unit that suits it, such as ``45 s`` or ``1.5 h``."""
    if value < 90:
        return f"{value:.0f} s"
    minutes = value / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def p_value(value: float | None) -> str:
    """Return a p value for a table; never rounded to 0."""
    if value is None or not math.isfinite(value):
        return MISSING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def p_equation(value: float) -> str:
    """Return a p value for a sentence, such as ``p = 0.012``; never rounded to 0."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}"


def quantity(number: int, noun: str) -> str:
    """Return a number with its noun, such as ``1 seed`` or ``3 seeds``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def enumeration(items: Sequence[str], *, most: int = 4) -> str:
    """Return a few items joined by commas and *and*; the rest is counted."""
    shown = list(items[:most])
    if len(items) > most:
        shown.append(f"{len(items) - most} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def first_few(items: Sequence[str], *, most: int, rest: str = "") -> str:
    """Return the first items joined by semicolons; the rest is counted.

    Args:
        items: The items.
        most: How many are shown.
        rest: What is added after the number of items that are not shown.
    """
    more = f"; and {len(items) - most} more{rest}" if len(items) > most else ""
    return f"{'; '.join(items[:most])}{more}"
