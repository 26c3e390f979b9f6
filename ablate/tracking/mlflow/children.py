"""The runs of a study in MLflow: found or created, completed, and ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ablate.store.folder import StudyFolder
from ablate.store.plan import Plan
from ablate.study.design import Run
from ablate.study.result import Result, Status
from ablate.tracking.mlflow.client import Client
from ablate.tracking.mlflow.dataset import dataset_record
from ablate.tracking.mlflow.followed import Followed
from ablate.tracking.mlflow.records import MlflowRun
from ablate.tracking.mlflow.values import (
    LONGEST_KEY,
    params_of,
    result_tags,
    run_name,
    safe_key,
    safe_tags,
    safe_text,
    source_tags,
)

RUN_STATUS = {Status.COMPLETE: "FINISHED", Status.PREEMPTED: "KILLED"}
RECORDED_TAG = "ablate.recorded"
"""Tag: digest of what the folder held when all of it was written and the run was closed."""
PARENT_TAG = "mlflow.parentRunId"
IS_CHILD = "tags.`ablate.seed` != ''"
FAULT_TAGS = ("ablate.error", "mlflow.note.content")
"""Tags of a run that is not complete."""

Identity = tuple[str, str, str, str]
"""Cell, seed, fingerprint and attempt of a run, as MLflow's tags hold them."""


@dataclass
class Child:
    """What MLflow holds of a run.

    Attributes:
        stored: The run as MLflow returned it.
        name: Its name now.
        status: Its status now.
        tags: Its tags now.
        params: Names of the params it has.
        has_dataset: Whether it names its data set.
        points: Name and step of every metric value it has; None if not read yet.
    """

    stored: MlflowRun
    name: str
    status: str
    tags: dict[str, str]
    params: frozenset[str]
    has_dataset: bool
    points: set[tuple[str, int]] | None = None

    @staticmethod
    def of(stored: MlflowRun) -> Child:
        """What MLflow returned of a run."""
        return Child(
            stored,
            stored.name,
            stored.status,
            dict(stored.tags),
            frozenset(stored.params),
            stored.has_dataset,
        )

    @property
    def run_id(self) -> str:
        """MLflow's name for it."""
        return self.stored.run_id


class Children:
    """The runs of a study in MLflow."""

    def __init__(
        self,
        client: Client,
        plan: Plan,
        *,
        folder: StudyFolder,
        experiment: str,
        origin: str,
    ) -> None:
        """Read what MLflow holds.

        Args:
            client: MLflow's client.
            plan: The plan of the study.
            folder: Its folder.
            experiment: ID of the experiment of the study.
            origin: Name of the folder, which marks its runs.
        """
        self._client, self._plan, self._folder = client, plan, folder
        self._experiment, self._origin = experiment, origin
        self._cells = {planned.cell: planned for planned in plan.cells}
        self._known: dict[Identity, Child] = {}
        self._written: dict[Run, Child] = {}
        for stored in own_runs(client, experiment, origin=origin, condition=IS_CHILD):
            identity = _identity(stored.tags)
            if identity in self._known:
                # Created twice, because the first call was answered too late.
                self._client.delete_run(stored.run_id)
            else:
                self._known[identity] = Child.of(stored)

    @property
    def written(self) -> Mapping[Run, Child]:
        """The runs that this recording has written or found to be complete."""
        return self._written

    def forget(self, run: Run) -> None:
        """Look for a run again, which may have been started from its beginning."""
        self._written.pop(run, None)

    def move(self, parent: str) -> None:
        """Make the runs children of another parent run."""
        for child in self._known.values():
            if child.tags.get(PARENT_TAG) != parent:
                self._log_tags(child, {PARENT_TAG: parent})

    def write(self, run: Run, followed: Followed, *, parent: str) -> None:
        """Write what MLflow does not hold yet of a run.

        Args:
            run: The run.
            followed: What its folder holds.
            parent: ID of the parent run, of which a new run becomes a child.
        """
        if run not in self._written:
            self._written[run] = self._find_or_create(run, followed, parent=parent)
        child, result = self._written[run], followed.result
        run_folder = self._folder.run(run.cell.slug, run.seed)
        if run_folder.mlflow_run_id() != child.run_id:
            run_folder.save_mlflow_run_id(child.run_id)
        if result is None:
            self._fill(child, followed, run=run)
            return
        status = RUN_STATUS.get(result.status, "FAILED")
        recorded = followed.digest(self._name(run))
        if (child.status, child.tags.get(RECORDED_TAG)) == (status, recorded):
            return
        self._rename(child, self._name(run))
        tags = _end_tags(child, result) | {RECORDED_TAG: recorded}
        self._fill(child, followed, run=run, tags=safe_tags(tags))
        self._end(child, status, end=followed.end(child.stored.start))

    def end_running(self) -> None:
        """End the runs that are still RUNNING: training is over, so they were interrupted."""
        for child in self._known.values():
            if child.status == "RUNNING":
                self._end(child, "KILLED", end=None)

    def _fill(
        self, child: Child, followed: Followed, *, run: Run, tags: Mapping[str, str] | None = None
    ) -> None:
        """Write params, points and tags that are missing; reopen a run that gets new points."""
        planned = self._cells[run.cell]
        wanted = params_of(self._plan.study, planned, seed=run.seed)
        params = {key: value for key, value in wanted.items() if key not in child.params}
        if params:
            self._client.log_json(child.run_id, planned.variant.as_json(), name="variant.json")
        if planned.dataset and not child.has_dataset:
            info = self._plan.dataset_of(planned)
            self._client.log_dataset(child.run_id, dataset_record(info, planned.variant.data))
            child.has_dataset = True
        if child.points is None:
            child.points = self._read_points(child, followed)
        points = [
            point
            for point in followed.points(child.stored.start)
            if (point.key, point.step) not in child.points
        ]
        if points and followed.result is None and child.status != "RUNNING":
            self._client.reopen_run(child.run_id)
            child.status = "RUNNING"
        self._client.log(child.run_id, params=params, points=points, tags=tags or {})
        child.params |= params.keys()
        child.tags |= tags or {}
        child.points.update((point.key, point.step) for point in points)

    def _read_points(self, child: Child, followed: Followed) -> set[tuple[str, int]]:
        stored = set(child.stored.metrics)
        journaled = {key for numbers in followed.epochs.values() for key in numbers}
        curves = {safe_key(key) for key in journaled | followed.curves}
        points = {(key, 0) for key in stored - curves}
        for key in sorted(stored & curves):
            points |= {(key, step) for step in self._client.steps(child.run_id, key)}
        return points

    def _rename(self, child: Child, name: str) -> None:
        if child.name != name:
            self._client.rename_run(child.run_id, name)
            child.name = name

    def _end(self, child: Child, status: str, *, end: int | None) -> None:
        self._client.end_run(child.run_id, status, end=end)
        child.status = status

    def _log_tags(self, child: Child, tags: Mapping[str, str]) -> None:
        self._client.log(child.run_id, tags=tags)
        child.tags |= tags

    def _find_or_create(self, run: Run, followed: Followed, *, parent: str) -> Child:
        """The child run of an attempt."""
        fingerprint = self.fingerprint(run)
        wanted = (run.cell.slug, str(run.seed), fingerprint, followed.attempt)
        for other in list(self._known):
            outdated = other[:2] == wanted[:2]  # same cell and seed, trained differently
            renamed = other[2:] == wanted[2:]  # same training, under another name of its cell
            if outdated != renamed:
                self._client.delete_run(self._known.pop(other).run_id)
        if wanted not in self._known:
            tags = {
                **source_tags(),
                PARENT_TAG: parent,
                "ablate.study": self._plan.study.name,
                "ablate.cell": run.cell.slug,
                "ablate.seed": str(run.seed),
                "ablate.reference": str(self._plan.study.is_reference(run.cell.levels)).lower(),
                "ablate.fingerprint": fingerprint,
                "ablate.attempt": followed.attempt,
                "ablate.origin": self._origin,
            }
            created = self._client.create_run(
                self._experiment, name=self._name(run), tags=tags, start=followed.start
            )
            child = self._known[wanted] = Child.of(created)
            child.points = set()
        return self._known[wanted]

    def fingerprint(self, run: Run) -> str:
        """The identity of a run of the plan."""
        return self._plan.fingerprint(self._cells[run.cell], run.seed)

    def _name(self, run: Run) -> str:
        return safe_text(run_name(self._plan.study, run), longest=LONGEST_KEY)


def own_runs(client: Client, experiment: str, *, origin: str, condition: str) -> list[MlflowRun]:
    """The runs of a folder's study that fulfil a condition, oldest first."""
    return client.search_runs(experiment, f"{condition} and tags.`ablate.origin` = '{origin}'")


def _end_tags(child: Child, result: Result) -> dict[str, str]:
    """What is known of a run that has ended; what an earlier end left is cleared."""
    cleared = {tag: "" for tag in FAULT_TAGS if child.tags.get(tag)}
    return cleared | result_tags(result)


def _identity(tags: Mapping[str, str]) -> Identity:
    cell, seed, fingerprint, attempt = (
        tags.get(f"ablate.{key}", "") for key in ("cell", "seed", "fingerprint", "attempt")
    )
    return cell, seed, fingerprint, attempt
