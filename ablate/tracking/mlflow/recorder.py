"""Follows the runs of a study and writes to MLflow what it does not hold yet."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ablate.config.program import ProgramVariant
from ablate.config.store_uri import SQLITE
from ablate.store.disk import write_atomically
from ablate.store.events import EpochEnded, Event, Started
from ablate.store.folder import StudyFolder
from ablate.store.plan import Plan, digest
from ablate.store.reader import read_word
from ablate.study.design import Run
from ablate.study.result import Result, Status
from ablate.tracking.attachments import report_files
from ablate.tracking.mlflow.client import Client, MlflowRun, Point
from ablate.tracking.mlflow.database import absolute_uri
from ablate.tracking.mlflow.values import (
    LONGEST_KEY,
    curve_names,
    final_numbers,
    finite_numbers,
    params_of,
    safe_key,
    safe_tags,
    safe_text,
)
from ablate.tracking.watchdog import Watchdog

RUN_STATUS = {Status.COMPLETE: "FINISHED", Status.PREEMPTED: "KILLED"}
RECORDED_TAG = "ablate.recorded"
"""Tag: digest of what the folder held when all of it was written and the run was closed."""

Identity = tuple[str, str, str, str]
"""Cell, seed, fingerprint and attempt of a run, as MLflow's tags hold them."""


@dataclass
class _Followed:
    """What the folder of a run holds.

    Attributes:
        attempt: Name of the attempt.
        curves: Names of the numbers that have a value for each epoch.
        epochs: The finite numbers of each epoch.
        result: How it ended; None before that, and again once it is resumed.
    """

    attempt: str
    curves: frozenset[str]
    epochs: dict[int, dict[str, float]] = field(default_factory=dict)
    result: Result | None = None

    def digest(self) -> str:
        """Differs whenever there is more to record of a run that has ended."""
        assert self.result is not None
        return digest([self.result.as_json(), sorted(self.epochs)])

    def points(self, start: int) -> list[Point]:
        """All points, epochs in order.

        Their times depend on the journal only. MLflow therefore recognises a point that is written
        again, for example after a call that was answered too late.

        Args:
            start: When the run started in MLflow, in milliseconds.
        """
        points, seconds = [], 0.0
        for epoch, numbers in sorted(self.epochs.items()):
            seconds += numbers.get("seconds", 0.0)
            now = start + int(1000 * seconds)
            points += [Point(safe_key(key), value, now, epoch) for key, value in numbers.items()]
        if self.result is not None and self.result.status.settled:
            now = start + int(1000 * seconds)
            final = final_numbers(self.result, curves=self.curves)
            # A program may report a number for each epoch, and then another one in its result.
            last = {point.key: point.step for point in points}
            points += [
                Point(key, value, now, last.get(key, -1) + 1)
                for key, value in ((safe_key(name), each) for name, each in final.items())
            ]
        return points


@dataclass
class _Child:
    """What MLflow holds of a run.

    Attributes:
        stored: The run as MLflow returned it.
        status: Its status now.
        digest: What the folder held when the run was closed.
        params: Names of the params it has.
        points: Name and step of every metric value it has; None if not read yet.
    """

    stored: MlflowRun
    status: str
    digest: str
    params: frozenset[str]
    points: set[tuple[str, int]] | None = None

    @staticmethod
    def of(stored: MlflowRun) -> _Child:
        recorded = stored.tags.get(RECORDED_TAG, "")
        return _Child(stored, stored.status, recorded, stored.params)

    @property
    def run_id(self) -> str:
        return self.stored.run_id


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
        self._client = Client(uri, watchdog or Watchdog())
        self._plan, self._folder = plan, folder
        self._cells = {planned.cell: planned for planned in plan.cells}
        self._origin = _origin(folder.path / "mlflow_origin")
        self._experiment = self._open_experiment(local=uri.startswith(SQLITE))
        self._known = self._read_children()
        self._parent = self._open_parent()
        self._followed: dict[Run, _Followed] = {}
        self._children: dict[Run, _Child] = {}
        self._changed: dict[Run, None] = {}

    @property
    def recorded(self) -> int:
        """Number of runs that MLflow holds."""
        return len(self._children)

    def event(self, run: Run, event: Event) -> None:
        """Take a journal line; of an epoch that was trained twice, the first line counts."""
        followed = self._followed.get(run)
        if isinstance(event, Started):
            if event.fingerprint != self._fingerprint(run):
                self._followed.pop(run, None)  # another run than the one that the plan asks for
            elif followed is None or followed.attempt != event.attempt:
                self._followed[run] = self._new_followed(run, event.attempt)
            self._children.pop(run, None)
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
            self._followed[run] = self._new_followed(run, "none")
        self._followed[run].result = result
        self._changed[run] = None

    def tick(self) -> None:
        """Write to MLflow what it does not hold yet."""
        for run in list(self._changed):
            self._write(run, self._followed[run])
            del self._changed[run]

    def close(self, report: Path | None) -> None:
        """End every run, attach the report, and end the parent run.

        Args:
            report: The folder of the report; None if there is none.
        """
        self.tick()
        # Training is over: a run that is still RUNNING in MLflow was interrupted.
        for child in self._known.values():
            if child.status == "RUNNING":
                self._end(child, "KILLED")
        if report is not None:
            # One call for each file, so that a slow server still shows progress.
            for file in report_files(report):
                target = Path("report", file.relative_to(report).parent)
                self._client.log_file(self._parent, file, folder=target.as_posix())
        self._client.end_run(self._parent, "FINISHED")

    def _new_followed(self, run: Run, attempt: str) -> _Followed:
        planned = self._cells[run.cell]
        if isinstance(planned.variant, ProgramVariant):
            return _Followed(attempt, frozenset(["seconds"]))
        return _Followed(attempt, curve_names(self._plan.measures_of(planned)))

    def _write(self, run: Run, followed: _Followed) -> None:
        if run not in self._children:
            self._children[run] = self._find_or_create(run, followed.attempt)
        child, result = self._children[run], followed.result
        run_folder = self._folder.run(run.cell.slug, run.seed)
        if run_folder.mlflow_run_id() != child.run_id:
            run_folder.save_mlflow_run_id(child.run_id)
        if result is None:
            self._fill(child, followed, run=run)
            return
        status, recorded = RUN_STATUS.get(result.status, "FAILED"), followed.digest()
        if (child.status, child.digest) == (status, recorded):
            return
        self._fill(child, followed, run=run)
        tags = {f"ablate.{key}": value for key, value in result.provenance.items()}
        tags |= {"ablate.status": str(result.status), "ablate.error": result.error}
        self._client.set_tags(child.run_id, safe_tags(tags | {RECORDED_TAG: recorded}))
        child.digest = recorded
        self._end(child, status)

    def _fill(self, child: _Child, followed: _Followed, *, run: Run) -> None:
        """Write the params and points that are missing; reopen a run that gets new points."""
        self._describe(child, run)
        if child.points is None:
            child.points = self._read_points(child, followed)
        missing = [
            point
            for point in followed.points(child.stored.start)
            if (point.key, point.step) not in child.points
        ]
        if missing and followed.result is None and child.status != "RUNNING":
            self._client.reopen_run(child.run_id)
            child.status = "RUNNING"
        self._client.log_points(child.run_id, missing)
        child.points.update((point.key, point.step) for point in missing)

    def _read_points(self, child: _Child, followed: _Followed) -> set[tuple[str, int]]:
        journaled = {key for numbers in followed.epochs.values() for key in numbers}
        curves = {safe_key(key) for key in journaled | followed.curves}
        points = {(key, 0) for key in child.stored.metrics - curves}
        for key in sorted(child.stored.metrics & curves):
            points |= {(key, step) for step in self._client.steps(child.run_id, key)}
        return points

    def _describe(self, child: _Child, run: Run) -> None:
        planned = self._cells[run.cell]
        params = params_of(planned, run)
        missing = {key: value for key, value in params.items() if key not in child.params}
        if missing:
            is_program = isinstance(planned.variant, ProgramVariant)
            variant = planned.variant.as_json() if is_program else asdict(planned.variant)
            self._client.log_json(child.run_id, variant, name="variant.json")
        self._client.log_params(child.run_id, missing)
        child.params = frozenset(params)

    def _end(self, child: _Child, status: str) -> None:
        self._client.end_run(child.run_id, status)
        child.status = status

    def _find_or_create(self, run: Run, attempt: str) -> _Child:
        """The child run of an attempt."""
        wanted = (run.cell.slug, str(run.seed), self._fingerprint(run), attempt)
        for other in list(self._known):
            outdated = other[:2] == wanted[:2]  # same cell and seed, trained differently
            renamed = other[2:] == wanted[2:]  # same training, under another name of its cell
            if outdated != renamed:
                self._client.delete_run(self._known.pop(other).run_id)
        if wanted not in self._known:
            self._known[wanted] = self._create(run, attempt)
        return self._known[wanted]

    def _create(self, run: Run, attempt: str) -> _Child:
        study = self._plan.study
        tags = {
            "mlflow.parentRunId": self._parent,
            "mlflow.source.name": "ablate",
            "ablate.study": study.name,
            "ablate.design": study.design,
            "ablate.cell": run.cell.slug,
            "ablate.seed": str(run.seed),
            "ablate.reference": str(study.is_reference(run.cell.levels)).lower(),
            "ablate.fingerprint": self._fingerprint(run),
            "ablate.attempt": attempt,
            "ablate.origin": self._origin,
        }
        name = safe_text(f"{run.cell.name}, seed {run.seed}", longest=LONGEST_KEY)
        child = _Child.of(self._client.create_run(self._experiment, name=name, tags=tags))
        child.points = set()
        return child

    def _fingerprint(self, run: Run) -> str:
        return self._plan.fingerprint(self._cells[run.cell], run.seed)

    def _open_experiment(self, *, local: bool) -> str:
        name = self._plan.study.name
        # A server decides where artifacts go; with a local file they go next to it.
        artifacts = (Path.cwd() / "mlartifacts" / name).as_uri() if local else None
        return self._client.open_experiment(name, artifacts=artifacts)

    def _search(self, condition: str) -> list[MlflowRun]:
        """The runs of this folder's study that fulfil a condition, oldest first."""
        own = f"{condition} and tags.`ablate.origin` = '{self._origin}'"
        return self._client.search_runs(self._experiment, own)

    def _read_children(self) -> dict[Identity, _Child]:
        children: dict[Identity, _Child] = {}
        for stored in self._search("tags.`ablate.seed` != ''"):
            identity = _identity(stored.tags)
            if identity in children:
                # Created twice, because the first call was answered too late.
                self._client.delete_run(stored.run_id)
            else:
                children[identity] = _Child.of(stored)
        return children

    def _open_parent(self) -> str:
        """The study's parent run, created or reopened."""
        study = self._plan.study
        found = self._search("tags.`ablate.kind` = 'study'")
        for duplicate in found[1:]:
            self._client.delete_run(duplicate.run_id)
        tags = safe_tags(
            {
                "ablate.kind": "study",
                "ablate.study": study.name,
                "ablate.origin": self._origin,
                "mlflow.source.name": "ablate",
                "mlflow.note.content": study.question,
                "ablate.design": study.design,
                "ablate.factors": ", ".join(factor.name for factor in study.factors),
                "ablate.replicates": str(study.replicates),
                "ablate.margin": repr(study.margin),
            }
        )
        if found:
            parent = found[0].run_id
            self._client.set_tags(parent, tags)
            self._client.reopen_run(parent)
            return parent
        name = f"study {study.name}"
        return self._client.create_run(self._experiment, name=name, tags=tags).run_id


def _identity(tags: Mapping[str, str]) -> Identity:
    cell, seed, fingerprint, attempt = (
        tags.get(f"ablate.{key}", "") for key in ("cell", "seed", "fingerprint", "attempt")
    )
    return cell, seed, fingerprint, attempt


def _origin(file: Path) -> str:
    """A unique name for a study folder, created once.

    Several folders may hold studies of the same name and share a store. Without this name, each
    would delete the runs of the others as outdated runs of its own.
    """
    if not read_word(file):
        write_atomically(file, uuid.uuid4().hex)
    return read_word(file)
