"""The command line of an external program: its placeholders, and how it gets its options.

A command is divided into words as a shell divides them, but no shell reads it. A placeholder is a
name in braces, and ``{{`` stands for a brace.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from ablate.errors import RequestError, nearest

OVERRIDES, SEED, RESULT = "overrides", "seed", "result"
STYLES = ("--key value", "--key=value", "key=value", "json", "yaml")
"""What ``{overrides}`` stands for: words, or the path of a file."""
FILES = ("json", "yaml")
BOOLEANS = ("word", "flag", "no_flag")
SHELLS = ("sh", "bash", "dash", "ksh", "zsh")
SCRIPT_FOLLOWS = re.compile("-[a-z]*c[eux]*")
"""The flag of a shell after which a script follows, alone or with others: ``-c`` or ``-ce``."""
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Values:
    """What the placeholders of a command stand for in one run.

    Attributes:
        options: The options, with dots in the names of nested ones.
        seed: The run seed.
        result: The path of the file of the result.
        overrides_file: The path of the file that holds the options, where a file does.
    """

    options: Mapping[str, Any]
    seed: int
    result: str
    overrides_file: str


def split_command(command: str) -> tuple[str, ...]:
    """The words of a command.

    Raises:
        RequestError: It has none, or a quotation mark is not closed.
    """
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise RequestError(
            f"Expected cell.command as words in a shell's notation; received {command!r} ({error})."
        ) from None
    if not words:
        raise RequestError("Expected cell.command to name a program; received nothing.")
    return words


def flat_options(options: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Options by name; those in a mapping get its name and a dot before their own."""
    flat: dict[str, Any] = {}
    for key, value in options.items():
        if isinstance(value, Mapping) and value:
            flat |= flat_options(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def placeholders(words: Sequence[str]) -> list[str]:
    """The names in braces, in their order."""
    found = [match[1] for word in words for match in _PLACEHOLDER.finditer(word)]
    return [name for name in found if name is not None]  # None: two braces that stand for one


def check_placeholders(words: Sequence[str], options: Mapping[str, Any]) -> None:
    """Check that each placeholder is known, and that each option reaches the program.

    Args:
        words: The words of the command.
        options: The options, flat.

    Raises:
        RequestError: One is unknown, or has no placeholder.
    """
    used = placeholders(words)
    known = (OVERRIDES, SEED, RESULT, *options)
    for name in used:
        if name not in known:
            raise RequestError(
                f"Unknown placeholder {{{name}}} in cell.command.{nearest(name, known)} The names "
                f"in cell.options are placeholders too; write {{{{ and }}}} for braces."
            )
    lost = [name for name in options if name not in used]
    if lost and OVERRIDES not in used:
        raise RequestError(
            f"Expected {{{OVERRIDES}}} or {{{lost[0]}}} in cell.command, or the program would not "
            f"get cell.options.{lost[0]}; received {' '.join(words)!r}."
        )


def fill_command(
    words: Sequence[str], values: Values, *, style: str, booleans: str
) -> tuple[str, ...]:
    """The words of a command with the values of one run.

    A word that is the placeholder of one option alone is left out where the option is null.

    Args:
        words: The words of the command, with placeholders.
        values: What these stand for.
        style: One of `STYLES`.
        booleans: One of `BOOLEANS`.
    """
    used = placeholders(words)
    own = {name: value for name, value in values.options.items() if name not in used}
    overrides = (
        [values.overrides_file]
        if style in FILES
        else list(_override_words(own, style=style, booleans=booleans))
    )
    left_out = [f"{{{name}}}" for name, value in values.options.items() if value is None]
    filled: list[str] = []
    for index, word in enumerate(words):
        if word == f"{{{OVERRIDES}}}":
            filled += overrides
        elif word not in left_out:
            quote = is_shell_script(words, index)
            filled.append(_fill_word(word, values, overrides=overrides, quote=quote))
    return tuple(filled)


def is_shell_script(words: Sequence[str], index: int) -> bool:
    """Whether a word is a script that a shell reads: what follows ``sh -c``."""
    return (
        index > 1
        and SCRIPT_FOLLOWS.fullmatch(words[index - 1]) is not None
        and any(PurePath(word).name in SHELLS for word in words[: index - 1])
    )


def _fill_word(word: str, values: Values, *, overrides: Sequence[str], quote: bool) -> str:
    """A word with its placeholders filled; values in a shell's script are quoted for the shell."""

    def fill(match: re.Match[str]) -> str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        if match[1] == OVERRIDES:
            return shlex.join(overrides)
        own = {SEED: values.seed, RESULT: values.result, **values.options}
        text = text_of(own[match[1]])
        return shlex.quote(text) if quote else text

    return _PLACEHOLDER.sub(fill, word)


def fill_option(value: Any, *, seed: int, result: str) -> Any:
    """The value of an option in one run: texts may hold ``{seed}`` and ``{result}``."""
    if isinstance(value, Mapping):
        return {key: fill_option(item, seed=seed, result=result) for key, item in value.items()}
    if value == f"{{{SEED}}}":
        return seed
    if isinstance(value, str):
        return value.replace(f"{{{SEED}}}", str(seed)).replace(f"{{{RESULT}}}", result)
    return value


def text_of(value: Any) -> str:
    """The value of an option as a word: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _override_words(options: Mapping[str, Any], *, style: str, booleans: str) -> Iterator[str]:
    """The options as words; one that is null is left out."""
    for key, value in options.items():
        if value is None:
            continue
        if isinstance(value, bool) and booleans != "word" and style != "key=value":
            if value or booleans == "no_flag":
                yield f"--{key}" if value else f"--no-{key}"
        elif style == "--key value":
            yield f"--{key}"
            # A list is several words, as argparse takes them with nargs="+".
            yield from map(text_of, value if isinstance(value, list | tuple) else [value])
        else:
            yield f"{'--' if style.startswith('--') else ''}{key}={text_of(value)}"
