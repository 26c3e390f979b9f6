"""The calls to MLflow, those to a server limited in time, in the types of this program."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

# MLflow reads these settings, some of them during its import: no telemetry, nothing on the
# terminal, and no retries, because the recording itself starts again after a failure.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelOutput,
    Metric,
    Param,
    RunTag,
)
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from ablate.config.store_uri import SQLITE
from ablate.credentials import without_credentials
from ablate.tracking.mlflow.database import create_if_missing, database_lock
from ablate.tracking.mlflow.records import DatasetRecord, LoggedModel, MlflowRun, Point
from ablate.tracking.watchdog import Watchdog

# One call may carry 100 params, 100 tags, 1000 of all, and one megabyte.
PARAMS_PER_CALL, POINTS_PER_CALL, LETTERS_PER_CALL = 100, 700, 400_000
RUNS_PER_PAGE = 1000
NOT_KNOWN = "ENDPOINT_NOT_FOUND"
"""MLflow's code of a call that a server does not know."""
NOISY_LIBRARIES = ("mlflow", "alembic", "sqlalchemy", "sqlalchemy.engine", "urllib3", "git")

Answer = TypeVar("Answer")


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

    def open_experiment(
        self, name: str, *, artifacts: str | None, tags: Mapping[str, str] = MappingProxyType({})
    ) -> str:
        """The ID of the experiment with this name; restored or created if necessary.

        Args:
            name: Its name.
            artifacts: Where a new experiment keeps its artifacts; None lets the server decide.
            tags: Tags of a new experiment.
        """
        found = self._call(self._client.get_experiment_by_name, name)
        if found is None:
            create = functools.partial(self._client.create_experiment, name, tags=dict(tags))
            return str(self._call(create, artifact_location=artifacts))
        if found.lifecycle_stage == "deleted":
            self._call(self._client.restore_experiment, found.experiment_id)
        return str(found.experiment_id)

    def search_runs(self, experiment: str, condition: str) -> list[MlflowRun]:
        """The runs of an experiment that fulfil a condition, oldest first."""
        search = functools.partial(self._call, self._client.search_runs)
        runs = search_all_pages(search, experiment, condition=condition)
        return [_mlflow_run(run) for run in runs]

    def create_run(
        self, experiment: str, *, name: str, tags: Mapping[str, str], start: int | None
    ) -> MlflowRun:
        """Create a run, which is then RUNNING.

        Args:
            experiment: ID of its experiment.
            name: Its name.
            tags: Its tags.
            start: When it started, in milliseconds; None: now.
        """
        create = functools.partial(self._client.create_run, experiment, tags=dict(tags))
        return _mlflow_run(self._call(create, run_name=name, start_time=start))

    def rename_run(self, run_id: str, name: str) -> None:
        """Change the name of a run."""
        self._call(self._client.update_run, run_id, name=name)

    def delete_run(self, run_id: str) -> None:
        """Delete a run; MLflow can restore it."""
        self._call(self._client.delete_run, run_id)

    def reopen_run(self, run_id: str) -> None:
        """Set the status of a run to RUNNING."""
        self._call(self._client.update_run, run_id, status="RUNNING")

    def end_run(self, run_id: str, status: str, *, end: int | None) -> None:
        """Set the status of a run and its end, in milliseconds; None: now."""
        self._call(self._client.set_terminated, run_id, status, end_time=end)

    def log(
        self,
        run_id: str,
        *,
        params: Mapping[str, str] = MappingProxyType({}),
        points: Sequence[Point] = (),
        tags: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Add params and values of metrics, then add or replace tags; in one call if they fit."""
        batches = _batches(params)
        rest = [
            points[start : start + POINTS_PER_CALL]
            for start in range(0, len(points), POINTS_PER_CALL)
        ]
        for some, few in itertools.zip_longest(batches[:-1], rest[:-1], fillvalue=()):
            self._log(run_id, some, few)
        self._log(run_id, batches[-1] if batches else (), rest[-1] if rest else (), tags)

    def _log(
        self,
        run_id: str,
        params: Sequence[Param],
        points: Sequence[Point],
        tags: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        if params or points or tags:
            log_batch = functools.partial(self._client.log_batch, run_id, params=params)
            self._call(
                log_batch,
                metrics=[Metric(*point) for point in points],
                tags=[RunTag(key, value) for key, value in tags.items()],
            )

    def log_dataset(self, run_id: str, record: DatasetRecord) -> None:
        """Name the data set that a run was trained on."""
        tag = InputTag("mlflow.data.context", "training")
        entry = DatasetInput(Dataset(**record._asdict()), [tag])
        self._call(self._client.log_inputs, run_id, datasets=[entry])

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

    def search_models(self, experiment: str, condition: str) -> list[LoggedModel] | None:
        """The models of an experiment that fulfil a condition.

        None if the server has no models at all, as those of MLflow before 3.0.
        """
        search = functools.partial(self._client.search_logged_models, [experiment], condition)
        models, token = [], None
        while True:
            try:
                page = self._call(search, page_token=token)
            except MlflowException as error:
                if error.error_code == NOT_KNOWN:
                    return None
                raise
            models += [_logged_model(model) for model in page]
            token = page.token
            if not token:
                return models

    def create_model(
        self,
        experiment: str,
        *,
        name: str,
        run_id: str,
        params: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> LoggedModel:
        """Create a model of a run, without files."""
        create = functools.partial(self._client.create_logged_model, experiment, name=name)
        created = self._call(create, source_run_id=run_id, params=dict(params), tags=dict(tags))
        return _logged_model(created)

    def show(self, line: str) -> None:
        """Show a line to the user."""
        self._watchdog.show(line)

    def log_model_files(self, model_id: str, folder: Path) -> None:
        """Add the files of a folder to a model."""
        self._call(self._client.log_model_artifacts, model_id, str(folder))

    def log_model_file(self, model_id: str, file: Path, *, folder: str) -> None:
        """Add a file to a folder of a model."""
        self._call(self._client.log_model_artifact, model_id, str(file), folder)

    def log_model_points(self, run_id: str, points: Sequence[Point], *, model_id: str) -> None:
        """Give a model values of metrics that its run has."""
        metrics = [Metric(*point, model_id=model_id) for point in points]
        self._call(self._client.log_batch, run_id, metrics=metrics)

    def link_model(self, run_id: str, model_id: str) -> None:
        """Show a model on the page of its run."""
        self._call(self._client.log_outputs, run_id, models=[LoggedModelOutput(model_id, 0)])

    def finish_model(self, model_id: str) -> None:
        """Mark a model as complete."""
        self._call(self._client.finalize_logged_model, model_id, "READY")

    def delete_model(self, model_id: str) -> None:
        """Delete a model."""
        self._call(self._client.delete_logged_model, model_id)

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
        name=str(run.info.run_name),
        start=int(run.info.start_time),
        tags=dict(run.data.tags),
        metrics=dict(run.data.metrics),
        params=dict(run.data.params),
        has_dataset=bool(run.inputs and run.inputs.dataset_inputs),
        models=frozenset(
            str(model.model_id) for model in (run.outputs.model_outputs if run.outputs else ())
        ),
    )


def _logged_model(model: Any) -> LoggedModel:
    return LoggedModel(
        model_id=str(model.model_id),
        run_id=str(model.source_run_id),
        location=str(model.artifact_location),
        is_ready=str(model.status) == "READY",
    )


def _batches(params: Mapping[str, str]) -> list[list[Param]]:
    """Params in groups of which each fits in one call."""
    batches: list[list[Param]] = []
    letters = LETTERS_PER_CALL
    for key, value in params.items():
        # As a server receives it: JSON writes a letter that is not ASCII with up to twelve.
        size = len(json.dumps([key, value]))
        if letters + size > LETTERS_PER_CALL or len(batches[-1]) == PARAMS_PER_CALL:
            batches.append([])
            letters = 0
        batches[-1].append(Param(key, value))
        letters += size
    return batches


def silence_libraries() -> None:
    """Turn off logging and warnings of MLflow's libraries; their exceptions say the same."""
    for name in NOISY_LIBRARIES:
        logging.getLogger(name).setLevel(sys.maxsize)
    warnings.filterwarnings("ignore", module=rf"({'|'.join(NOISY_LIBRARIES)})\b")
