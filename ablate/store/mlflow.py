"""MLflow's copy of a study: one parent run, and a child run for each cell and seed.

The journals are the truth; this is a projection of them that can be made again at any time. Only
the parent process writes it, since MLflow's SQLite store does not survive several writers at its
start.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

# Read by MLflow when it is imported: no telemetry, and a dead server is given up on soon.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")

from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient

from ablate.design import Run
from ablate.result import Result, Status
from ablate.store.folder import EPOCH_COLUMNS, StudyFolder
from ablate.store.plan import Plan, PlannedCell

BATCH = 90  # MLflow takes 100 params or tags and 1000 metrics at once
CLOSED = sys.maxsize  # as the last step recorded: nothing more is owed to that run
RUN_STATUS = {Status.COMPLETE: "FINISHED", Status.PREEMPTED: "KILLED"}


def absolute_uri(uri: str) -> str:
    """The tracking URI with the path of an SQLite file made absolute."""
    prefix = "sqlite:///"
    if not uri.startswith(prefix):
        return uri
    return f"{prefix}{Path(uri[len(prefix) :]).resolve()}"


class Recorder:
    """Follows the runs of a study and writes them to MLflow."""

    def __init__(self, uri: str, plan: Plan, folder: StudyFolder) -> None:
        with _quiet():
            self._client = MlflowClient(absolute_uri(uri))
            self._plan, self._folder = plan, folder
            self._experiment = self._experiment_id()
            self._known = self._recorded()
            self.parent = self._parent()
        self._children: dict[Run, str] = {}
        self._steps: dict[Run, int] = {}
        self._fresh: dict[Run, list[Metric]] = {}
        self._cells = {planned.cell: planned for planned in plan.cells}

    def event(self, run: Run, event: dict[str, Any]) -> None:
        """A journal line: a new attempt, or an epoch's numbers."""
        if event["event"] == "started":
            self._begin(run, event["attempt"])
        elif event["epoch"] > self._steps[run]:
            now = int(time.time() * 1000)
            self._fresh.setdefault(run, []).extend(
                Metric(key, float(value), now, event["epoch"])
                for key, value in event.items()
                if key not in ("event", "epoch")
            )
            self._steps[run] = event["epoch"]

    def tick(self) -> None:
        """Write what has come since the last tick."""
        for run, metrics in self._fresh.items():
            for start in range(0, len(metrics), 900):
                self._client.log_batch(self._children[run], metrics[start : start + 900])
        self._fresh = {}

    def ended(self, run: Run, result: Result) -> None:
        """A committed result: final responses, costs and provenance, and the run is closed."""
        if run not in self._children:
            self._begin(run, "none")
        child = self._children[run]
        self._folder.run(run.cell.slug, run.seed).note_mlflow_run(child)
        if self._steps[run] == CLOSED:
            return
        self.tick()
        # The last epoch has said the final value of what has a curve.
        final = {key: value for key, value in result.responses.items() if key not in EPOCH_COLUMNS}
        costs = {} if result.cost is None else asdict(result.cost)
        now = int(time.time() * 1000)
        self._client.log_batch(
            child,
            [Metric(key, float(value), now, 0) for key, value in {**final, **costs}.items()],
            tags=_tags({f"ablate.{key}": value for key, value in result.provenance.items()}),
        )
        for key, value in (("ablate.status", str(result.status)), ("ablate.error", result.error)):
            self._client.set_tag(child, key, value[:5000])
        self._client.set_terminated(child, RUN_STATUS.get(result.status, "FAILED"))

    def close(self, report: Path | None) -> None:
        """End the parent run and attach the report to it."""
        self.tick()
        if report is not None:
            self._client.log_artifacts(self.parent, str(report), "report")
        self._client.set_terminated(self.parent, "FINISHED")

    def _begin(self, run: Run, attempt: str) -> None:
        planned = self._cells[run.cell]
        fingerprint = self._plan.fingerprint(planned, run.seed)
        earlier = self._known.get((run.cell.slug, run.seed), {})
        self._steps[run] = 0
        if (fingerprint, attempt) in earlier:
            child, status = earlier[fingerprint, attempt]
            self._children[run] = child
            self._steps[run] = CLOSED
            if status == "RUNNING":
                history = self._client.get_metric_history(child, "loss")
                self._steps[run] = max((metric.step for metric in history), default=0)
            return
        # The run was trained anew: what MLflow holds of it is out of date, and stays restorable.
        for child, _ in earlier.values():
            self._client.delete_run(child)
        child = self._create(planned, run, attempt)
        self._children[run] = child
        self._known[run.cell.slug, run.seed] = {(fingerprint, attempt): (child, "RUNNING")}

    def _create(self, planned: PlannedCell, run: Run, attempt: str) -> str:
        tags = {
            "mlflow.parentRunId": self.parent,
            "mlflow.source.name": "ablate",
            "ablate.study": self._plan.study.name,
            "ablate.design": self._plan.study.design,
            "ablate.cell": run.cell.slug,
            "ablate.seed": str(run.seed),
            "ablate.reference": str(dict(run.cell.levels) == self._plan.study.reference).lower(),
            "ablate.fingerprint": self._plan.fingerprint(planned, run.seed),
            "ablate.attempt": attempt,
        }
        name = f"{run.cell.name}, seed {run.seed}"
        child = self._client.create_run(self._experiment, run_name=name, tags=tags)
        run_id = str(child.info.run_id)
        params = [Param(key, value[:5000]) for key, value in _params(planned, run).items()]
        for start in range(0, len(params), BATCH):
            self._client.log_batch(run_id, params=params[start : start + BATCH])
        self._client.log_dict(run_id, asdict(planned.variant), "variant.json")
        return run_id

    def _experiment_id(self) -> str:
        name = self._plan.study.name
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            if found.lifecycle_stage == "deleted":
                self._client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)
        # A server keeps artifacts where it pleases; a local file keeps them beside it.
        local = self._client.tracking_uri.startswith("sqlite:")
        location = (Path.cwd() / "mlartifacts" / name).as_uri() if local else None
        return str(self._client.create_experiment(name, artifact_location=location))

    def _recorded(self) -> dict[tuple[str, int], dict[tuple[str, str], tuple[str, str]]]:
        """Child runs and their status, by cell and seed, then by fingerprint and attempt."""
        children: dict[tuple[str, int], dict[tuple[str, str], tuple[str, str]]] = {}
        token = None
        while True:
            page = self._client.search_runs(
                [self._experiment], "tags.`ablate.seed` != ''", max_results=1000, page_token=token
            )
            for found in page:
                tags = found.data.tags
                place = (tags["ablate.cell"], int(tags["ablate.seed"]))
                attempt = (tags["ablate.fingerprint"], tags["ablate.attempt"])
                child = (str(found.info.run_id), str(found.info.status))
                children.setdefault(place, {})[attempt] = child
            token = page.token
            if not token:
                return children

    def _parent(self) -> str:
        """The study's parent run, made anew or opened again."""
        study = self._plan.study
        found = self._client.search_runs(
            [self._experiment], "tags.`ablate.kind` = 'study'", max_results=1
        )
        if found:
            parent = str(found[0].info.run_id)
            self._client.update_run(parent, status="RUNNING")
        else:
            tags = {
                "ablate.kind": "study",
                "ablate.study": study.name,
                "mlflow.source.name": "ablate",
            }
            parent = str(
                self._client.create_run(
                    self._experiment, run_name=f"study {study.name}", tags=tags
                ).info.run_id
            )
        about = {
            "mlflow.note.content": study.question,
            "ablate.design": study.design,
            "ablate.factors": ", ".join(factor.name for factor in study.factors),
            "ablate.replicates": str(study.replicates),
            "ablate.margin": repr(study.margin),
        }
        self._client.log_batch(parent, tags=_tags(about))
        return parent


def _params(planned: PlannedCell, run: Run) -> dict[str, str]:
    variant = planned.variant
    nodes = {"model": variant.model, "data": variant.data, "recipe": asdict(variant.recipe)}
    settings = {
        f"{group}.{key}": value if isinstance(value, str) else json.dumps(value)
        for group, node in nodes.items()
        for key, value in node.items()
    }
    params = {**dict(planned.cell.levels), "seed": str(run.seed), **settings}
    return {re.sub(r"[^\w/.: -]", "_", key): value for key, value in params.items()}


def _tags(content: Mapping[str, str]) -> list[RunTag]:
    return [RunTag(key, value[:5000]) for key, value in content.items()]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Alembic and MLflow report each migration of a new database; nobody asked."""
    loggers = [logging.getLogger(name) for name in ("alembic", "mlflow")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
