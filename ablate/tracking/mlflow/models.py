"""The trained models that a study keeps, as models of MLflow."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from ablate.store.folder import StudyFolder
from ablate.store.models import kept_models
from ablate.store.plan import Plan, PlannedCell
from ablate.study.design import Run
from ablate.tracking.mlflow.children import Child
from ablate.tracking.mlflow.client import Client
from ablate.tracking.mlflow.followed import Followed
from ablate.tracking.mlflow.model_files import DATA, write_model_files
from ablate.tracking.mlflow.records import LoggedModel
from ablate.tracking.mlflow.values import safe_model_name, safe_tags


class LoggedModels:
    """The models of a study in MLflow."""

    def __init__(
        self, client: Client, plan: Plan, *, folder: StudyFolder, experiment: str, origin: str
    ) -> None:
        """Remember where the models are.

        Args:
            client: MLflow's client.
            plan: The plan of the study.
            folder: Its folder.
            experiment: ID of the experiment of the study.
            origin: Name of the folder, which marks its models.
        """
        self._client, self._plan, self._folder = client, plan, folder
        self._experiment, self._origin = experiment, origin

    def update(self, children: Mapping[Run, Child], followed: Mapping[Run, Followed]) -> None:
        """Log the models that are kept, and delete those that are no longer kept.

        Args:
            children: The runs in MLflow.
            followed: What the folders of the runs hold.
        """
        kept = {
            children[run].run_id: (planned, run)
            for planned in self._plan.cells
            for seed in kept_models(self._folder, planned.cell.slug)
            if (run := Run(planned.cell, seed)) in children and children[run].status == "FINISHED"
        }
        condition = f"tags.`ablate.origin` = '{self._origin}'"
        logged = self._client.search_models(self._experiment, condition)
        if logged is None:
            if kept:
                self._client.show(
                    f"This server of MLflow has no models, as those before 3.0; the trained models "
                    f"are in {self._folder.path} alone."
                )
            return
        for model in logged:
            if model.run_id not in kept:
                self._client.delete_model(model.model_id)
        unfinished = {model.run_id: model for model in logged if not model.is_ready}
        finished = {model.run_id for model in logged if model.is_ready}
        for run_id, (planned, run) in kept.items():
            if run_id not in finished:
                child = children[run]
                model = unfinished.get(run_id) or self._create(run, child)
                self._complete(model, planned, child=child, seed=run.seed)
                self._rate(model, child, followed=followed[run])
                self._client.finish_model(model.model_id)

    def _create(self, run: Run, child: Child) -> LoggedModel:
        tags = {"ablate.origin": self._origin, "ablate.study": self._plan.study.name}
        return self._client.create_model(
            self._experiment,
            name=safe_model_name(child.name),
            run_id=child.run_id,
            params=safe_tags({**dict(run.cell.levels), "seed": str(run.seed)}),
            tags=safe_tags(tags),
        )

    def _complete(
        self, model: LoggedModel, planned: PlannedCell, *, child: Child, seed: int
    ) -> None:
        """Copy the files of a model to MLflow, and show it on the page of its run."""
        path = self._folder.run(planned.cell.slug, seed).model
        with tempfile.TemporaryDirectory() as name:
            write_model_files(Path(name), path, plan=self._plan, planned=planned, model=model)
            self._client.log_model_files(model.model_id, Path(name))
        self._client.log_model_file(model.model_id, path, folder=DATA)
        if model.model_id not in child.stored.models:
            self._client.link_model(child.run_id, model.model_id)

    def _rate(self, model: LoggedModel, child: Child, *, followed: Followed) -> None:
        """Give the model the final measures of its run on the test images."""
        points = [
            point
            for point in followed.points(child.stored.start)
            if point.step == 0 and point.key.startswith("test_")
        ]
        self._client.log_model_points(child.run_id, points, model_id=model.model_id)
