"""How exports of other programs name their columns, and the states of their runs."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ablate.errors import RequestError, nearest
from ablate.study.result import Status
from ablate.wording import enumeration, one_line

PREFIXES = (
    "params.", "metrics.", "tags.", "attributes.",  # MLflow
    "config.", "config/", "summary.", "summary/",  # Weights & Biases
    "params_", "user_attrs_", "values_",  # Optuna
    "hparams/", "hparam/", "hp/", "metrics/",  # TensorBoard
)  # fmt: skip
"""What precedes the name of a param, a metric or an attribute in a column."""

STATES = ("status", "state")
"""Names of the column of how a run ended, in any case."""
COMPLETE = frozenset(
    {"complete", "completed", "finished", "done", "ok", "success", "succeeded", "successful"}
)
OTHER_STATES = frozenset(
    {"failed", "fail", "failure", "error", "crashed", "killed", "running", "pruned", "waiting"}
    | {"scheduled", "stopped", "invalid", "idle", "preempted", "preempting", "cancelled"}
    | {"canceled", "aborted", "pending", "queued", "incomplete", "unfinished"}
    | {str(status) for status in Status if status is not Status.COMPLETE}
)
"""Words for the end of a run, in lower case."""

CURVE = {"wall time", "step", "value"}
"""The columns of TensorBoard's export of one curve."""


def find_column(name: str, columns: Sequence[str]) -> str | None:
    """The column that a request means: of that name, in another case, or with a known prefix.

    None if there is none, or more than one.
    """
    if name in columns:
        return name
    for matches in (
        [column for column in columns if column.lower() == name.lower()],
        [column for column in columns if column in [f"{prefix}{name}" for prefix in PREFIXES]],
    ):
        if matches:
            return matches[0] if len(matches) == 1 else None
    return None


def with_requested_names(
    table: pd.DataFrame, names: Sequence[str], *, source: object
) -> pd.DataFrame:
    """The table with the columns of a request under the names that the request gives them.

    Raises:
        RequestError: A column is missing, or it is not clear which one is meant.
    """
    columns = [str(column) for column in table.columns]
    found: dict[str, str] = {}
    for name in names:
        column = find_column(name, columns)
        if column is None:
            raise RequestError(_missing(name, columns, source))
        if column in found and found[column] != name:
            raise RequestError(
                f"Expected another column as {name!r} than as {found[column]!r}; received the "
                f"column {column!r} of {source} for both."
            )
        found[column] = name
    return table.rename(columns=found)


def _missing(name: str, columns: Sequence[str], source: object) -> str:
    if {column.lower() for column in columns} == CURVE:
        return (
            f"{source} is TensorBoard's export of one curve and has no column {name!r}. Expected a "
            f"row a run or a row an epoch, with a column for each factor, such as the table of "
            f"HPARAMS."
        )
    several = [column for column in columns if column.endswith(name)]
    if len(several) > 1:
        return (
            f"{source} has no column {name!r}. Expected one of "
            f"{enumeration([repr(column) for column in several])}."
        )
    return f"{source} has no column {name!r}.{nearest(name, [it for it in columns if it])}"


def statuses(table: pd.DataFrame, *, but: Sequence[str]) -> pd.Series:
    """How each run ended; complete where the table does not say it.

    Args:
        table: The table.
        but: Columns that hold something else.
    """
    column = _state_column(table, but)
    if column is None:
        return pd.Series(str(Status.COMPLETE), table.index)
    words = table[column].map(lambda word: one_line(word).lower())
    return words.map(lambda word: str(Status.COMPLETE) if word in COMPLETE else word or "unknown")


def _state_column(table: pd.DataFrame, but: Sequence[str]) -> str | None:
    """The column `status`, else one of another spelling that holds words for the end of a run."""
    if "status" in table.columns and "status" not in but:
        return "status"
    for column in table.columns:
        name = str(column)
        last = name.rpartition(".")[2].lower()
        if name not in but and last in STATES:
            words = {one_line(word).lower() for word in table[column]}
            if words & (COMPLETE | OTHER_STATES):
                return name
    return None
