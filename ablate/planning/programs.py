"""The plan of a study whose runs an external program trains, and what can be checked of it."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Iterable, Mapping
from typing import Any

from ablate.config.command_line import SEED, flat_options
from ablate.config.overrides import parse_override
from ablate.config.program import Program, ProgramVariant
from ablate.errors import RequestError, nearest
from ablate.planning.provenance import provenance
from ablate.process import stop
from ablate.store.plan import PROGRAM, Plan, PlannedCell
from ablate.store.program_files import (
    program_sources,
    script_index,
    source_digest,
    visible_names,
)
from ablate.study.design import Cell
from ablate.study.response import Response
from ablate.study.study import Study

COSTS = (Response("train_seconds", "lower", "seconds"),)
"""What is measured of every program."""


def plan_programs(
    study: Study, variants: Mapping[Cell, ProgramVariant], *, seeds: tuple[int, ...]
) -> Plan:
    """The plan of cells whose variants are composed.

    Raises:
        RequestError: A program or one of its files cannot be found, it does not get the seed, or
            the responses are not stated.
    """
    cells, sources, digest_of = [], {}, functools.cache(source_digest)
    for cell, variant in variants.items():
        stop.check()
        check_program(variant.program)
        _refuse_without_seed(study, variant.program)
        code, files = program_sources(variant.program, digest_of=digest_of)
        sources[code] = files
        cells.append(PlannedCell(cell, variant, "", seeds, code))
    return Plan(
        study=_judged(study, [variant.program for variant in variants.values()]),
        cells=tuple(cells),
        datasets={},
        backend=PROGRAM,
        provenance=provenance(PROGRAM),
        sources=sources,
    )


def check_level(override: str, request: Mapping[str, Any]) -> None:
    """Check the override of a level as far as it concerns an external program.

    Args:
        override: The override.
        request: The configuration of the request.

    Raises:
        RequestError: It changes what no level changes, or an option that the program does not have.
    """
    key = parse_override(override).key_or_group
    if key.partition(".")[0] != "cell":
        return
    option = key.removeprefix("cell.options.")
    if option == key:
        raise RequestError(
            f"Expected the levels of cell=command to change cell.options.NAME; received "
            f"{override!r}. Give {key} for all cells. Levels may change a part of the command too, "
            f"such as {{script}}, if it is an option."
        )
    options = request["cell"].get("options")
    if not _has(options, option):
        raise RequestError(
            f"Unknown key {key!r}.{nearest(option, flat_options(options or {}))} Options of the "
            f"program are listed in cell.options, each with its value in the full model."
        )


def _has(options: object, name: str) -> bool:
    for part in name.split("."):
        if not isinstance(options, Mapping) or part not in options:
            return False
        options = options[part]
    return True


def check_program(program: Program) -> None:
    """Check that a program and its script are there.

    Raises:
        RequestError: One is not.
    """
    words = program.words
    name = words[0]
    if "{" in name:
        raise RequestError(f"Expected cell.command to start with a program; received {name!r}.")
    if shutil.which(name) is None:
        raise RequestError(_missing_program(name))
    script = script_index(words)
    if script is not None and not os.path.exists(words[script]):
        folder = os.path.dirname(words[script]) or "."
        known = visible_names(folder)
        hint = nearest(os.path.basename(words[script]), known)
        raise RequestError(
            f"Expected the script {words[script]!r} of cell.command; none is there.{hint}"
        )


def _missing_program(name: str) -> str:
    if os.path.isfile(name):
        start = "python " if name.endswith(".py") else "sh "
        return (
            f"Expected cell.command to start with a program; {name!r} is a file that cannot be "
            f"started. Write {start}{name}."
        )
    others = [
        each for each in ("python", "python3", "Rscript", "julia", "sh") if shutil.which(each)
    ]
    return (
        f"Expected the program {name!r} of cell.command in PATH; it is not.{nearest(name, others)}"
    )


def _refuse_without_seed(study: Study, program: Program) -> None:
    replicates = study.most_replicates or study.replicates
    if replicates > 1 and SEED not in program.placeholders:
        raise RequestError(
            f"Expected {{seed}} in cell.command, such as --seed {{seed}}, or as the value of an "
            f"option, since each cell has {replicates} replicates, which differ by their seed. If "
            f"the program uses no random numbers, give study.replicates=1."
        )


def _judged(study: Study, programs: Iterable[Program]) -> Study:
    """The study, its responses those of the request or else the first of the programs.

    Raises:
        RequestError: No response is stated, or its direction is not.
    """
    stated = {each.name: each for program in programs for each in program.responses}
    own = {each.name: each for each in study.responses if each.direction is not None}
    known = {**stated, **own, **{each.name: each for each in COSTS}}
    if not stated and not study.responses:
        raise RequestError(
            "Expected which number of the result runs are judged by, such as "
            "'cell.responses={accuracy: higher}', or study.responses; received neither."
        )
    for response in study.responses:
        if response.name not in known:
            raise RequestError(
                f"Expected whether {response.name} is better when it is higher or lower: "
                f"'cell.responses={{{response.name}: higher}}'; received it without."
            )
    return study.judged_by(list(known.values()))
