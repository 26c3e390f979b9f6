"""The parent run of a study in MLflow: its params, its answer, its effects and its report."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from ablate.store.plan import Plan
from ablate.study.study import SINGLE, Study
from ablate.tracking.attachments import report_files
from ablate.tracking.mlflow.children import own_runs
from ablate.tracking.mlflow.client import Client
from ablate.tracking.mlflow.dataset import dataset_record
from ablate.tracking.mlflow.followed import MILLISECONDS
from ablate.tracking.mlflow.records import MlflowRun, Point
from ablate.tracking.mlflow.values import finite_numbers, safe_key, safe_tags, source_tags
from ablate.tracking.summary import StudySummary

NOTE_TAG, COMPLETE = "mlflow.note.content", "runs/complete"
IS_PARENT = "tags.`ablate.kind` = 'study'"


class ParentRun:
    """The parent run of a study."""

    def __init__(self, client: Client, plan: Plan, *, experiment: str, origin: str) -> None:
        """Read what MLflow holds.

        Args:
            client: MLflow's client.
            plan: The plan of the study.
            experiment: ID of the experiment of the study.
            origin: Name of the study's folder, which marks its runs.
        """
        self._client, self._plan = client, plan
        self._experiment, self._origin = experiment, origin
        self._found = own_runs(client, experiment, origin=origin, condition=IS_PARENT)
        self._outdated: list[MlflowRun] = []
        self._run: MlflowRun | None = None

    @property
    def run_id(self) -> str:
        """Its ID; empty before it is opened."""
        return "" if self._run is None else self._run.run_id

    def open(self, *, start: int | None) -> str:
        """Create or reopen it; returns its ID.

        MLflow never changes a param: a run with other params is replaced, see `delete_outdated`.

        Args:
            start: When the study was started, in milliseconds; None: now.
        """
        params = _params(self._plan)
        fitting = [run for run in self._found if _fits(run.params, params)]
        self._outdated = [run for run in self._found if run not in fitting[:1]]
        tags = _tags(self._plan.study, self._origin)
        if fitting:
            self._run = fitting[0]
            self._client.reopen_run(self.run_id)
        else:
            self._run = self._client.create_run(
                self._experiment,
                name=f"study {self._plan.study.name}",
                tags=safe_tags({NOTE_TAG: self._plan.study.question}) | tags | source_tags(),
                start=start,
            )
        stored = self._run
        self._client.log(
            stored.run_id,
            params={key: value for key, value in params.items() if key not in stored.params},
            tags={key: value for key, value in tags.items() if stored.tags.get(key) != value},
        )
        if not stored.has_dataset:
            users = {planned.dataset: planned for planned in self._plan.cells if planned.dataset}
            for planned in users.values():
                info = self._plan.dataset_of(planned)
                self._client.log_dataset(self.run_id, dataset_record(info, planned.variant.data))
        return stored.run_id

    def delete_outdated(self) -> None:
        """Delete the runs that this one replaces, once they have no children."""
        for run in self._outdated:
            self._client.delete_run(run.run_id)
        self._outdated = []

    def close(self, report: Path | None, summary: StudySummary | None, *, end: int | None) -> None:
        """Record what the study found, attach its report, and end it.

        Args:
            report: The folder of the report; None if there is none.
            summary: What the study found; None if that is unknown.
            end: When its last run ended, in milliseconds; None: now.
        """
        if summary is not None:
            self._log_summary(summary)
        if report is not None:
            # One call for each file, so that a slow server still shows progress.
            for file in report_files(report):
                target = Path("report", file.relative_to(report).parent)
                self._client.log_file(self.run_id, file, folder=target.as_posix())
        self._client.end_run(self.run_id, "FINISHED", end=end)

    def _log_summary(self, summary: StudySummary) -> None:
        """Record the answer, and the numbers and verdicts that have changed."""
        assert self._run is not None
        stored, now = self._run, int(MILLISECONDS * time.time())
        # More runs continue the curve of an effect; what MLflow shows is its point furthest right.
        step = int(max(summary.complete, stored.metrics.get(COMPLETE, 0)))
        question = self._plan.study.question
        note = f"{question}\n\n{summary.answer}" if question else summary.answer
        tags = safe_tags({**summary.verdicts, NOTE_TAG: note})
        found = finite_numbers({**summary.numbers, COMPLETE: summary.complete})
        numbers = {safe_key(key): value for key, value in found.items()}
        self._client.log(
            stored.run_id,
            points=[
                Point(key, value, now, step)
                for key, value in numbers.items()
                if stored.metrics.get(key) != value
            ],
            tags={key: value for key, value in tags.items() if stored.tags.get(key) != value},
        )


def _params(plan: Plan) -> dict[str, str]:
    """The design of the study, and what is equal in all cells; the same for each of its runs."""
    study = plan.study
    if study.name == SINGLE:
        return {}
    most = study.most_replicates
    switched = {factor.name for factor in study.factors}
    held = {key: value for key, value in plan.held_constant().items() if key not in switched}
    return safe_tags(
        {
            **held,
            "design": study.design,
            "replicates": str(study.replicates) + ("" if most is None else f" to {most}"),
            "margin": repr(study.margin),
            "response": study.response.name,
        }
    )


def _tags(study: Study, origin: str) -> dict[str, str]:
    tags = {
        "ablate.kind": "study",
        "ablate.study": study.name,
        "ablate.origin": origin,
        "ablate.design": study.design,
        "ablate.factors": ", ".join(factor.name for factor in study.factors),
    }
    return safe_tags(tags)


def _fits(stored: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether a run can have these params: it has none of another value, and none besides."""
    return all(wanted.get(key) == value for key, value in stored.items())
