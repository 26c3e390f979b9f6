"""The command `python -m ablate.report`: a report from the store, or from a CSV file."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType

from ablate.analysis.findings import Analysis
from ablate.config.request import check_interactions
from ablate.errors import RequestError, nearest
from ablate.report.csv_results import MARGIN, Request, read_results
from ablate.report.page import write_report
from ablate.report.sections.answer import answer_lines
from ablate.store.folder import StudyFolder
from ablate.store.tables import read_record
from ablate.study.record import StudyRecord
from ablate.study.response import Direction
from ablate.study.result import Status
from ablate.study.study import LARGEST, SINGLE
from ablate.wording import one_line, terminal_line

USAGE = """\
Reports of ablation studies, rebuilt at any time; nothing is trained.

  python -m ablate.report study=NAME          a study that python -m ablate has run: runs/NAME/
  python -m ablate.report runs=results.csv factors=[a,b] response=accuracy
                                              results from anywhere, a row a run

With runs=, as needed:
  seed=seed              column of the run seed: runs that share it are compared in pairs
  reference={a: present} reference level of a factor; else present, else the first in the file
  direction=higher       or lower, whichever is better
  margin=0.01            loss of the response that is too small to matter, in its unit
  name=mine              names the report: reports/mine/; else named after the file

With either:
  interactions=2         largest number of factors in an interaction
"""
EITHER = ("interactions",)
STORED = ("study", *EITHER)
ANYWHERE = (
    "runs",
    "factors",
    "response",
    "seed",
    "reference",
    "direction",
    "margin",
    "name",
    *EITHER,
)


def main(arguments: list[str] | None = None) -> None:
    """Write a report, print its first lines and where it lies.

    Args:
        arguments: Such as ``study=xyz``; those of the command line if None.

    Raises:
        SystemExit: Always: 0 if all runs are complete, 1 if some are not, 2 if refused.
    """
    given = sys.argv[1:] if arguments is None else arguments
    if not given or {"-h", "--help"} & set(given):
        print(USAGE, end="")
        raise SystemExit(0 if given else 2)
    try:
        values = parse(given)
        code = _stored(values) if "study" in values else _anywhere(values, given)
    except OSError as error:
        print(f"ablate: Cannot write the report: {terminal_line(error)}.", file=sys.stderr)
        raise SystemExit(2) from None
    except RequestError as error:
        print(f"ablate: {terminal_line(error)}", file=sys.stderr)
        raise SystemExit(2) from None
    raise SystemExit(code)


def parse(arguments: Sequence[str]) -> dict[str, Any]:
    """The arguments by key, read as Hydra reads overrides.

    Raises:
        RequestError: One is no key=value, unknown, given twice, or of the other kind of report.
    """
    parser = OverridesParser.create()
    values: dict[str, Any] = {}
    for argument in arguments:
        override = _override(parser, argument)
        key = override.key_or_group
        if key not in ("study", *ANYWHERE):
            raise RequestError(f"Unknown argument {key!r}.{nearest(key, ('study', *ANYWHERE))}")
        if key in values:
            raise RequestError(f"Expected {key} once; received it twice.")
        values[key] = override.value()
    if "study" in values and (others := [key for key in values if key not in STORED]):
        raise RequestError(f"Expected study=NAME alone; received {others[0]} as well.")
    for key in () if "study" in values else ("runs", "factors", "response"):
        if key not in values:
            raise RequestError(
                f"Expected {key}=..., or study=NAME alone; received {_said(values)}."
            )
    return values


def _override(parser: OverridesParser, argument: str) -> Override:
    try:
        argument.encode()
        override = parser.parse_override(argument)
    except Exception as error:  # a parser that was written for well-meant input
        reason = one_line(str(error).split("\n")[0])
        raise RequestError(f"Expected key=value; received {argument!r} ({reason}).") from None
    plain = override.type is OverrideType.CHANGE and override.package is None
    if not plain or override.is_sweep_override():
        raise RequestError(f"Expected key=value with one value; received {argument!r}.")
    return override


def _said(values: Mapping[str, Any]) -> str:
    return " and ".join(values) or "nothing"


def _stored(values: Mapping[str, Any]) -> int:
    name = _slug(_text(values, "study"), "study")
    if name == SINGLE:
        raise RequestError(
            f"Expected a study; received {SINGLE!r}, which holds runs that no study planned. "
            f"MLflow's pages show them side by side."
        )
    record = read_record(StudyFolder(Path("runs") / name))
    folder = Path("reports") / name
    analysis = write_report(folder, record, interactions=_interactions(values))
    _show(analysis, folder)
    return 0 if (record.runs["status"] == Status.COMPLETE).all() else 1


def _anywhere(values: Mapping[str, Any], given: Sequence[str]) -> int:
    request = _request(values)
    study, runs = read_results(request)
    folder = Path("reports") / request.name
    record = StudyRecord(study, runs, provenance={"runs": request.runs.name})
    command = shlex.join(["python", "-m", "ablate.report", *given])
    analysis = write_report(folder, record, commands=[command], interactions=_interactions(values))
    _show(analysis, folder)
    return 0 if (runs["status"] == Status.COMPLETE).all() else 1


def _request(values: Mapping[str, Any]) -> Request:
    factors = values["factors"]
    names = factors if isinstance(factors, list) else [factors]
    reference = values.get("reference", {})
    if not isinstance(reference, dict):
        raise RequestError(f"Expected reference={{factor: level}}; received {reference!r}.")
    factors = tuple(_word(name, "factors") for name in names)
    if not factors:
        raise RequestError("Expected factors=[a,b], the columns to compare; received none.")
    for name in reference:
        if str(name) not in factors:
            raise RequestError(
                f"No factor {name!r} for a reference level.{nearest(str(name), factors)}"
            )
    path = Path(_text(values, "runs"))
    return Request(
        runs=path,
        factors=factors,
        response=_text(values, "response"),
        name=_slug(_text(values, "name") if "name" in values else path.stem, "name"),
        seed=_text(values, "seed") if values.get("seed") is not None else "",
        reference={str(name): level for name, level in reference.items()},
        direction=_direction(values.get("direction", "higher")),
        margin=_margin(values.get("margin", MARGIN)),
    )


def _direction(value: object) -> Direction:
    if value == "higher" or value == "lower":
        return "higher" if value == "higher" else "lower"
    raise RequestError(f"Expected direction=higher or direction=lower; received {value!r}.")


def _margin(value: object) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    margin = float(str(value)) if number else 0.0
    if not 0 < margin < LARGEST:
        raise RequestError(
            f"Expected margin to be a number above 0, in the unit of the response; received "
            f"{value!r}."
        )
    return margin


def _interactions(values: Mapping[str, Any]) -> int:
    return check_interactions(values.get("interactions", 2), "interactions")


def _text(values: Mapping[str, Any], key: str) -> str:
    return _word(values[key], key)


def _word(value: object, key: str) -> str:
    if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value):
        return str(value)
    raise RequestError(f"Expected {key} to be a word; received {value!r}.")


def _slug(name: str, key: str) -> str:
    """A name that is safe as that of a folder."""
    if not re.fullmatch(r"\w[\w.-]{0,99}", name, re.ASCII):
        raise RequestError(
            f"Expected {key} of letters, digits, '.', '_' and '-', since it names a folder; "
            f"received {name!r}."
        )
    return name


def _show(analysis: Analysis, folder: Path) -> None:
    for line in answer_lines(analysis):
        print(line)
    print(f"Report: {folder / 'index.html'}")


if __name__ == "__main__":
    main()
