"""The runs of an experiment of MLflow as a table, whoever recorded them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd

from ablate.config.store_uri import SQLITE
from ablate.credentials import hide_credentials, without_credentials
from ablate.errors import RequestError, nearest
from ablate.process import stop

# Imported before MLflow, since it sets what MLflow reads during its import.
from ablate.tracking.mlflow.client import search_all_pages, silence_libraries
from ablate.wording import error_summary

from mlflow.tracking import MlflowClient  # isort: skip

ANSWER_SECONDS = "30"
"""How long one request to a server may take, unless MLflow's own setting says otherwise."""
MOST_EXPERIMENTS = 1000
"""Experiments whose names are looked at for the nearest one."""


def read_experiment(name: str, uri: str) -> pd.DataFrame:
    """The runs of an experiment, oldest first, with columns as in MLflow's own exports.

    Args:
        name: Name of the experiment.
        uri: MLflow's tracking URI.

    Raises:
        RequestError: The store cannot be read, or it has no such experiment or no run in it.
    """
    shown = without_credentials(uri)
    if uri.startswith(SQLITE) and not Path(uri[len(SQLITE) :]).is_file():
        raise RequestError(
            f"Expected a database of MLflow at {shown}; there is none. Give store.uri=URI."
        )
    silence_libraries()
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", ANSWER_SECONDS)
    try:
        runs, others = stop.call(lambda: _search(name, uri))
    except Exception as error:  # MLflow raises its own errors and those of its libraries
        fault = hide_credentials(error_summary(error), uri)
        raise RequestError(f"Cannot read the experiment {name!r} at {shown}: {fault}.") from None
    if others is not None:
        raise RequestError(f"No experiment {name!r} at {shown}.{nearest(name, others)}")
    if not runs:
        raise RequestError(f"Expected runs in the experiment {name!r} at {shown}; it has none.")
    return pd.DataFrame([_row(run) for run in runs])


def _search(name: str, uri: str) -> tuple[list[Any], list[str] | None]:
    """The runs of an experiment; if there is none of its name, the names of others."""
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        known = client.search_experiments(max_results=MOST_EXPERIMENTS)
        return [], [item.name for item in known]
    return list(search_all_pages(client.search_runs, experiment.experiment_id)), None


def _row(run: Any) -> dict[str, Any]:
    data = run.data
    return {
        "run_id": run.info.run_id,
        "status": str(run.info.status),
        **{f"params.{key}": value for key, value in data.params.items()},
        **{f"metrics.{key}": value for key, value in data.metrics.items()},
        **{f"tags.{key}": value for key, value in data.tags.items()},
    }
