"""Tables with a row an epoch: the last epoch of each run is the run."""

from __future__ import annotations

import pandas as pd

from ablate.report.results.numbers import parse_number
from ablate.report.results.request import Request
from ablate.wording import quantity

EPOCHS = frozenset({"epoch", "step", "_step", "global_step", "iteration", "iter"})
"""Names of the column that counts epochs or steps, in lower case, after the last ``/`` or ``.``."""
RUNS = frozenset({"run", "run_id", "run id", "run_name", "run name", "trial", "trial_id", "name"})
"""Names of a column that tells runs apart, in lower case."""


def last_epochs(table: pd.DataFrame, *, request: Request) -> tuple[pd.DataFrame, str]:
    """The last row of each run that has a response, and a sentence if there were more.

    Runs are told apart by their levels and their seed, or else the column of a run's name. Without
    both, a new run starts where the count of epochs does not grow, if all runs start with the same
    count: a column of the best epoch of each run would not.
    """
    column = _epoch_column(table, request)
    if column is None:
        return table, ""
    epochs = table[column].map(parse_number)
    names = [
        str(name) for name in table.columns if str(name).lower() in RUNS - set(request.columns)
    ]
    keys = [*request.factors, *([request.seed] if request.seed else names)]
    if epochs.isna().any() or not table.duplicated(keys).any():
        return table, ""
    group = table.groupby(keys, sort=False, dropna=False).ngroup().astype(str)
    if request.seed or names:
        if pd.DataFrame({"run": group, "epoch": epochs}).duplicated().any():
            return table, ""
        run = group
    else:
        restarts = epochs.groupby(group).diff().fillna(1) <= 0
        run = group + ":" + restarts.groupby(group).cumsum().astype(str)
        of_run = epochs.groupby(run)
        if of_run.first().nunique() > 1 or of_run.size().min() < 2:
            return table, ""
    has_response = (table[request.response] != "").astype(int)
    order = pd.DataFrame({"run": run, "has": has_response, "epoch": epochs})
    last = order.sort_values(["has", "epoch"], kind="stable").drop_duplicates("run", keep="last")
    return table.loc[sorted(last.index)], _sentence(column, epochs.loc[last.index], request)


def _sentence(column: str, last: pd.Series, request: Request) -> str:
    fewest, most = last.min(), last.max()
    which = f"{most:g}" if fewest == most else f"{fewest:g} to {most:g}"
    return (
        f"{request.runs} has a row for each {column}: the last one of each of the "
        f"{quantity(len(last), 'run')} is judged ({column} {which})."
    )


def _epoch_column(table: pd.DataFrame, request: Request) -> str | None:
    for name in map(str, table.columns):
        last = name.lower().rpartition("/")[2].rpartition(".")[2]
        if last in EPOCHS and name not in request.columns:
            return name
    return None
