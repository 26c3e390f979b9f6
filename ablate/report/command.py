"""What `python -m ablate.report` does: report on a study, or on results of another program."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ablate.analysis.assumptions import GuessedReference
from ablate.config.overrides import parse_values
from ablate.config.request import check_interactions, check_paper_columns
from ablate.config.store_uri import STORE_URI, check_store_uri
from ablate.errors import RequestError
from ablate.fields import check_folder_name
from ablate.report.page import report_data, write_report
from ablate.report.results.arguments import check_word, request_of
from ablate.report.results.read import Results, read_frame, read_results, record_of
from ablate.report.results.request import MLFLOW, Request
from ablate.report.section import ReportData
from ablate.report.terminal import end_lines
from ablate.report.warning_texts import warning_texts
from ablate.store.folder import StudyFolder
from ablate.store.tables import read_record
from ablate.study.record import FITTING_COLUMNS
from ablate.study.result import Status
from ablate.study.study import SINGLE, Study
from ablate.wording import printable, terminal_line

USAGE = """\
Write the report of an ablation study again; nothing is trained.

  python -m ablate.report study=NAME          a study of python -m ablate: runs/NAME/
  python -m ablate.report runs=results.csv factors=[a,b] response=accuracy
                                              results of any program, a row a run or an epoch: CSV
                                              in any dialect, exports of MLflow, W&B, Optuna, ...
  python -m ablate.report runs=DIR ...        the folder of a Keras Tuner project
  python -m ablate.report runs=mlflow:EXPERIMENT ...  the runs of an MLflow server or database

Optional with runs=:
  seed=seed              column of the run seed or fold: runs that share it are compared in pairs
  reference={a: present} reference level of a factor; by default present, else the first in the file
  direction=higher       whether higher or lower is better; not needed for accuracy, val_loss, ...
  margin=0.01            difference of the response that is too small to matter, in its unit
  chance=0.1             response of a model that guesses: runs that did not learn are then counted
  name=mine              name of the report, reports/mine/; by default that of the file or
                         mlflow_EXPERIMENT
  store.uri=URI          with runs=mlflow:, where MLflow keeps the runs; by default that of
                         MLFLOW_TRACKING_URI, else sqlite:///mlflow.db

Optional with both:
  interactions=2         largest number of factors in an interaction
  columns=[mean_sd,change,n]  columns of the grid in report.tex
"""
BOTH = ("interactions", "columns")
OF_A_STUDY = ("study", *BOTH)
OF_A_FILE = (
    "runs",
    "factors",
    "response",
    "seed",
    "reference",
    "direction",
    "margin",
    "chance",
    "name",
    "store.uri",
    *BOTH,
)
REQUIRED = ("runs", "factors", "response")


def main(arguments: list[str] | None = None) -> None:
    """Write a report, print its answer and its path.

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
        values = parse_arguments(given)
        code = _report_study(values) if "study" in values else _report_file(values, given)
    except OSError as error:
        print(f"ablate: Cannot write the report: {terminal_line(error)}.", file=sys.stderr)
        raise SystemExit(2) from None
    except RequestError as error:
        print(f"ablate: {terminal_line(error)}", file=sys.stderr)
        raise SystemExit(2) from None
    raise SystemExit(code)


def parse_arguments(arguments: Sequence[str]) -> dict[str, Any]:
    """Parse the arguments, which belong to one kind of report.

    Raises:
        RequestError: An argument is not key=value, unknown, given twice, missing, or of the other
            kind of report.
    """
    values = parse_values(arguments, keys=("study", *OF_A_FILE), text_keys=("runs", "store.uri"))
    if "study" in values and (others := [key for key in values if key not in OF_A_STUDY]):
        raise RequestError(f"Expected study=NAME alone; received {others[0]} as well.")
    for key in () if "study" in values else REQUIRED:
        if key not in values:
            raise RequestError(
                f"Expected {key}=..., or study=NAME alone; received {' and '.join(values)}."
            )
    return values


def _report_study(values: Mapping[str, Any]) -> int:
    name = check_folder_name(check_word(values["study"], "study"), "study")
    if name == SINGLE:
        raise RequestError(
            f"Expected a study; received {SINGLE!r}, the folder of single runs. MLflow's pages "
            f"show them side by side."
        )
    record = read_record(StudyFolder(Path("runs") / name))
    folder = Path("reports") / name
    analysis = write_report(
        folder,
        record,
        interactions=_interactions(values, record.study),
        paper_columns=_paper_columns(values),
    )
    _show(report_data(record, analysis), folder)
    return 0 if (record.runs["status"] == Status.COMPLETE).all() else 1


def _report_file(values: Mapping[str, Any], given: Sequence[str]) -> int:
    request = request_of(values)
    results = _read(request, values)
    folder = Path("reports") / request.name
    record = record_of(results, request)
    commands = [shlex.join(["python", "-m", "ablate.report", *given])]
    analysis = write_report(
        folder,
        record,
        commands=commands,
        interactions=_interactions(values, record.study),
        paper_columns=_paper_columns(values),
    )
    for note in results.notes:
        print(terminal_line(note))
    _show(report_data(record, analysis, commands=commands), folder)
    return 0 if (record.runs["status"] == Status.COMPLETE).all() else 1


def _read(request: Request, values: Mapping[str, Any]) -> Results:
    """The results of a file, or of an experiment of MLflow."""
    runs = str(request.runs)
    if not runs.startswith(MLFLOW):
        if "store.uri" in values:
            raise RequestError(
                f"Expected store.uri with runs={MLFLOW}EXPERIMENT; received runs={runs}."
            )
        return read_results(request)
    from ablate.tracking.mlflow.experiments import read_experiment  # only here is MLflow needed

    uri = values.get("store.uri") or os.environ.get("MLFLOW_TRACKING_URI") or STORE_URI
    return read_frame(read_experiment(runs.removeprefix(MLFLOW), check_store_uri(uri)), request)


def _interactions(values: Mapping[str, Any], study: Study) -> int:
    order = values.get("interactions", 2)
    return check_interactions(order, "interactions", factors=len(study.factors))


def _paper_columns(values: Mapping[str, Any]) -> tuple[str, ...]:
    return check_paper_columns(values.get("columns", list(FITTING_COLUMNS)), "columns")


def _show(data: ReportData, folder: Path) -> None:
    guessed = [item for item in data.analysis.warnings if isinstance(item, GuessedReference)]
    for text in warning_texts(guessed, data.study):
        print(printable(text.evidence))
    for line in end_lines(data, width=shutil.get_terminal_size().columns):
        print(line)
    print(f"Report: {folder / 'index.html'}")
