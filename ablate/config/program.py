"""An external program that trains the runs of a cell, and the variant of such a cell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import PurePath
from typing import Any

from ablate.config.command_line import (
    BOOLEANS,
    OVERRIDES,
    RESULT,
    SEED,
    STYLES,
    check_placeholders,
    flat_options,
    placeholders,
    split_command,
)
from ablate.config.recipe import Recipe
from ablate.config.variant import (
    Variant,
    allowed_packages,
    node_of,
    read_variant,
    refuse_odd_options,
)
from ablate.errors import RequestError
from ablate.fields import check_choice, check_list, check_number, check_text, refuse_unknown_keys
from ablate.study.response import Response

KINDS = ("keras", "command")
DIRECTORIES = ("run", "here")
LONGEST_TIMEOUT_SECONDS = 1e8


@dataclass(frozen=True, slots=True)
class Program:
    """An external program that trains the runs of a cell.

    Attributes:
        command: The program and its arguments, with placeholders; see `ablate.config.command_line`.
        options: The program's own options, possibly nested.
        overrides: What ``{overrides}`` stands for: one of `STYLES`.
        booleans: How options that are true or false are written: one of `BOOLEANS`.
        responses: What the result holds that runs can be judged by, each with its direction.
        result: The JSON file of the result in the working directory; None: where ``{result}`` says,
            or else the last line of JSON that the program prints.
        directory: The working directory: ``run``, a folder of the run, or ``here``.
        files: Further files and folders that can change a result.
        timeout_seconds: The longest time of a run; None for no limit.
    """

    command: str
    options: Mapping[str, Any] = field(default_factory=dict)
    overrides: str = STYLES[0]
    booleans: str = BOOLEANS[0]
    responses: tuple[Response, ...] = ()
    result: str | None = None
    directory: str = DIRECTORIES[0]
    files: tuple[str, ...] = ()
    timeout_seconds: float | None = None

    def __post_init__(self) -> None:
        check_placeholders(self.words, _checked_options(self.options))
        check_choice(self.overrides, "cell.overrides", choices=STYLES)
        check_choice(self.booleans, "cell.booleans", choices=BOOLEANS)
        check_choice(self.directory, "cell.directory", choices=DIRECTORIES)
        if self.result is not None:
            _check_result(self.result)
            if self.directory == "here" and RESULT not in self.placeholders:
                raise RequestError(
                    f"Expected {{result}} in cell.command, the path where the program writes its "
                    f"result, since with cell.directory=here all runs would write the same "
                    f"{self.result}; received {self.command!r}."
                )
        for name in self.files:
            check_text(name, "cell.files")
        if self.timeout_seconds is not None:
            check_number(
                self.timeout_seconds,
                "cell.timeout_seconds",
                accepts=lambda seconds: 0 < seconds < LONGEST_TIMEOUT_SECONDS,
                expected="null or a number of seconds above 0",
            )

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the command, with placeholders."""
        return split_command(self.command)

    @property
    def flat_options(self) -> dict[str, Any]:
        """The options by name, with dots in the names of nested ones."""
        return flat_options(self.options)

    @property
    def placeholders(self) -> list[str]:
        """The placeholders in the command and in the values of the options."""
        texts = [value for value in self.flat_options.values() if isinstance(value, str)]
        return placeholders([*self.words, *texts])

    def as_node(self) -> dict[str, Any]:
        """The `cell` node of a configuration, as plain JSON values, without defaults."""
        record = asdict(self)
        given = {
            each.name: record[each.name]
            for each in fields(self)
            if each.name == "command" or record[each.name] != each.default
        }
        for name in ("responses", "files"):
            given[name] = list(record[name])
        return {"kind": "command", **{key: value for key, value in given.items() if value}}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramVariant(Variant):
    """The variant of a cell whose runs an external program trains.

    It has no model, data and recipe: the program brings them.

    Attributes:
        program: The program.
    """

    program: Program

    @staticmethod
    def of(program: Program, *, allow: tuple[str, ...] = ()) -> ProgramVariant:
        """The variant of a program."""
        return ProgramVariant(model={}, data={}, recipe=Recipe(), allow=allow, program=program)

    def nodes(self) -> dict[str, dict[str, Any]]:
        """Its one node, as plain JSON values."""
        return {"cell": self.program.as_node()}

    def settings(self) -> dict[str, Any]:
        """Every key with its value, such as ``cell.options.lr: 0.1``."""
        node = self.program.as_node()
        node.pop("responses", None)
        options = {f"options.{key}": value for key, value in self.program.flat_options.items()}
        node.pop("options", None)
        return {f"cell.{key}": value for key, value in {**node, **options}.items()}

    def identifying_settings(self) -> dict[str, Any]:
        """The settings that are part of a run's identity; files count by their content."""
        apart = ("cell.files", "cell.timeout_seconds")
        return {key: value for key, value in self.settings().items() if key not in apart}

    def targets(self) -> tuple[str, ...]:
        """None: this program calls no function of it."""
        return ()


def read_cell(content: Mapping[str, Any]) -> Variant:
    """The variant of a composed configuration, whatever trains it, or one that a plan wrote.

    Raises:
        RequestError: A key is unknown, or a value is not what it should be.
    """
    if not is_command(content):
        return read_variant(content)
    return ProgramVariant.of(
        _read_program(node_of(content, "cell")), allow=allowed_packages(content)
    )


def is_command(content: Mapping[str, Any]) -> bool:
    """Whether an external program trains the runs of a configuration.

    Raises:
        RequestError: The node `cell` is not valid.
    """
    if "cell" not in content:
        return False  # the plan of an earlier version
    node = node_of(content, "cell")
    kind = check_choice(node.get("kind"), "cell.kind", choices=KINDS)
    if kind == "keras":
        refuse_unknown_keys(node, ("kind",), node="cell")
    return kind == "command"


def _read_program(node: Mapping[str, Any]) -> Program:
    known = [each.name for each in fields(Program)]
    refuse_unknown_keys(node, ("kind", *known), node="cell")
    given = {key: value for key, value in node.items() if key != "kind" and value is not None}
    command = given.get("command")
    if not isinstance(command, str) or not command.strip():
        raise RequestError(
            f"Expected cell.command='python train.py {{overrides}} --seed {{seed}}', or another "
            f"program, with cell=command; received {command!r}."
        )
    for key in ("overrides", "booleans", "directory", "result"):
        if key in given:
            check_text(given[key], f"cell.{key}")
    options = given.get("options", {})
    if not isinstance(options, Mapping):
        raise RequestError(
            f"Expected cell.options as {{name: value, ...}}, such as {{lr: 0.1}}; received "
            f"{options!r}."
        )
    files = tuple(check_list(given.get("files", ()), "cell.files"))
    responses = _read_responses(given.get("responses", ()))
    return Program(**{**given, "options": options, "files": files, "responses": responses})


def _read_responses(node: object) -> tuple[Response, ...]:
    """A mapping such as `{accuracy: higher}`, or a list as that of a study."""
    if isinstance(node, Mapping):
        node = [
            {"name": name, **(value if isinstance(value, Mapping) else {"direction": value})}
            for name, value in node.items()
        ]
    responses = []
    for item in check_list(node, "cell.responses"):
        keys = set(item) if isinstance(item, Mapping) else set()
        if not {"name", "direction"} <= keys <= {"name", "direction", "unit"}:
            raise RequestError(
                f"Expected cell.responses as {{accuracy: higher}} or {{accuracy: {{direction: "
                f"higher, unit: fraction}}}}; received {item!r}."
            )
        responses.append(Response(**item))
    return tuple(responses)


def _checked_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, flat.

    Raises:
        RequestError: One has a name that no program could take, or a value that is not finite.
    """
    refuse_odd_options(options, "cell.options")
    flat = flat_options(options)
    for key in flat:
        if not re.fullmatch(r"\w[\w-]*(\.\w[\w-]*)*", key):
            raise RequestError(
                f"Expected the names in cell.options of letters, digits, '_' and '-'; received "
                f"{key!r}."
            )
        if key in (OVERRIDES, SEED, RESULT):
            raise RequestError(
                f"Expected other names in cell.options than {OVERRIDES}, {SEED} and {RESULT}, "
                f"which are placeholders; received {key!r}. Write --{key} {{{key}}} in "
                f"cell.command instead."
            )
    return flat


def _check_result(result: str) -> None:
    path = PurePath(result)
    if path.is_absolute() or ".." in path.parts or not path.name or "\0" in result:
        raise RequestError(
            f"Expected cell.result as a path in the working directory of the run, such as "
            f"result.json; received {result!r}. A program that is told where to write its result "
            f"gets the path as {{result}} in cell.command."
        )
