"""Follows the runs of a study and writes to MLflow what it does not hold yet."""

from __future__ import annotations

import uuid
from pathlib import Path

from ablate.config.program import ProgramVariant
from ablate.config.store_uri import SQLITE
from ablate.store.disk import write_atomically
from ablate.store.events import EpochEnded, Event, Started
from ablate.store.folder import StudyFolder
from ablate.store.plan import Plan
from ablate.store.reader import read_word
from ablate.study.design import Run
from ablate.study.result import Result
from ablate.tracking.mlflow.children import Children
from ablate.tracking.mlflow.client import Client
from ablate.tracking.mlflow.database import absolute_uri
from ablate.tracking.mlflow.followed import MILLISECONDS, Followed
from ablate.tracking.mlflow.models import LoggedModels
from ablate.tracking.mlflow.parent import ParentRun
from ablate.tracking.mlflow.values import curve_names, finite_numbers, safe_tags
from ablate.tracking.summary import StudySummary
from ablate.tracking.watchdog import Watchdog

# MLflow 3.17 opens the pages that its user opened last. Other versions read this tag.
EXPERIMENT_KIND = {"mlflow.experimentKind": "custom_model_development"}


class Recorder:
    """Follows the runs of a study and writes them to MLflow."""

    def __init__(
        self, uri: str, plan: Plan, *, folder: StudyFolder, watchdog: Watchdog | None = None
    ) -> None:
        """Open the store, and the study in it.

        Args:
            uri: MLflow's tracking URI.
            plan: The frozen plan.
            folder: Its folder.
            watchdog: Reports to the waiting command whether this recorder makes progress.
        """
        uri = absolute_uri(uri)
        client = Client(uri, watchdog or Watchdog())
        self._plan = plan
        self._cells = {planned.cell: planned for planned in plan.cells}
        experiment = _open_experiment(client, plan, local=uri.startswith(SQLITE))
        origin = _origin(folder.path / "mlflow_origin")
        self._children = Children(client, plan, folder=folder, experiment=experiment, origin=origin)
        self._parent = ParentRun(client, plan, experiment=experiment, origin=origin)
        self._models = LoggedModels(
            client, plan, folder=folder, experiment=experiment, origin=origin
        )
        self._followed: dict[Run, Followed] = {}
        self._changed: dict[Run, None] = {}

    @property
    def recorded(self) -> int:
        """Number of runs that MLflow holds."""
        return len(self._children.written)

    def event(self, run: Run, event: Event) -> None:
        """Take a journal line; of an epoch that was trained twice, the first line counts."""
        followed = self._followed.get(run)
        if isinstance(event, Started):
            if event.fingerprint != self._children.fingerprint(run):
                self._followed.pop(run, None)  # another run than the one that the plan asks for
            elif followed is None or followed.attempt != event.attempt:
                self._followed[run] = self._new_followed(run, event)
            self._children.forget(run)
        elif followed is not None and isinstance(event, EpochEnded):
            numbers = finite_numbers({**event.numbers, "seconds": event.seconds})
            # A program may report an epoch in several lines, of which each adds numbers.
            followed.epochs[event.epoch] = {**numbers, **followed.epochs.get(event.epoch, {})}
        if run in self._followed:
            self._followed[run].result = None
            self._changed[run] = None

    def ended(self, run: Run, result: Result) -> None:
        """Take a committed result."""
        if run not in self._followed:
            self._followed[run] = self._new_followed(run, Started("none", result.fingerprint))
        self._followed[run].result = result
        self._changed[run] = None

    def tick(self) -> None:
        """Write to MLflow what it does not hold yet."""
        parent = self._open_parent()
        for run in list(self._changed):
            self._children.write(run, self._followed[run], parent=parent)
            del self._changed[run]

    def close(self, report: Path | None, summary: StudySummary | None = None) -> None:
        """End every run and the parent run, and log the models that are kept.

        Args:
            report: The folder of the report, which is attached; None if there is none.
            summary: What the study found; None if that is unknown.
        """
        self.tick()
        self._children.end_running()
        written = self._children.written
        ends = [
            followed.end(written[run].stored.start)
            for run, followed in self._followed.items()
            if run in written and followed.result is not None
        ]
        self._parent.close(report, summary, end=max(ends, default=None))
        # Last: a large model may take longer than a study waits for a server.
        self._models.update(written, self._followed)

    def _open_parent(self) -> str:
        """The ID of the parent run, which is opened once the start of the study is known."""
        if not self._parent.run_id:
            starts = [item.start for item in self._followed.values() if item.start is not None]
            self._children.move(self._parent.open(start=min(starts, default=None)))
            self._parent.delete_outdated()
        return self._parent.run_id

    def _new_followed(self, run: Run, started: Started) -> Followed:
        planned = self._cells[run.cell]
        is_program = isinstance(planned.variant, ProgramVariant)
        curves = ["seconds"] if is_program else curve_names(self._plan.measures_of(planned))
        start = int(MILLISECONDS * started.unix_time) or None
        return Followed(started.attempt, frozenset(curves), start)


def _open_experiment(client: Client, plan: Plan, *, local: bool) -> str:
    name, response = plan.study.name, plan.study.response
    # A server decides where artifacts go; with a local file they go next to it.
    artifacts = (Path.cwd() / "mlartifacts" / name).as_uri() if local else None
    tags = {
        **EXPERIMENT_KIND,
        "mlflow.note.content": plan.study.question,
        "mlflow.experiment.primaryMetric.name": response.name,
        "mlflow.experiment.primaryMetric.greaterIsBetter": str(response.direction == "higher"),
    }
    return client.open_experiment(name, artifacts=artifacts, tags=safe_tags(tags))


def _origin(file: Path) -> str:
    """A unique name for a study folder, created once.

    Several folders may hold studies of the same name and share a store. Without this name, each
    would delete the runs of the others as outdated runs of its own.
    """
    if not read_word(file):
        write_atomically(file, uuid.uuid4().hex)
    return read_word(file)
