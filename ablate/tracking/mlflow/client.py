"""The calls to MLflow, those to a server limited in time, in the types of this program."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

# MLflow reads these settings, some of them during its import: no telemetry, nothing on the
# terminal, and no retries, because the recording itself starts again after a failure.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient

from ablate.config.store_uri import SQLITE
from ablate.credentials import without_credentials
from ablate.tracking.mlflow.database import create_if_missing, database_lock
from ablate.tracking.watchdog import Watchdog

# One call may carry 100 params or tags, 1000 metrics and one megabyte.
PARAMS_PER_CALL, METRICS_PER_CALL = 40, 900
RUNS_PER_PAGE = 1000
NOISY_LIBRARIES = ("mlflow", "alembic", "sqlalchemy", "sqlalchemy.engine", "urllib3", "git")

Answer = TypeVar("Answer")


class Point(NamedTuple):
    """One value of a metric.

    Attributes:
        key: Name of the metric.
        value: Its value.
        milliseconds: When it was measured.
        step: The epoch; 0 for a final value.
    """

    key: str
    value: float
    milliseconds: int
    step: int


@dataclass(frozen=True, slots=True)
class MlflowRun:
    """A run as MLflow returned it.

    Attributes:
        run_id: MLflow's name for it.
        status: Such as ``RUNNING``.
        start: When it started, in milliseconds.
        tags: Its tags.
        metrics: Names of its metrics.
        params: Names of its params.
    """

    run_id: str
    status: str
    start: int
    tags: Mapping[str, str]
    metrics: frozenset[str]
    params: frozenset[str]


class Client:
    """MLflow's client. Each method makes its calls under the watchdog.

    All methods raise what MLflow raises, and AbandonedError once the command stopped waiting.
    """

    def __init__(self, uri: str, watchdog: Watchdog) -> None:
        """Connect to the store; create it if it is an SQLite file that does not exist.

        Args:
            uri: MLflow's tracking URI.
            watchdog: Notices when a call is not answered.
        """
        self._watchdog = watchdog
        # SQLite works in this process and reports a lock by itself, so its calls have no limit.
        self._is_server = not uri.startswith(SQLITE)
        silence_libraries()
        if watchdog.limited:
            os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
        if self._is_server:
            self._activity = f"no answer yet from {without_credentials(uri)}"
            self._client = self._connect(uri)
        else:
            database = Path(uri[len(SQLITE) :])
            self._activity = f"writing to {database.name}"
            self._client = self._open(uri, database)

    def open_experiment(self, name: str, *, artifacts: str | None) -> str:
        """The ID of the experiment with this name; restored or created if necessary.

        Args:
            name: Its name.
            artifacts: Where a new experiment keeps its artifacts; None lets the server decide.
        """
        found = self._call(self._client.get_experiment_by_name, name)
        if found is None:
            return str(
                self._call(self._client.create_experiment, name, artifact_location=artifacts)
            )
        if found.lifecycle_stage == "deleted":
            self._call(self._client.restore_experiment, found.experiment_id)
        return str(found.experiment_id)

    def search_runs(self, experiment: str, condition: str) -> list[MlflowRun]:
        """The runs of an experiment that fulfil a condition, oldest first."""
        search = functools.partial(self._call, self._client.search_runs)
        runs = search_all_pages(search, experiment, condition=condition)
        return [_mlflow_run(run) for run in runs]

    def create_run(self, experiment: str, *, name: str, tags: Mapping[str, str]) -> MlflowRun:
        """Create a run, which is then RUNNING."""
        return _mlflow_run(
            self._call(self._client.create_run, experiment, run_name=name, tags=dict(tags))
        )

    def delete_run(self, run_id: str) -> None:
        """Delete a run; MLflow can restore it."""
        self._call(self._client.delete_run, run_id)

    def reopen_run(self, run_id: str) -> None:
        """Set the status of a run to RUNNING."""
        self._call(self._client.update_run, run_id, status="RUNNING")

    def end_run(self, run_id: str, status: str) -> None:
        """Set the end and the status of a run."""
        self._call(self._client.set_terminated, run_id, status)

    def log_points(self, run_id: str, points: Sequence[Point]) -> None:
        """Add values of metrics."""
        for start in range(0, len(points), METRICS_PER_CALL):
            batch = [Metric(*point) for point in points[start : start + METRICS_PER_CALL]]
            self._call(self._client.log_batch, run_id, batch)

    def log_params(self, run_id: str, params: Mapping[str, str]) -> None:
        """Add params."""
        entities = [Param(key, value) for key, value in params.items()]
        for start in range(0, len(entities), PARAMS_PER_CALL):
            batch = entities[start : start + PARAMS_PER_CALL]
            self._call(self._client.log_batch, run_id, params=batch)

    def set_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Add or replace tags."""
        entities = [RunTag(key, value) for key, value in tags.items()]
        self._call(self._client.log_batch, run_id, tags=entities)

    def steps(self, run_id: str, key: str) -> set[int]:
        """The steps for which a metric has a value."""
        history = self._call(self._client.get_metric_history, run_id, key)
        return {int(metric.step) for metric in history}

    def log_json(self, run_id: str, content: Mapping[str, Any], *, name: str) -> None:
        """Add a JSON file to the artifacts of a run."""
        self._call(self._client.log_dict, run_id, dict(content), name)

    def log_file(self, run_id: str, file: Path, *, folder: str) -> None:
        """Add a file to a folder of the artifacts of a run."""
        self._call(self._client.log_artifact, run_id, str(file), folder)

    def _connect(self, uri: str) -> MlflowClient:
        with self._watchdog.call("importing it", limited=False):
            _import_store(uri)
        return self._call(MlflowClient, uri)

    def _open(self, uri: str, database: Path) -> MlflowClient:
        # A connection that stays open would keep the disk space of a deleted file.
        os.environ.setdefault("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")
        with contextlib.ExitStack() as stack:
            activity = f"another command opens {database.name}"
            with self._watchdog.call(activity, limited=False):
                stack.enter_context(database_lock(database))
            with self._watchdog.call(f"creating or opening {database.name}", limited=False):
                create_if_missing(database)
                return MlflowClient(uri)

    def _call(self, method: Callable[..., Answer], *arguments: Any, **keywords: Any) -> Answer:
        with self._watchdog.call(self._activity, limited=self._is_server):
            return method(*arguments, **keywords)


def search_all_pages(
    search: Callable[..., Any], experiment: str, *, condition: str = ""
) -> Iterator[Any]:
    """MLflow's runs of an experiment that fulfil a condition, oldest first.

    Args:
        search: The method `search_runs` of a client of MLflow.
        experiment: The ID of the experiment.
        condition: MLflow's filter; empty for all runs.
    """
    token = None
    while True:
        page = search(
            [experiment],
            filter_string=condition,
            max_results=RUNS_PER_PAGE,
            order_by=["attributes.start_time ASC", "attributes.run_id ASC"],
            page_token=token,
        )
        yield from page
        token = page.token
        if not token:
            return


def _import_store(uri: str) -> None:
    """Import what MLflow would import in its first call to a store."""
    if uri.startswith("http"):
        import mlflow.store.tracking.rest_store
    else:
        import mlflow.store.tracking.sqlalchemy_store  # noqa: F401


def _mlflow_run(run: Any) -> MlflowRun:
    return MlflowRun(
        run_id=str(run.info.run_id),
        status=str(run.info.status),
        start=int(run.info.start_time),
        tags=dict(run.data.tags),
        metrics=frozenset(run.data.metrics),
        params=frozenset(run.data.params),
    )


def silence_libraries() -> None:
    """Turn off logging and warnings of MLflow's libraries; their exceptions say the same."""
    for name in NOISY_LIBRARIES:
        logging.getLogger(name).setLevel(sys.maxsize)
    warnings.filterwarnings("ignore", module=rf"({'|'.join(NOISY_LIBRARIES)})\b")
