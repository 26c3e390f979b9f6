"""The command by which an external program is started for one run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ablate.config.command_line import FILES, RESULT, Values, fill_command, fill_option
from ablate.config.program import Program
from ablate.store.disk import write_atomically
from ablate.store.folder import RunFolder
from ablate.store.program_files import with_full_path, words_with_full_paths

RESULT_FILE = "result.json"
"""The file of the result, unless `cell.result` names it."""


@dataclass(frozen=True, slots=True)
class RunCommand:
    """The command of one run.

    Attributes:
        words: The program and its arguments.
        work: The folder of the run that the program may fill.
        result: The file in which the program writes its result; None if it prints it.
        options: What the file of the options holds, as text; None if none is needed.
        options_file: That file.
    """

    words: tuple[str, ...]
    work: Path
    result: Path | None
    options: str | None
    options_file: Path

    @property
    def text(self) -> str:
        """The command as it could be typed."""
        return shlex.join(self.words)

    def write_files(self) -> None:
        """Write what the program reads, and make the folder in which it writes."""
        self.work.mkdir(parents=True, exist_ok=True)
        if self.result is not None:
            self.result.parent.mkdir(parents=True, exist_ok=True)
        if self.options is not None:
            write_atomically(self.options_file, self.options)


def run_command(program: Program, *, seed: int, folder: RunFolder) -> RunCommand:
    """The command of one run.

    Args:
        program: The program.
        seed: The run seed.
        folder: The folder of the run.
    """
    work = folder.path.absolute() / "work"
    result = work / (program.result or RESULT_FILE)
    options_file = work / f"options.{program.overrides}"
    nested = _with_full_paths(fill_option(program.options, seed=seed, result=str(result)))
    flat = _with_full_paths(fill_option(program.flat_options, seed=seed, result=str(result)))
    words = fill_command(
        words_with_full_paths(program.words),
        Values(flat, seed, str(result), str(options_file)),
        style=program.overrides,
        booleans=program.booleans,
    )
    writes = program.result is not None or RESULT in program.placeholders
    options = _as_file(nested, program.overrides) if program.overrides in FILES else None
    return RunCommand(words, work, result if writes else None, options, options_file)


def _as_file(options: Mapping[str, Any], kind: str) -> str:
    if kind == "json":
        return json.dumps(options, indent=1)
    text: str = yaml.safe_dump(options, sort_keys=False, allow_unicode=True)
    return text


def _with_full_paths(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _with_full_paths(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_full_paths(item) for item in value]
    return with_full_path(value) if isinstance(value, str) else value
