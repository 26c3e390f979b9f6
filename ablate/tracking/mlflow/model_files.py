"""The files that make a model of MLflow of a `.keras` file; Keras is not imported for them."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

import numpy as np

from ablate.store.identity import LIBRARIES, library_version
from ablate.store.plan import Plan, PlannedCell
from ablate.tracking.mlflow.records import LoggedModel

# Imported after the client, which sets what MLflow reads during its import.
from mlflow import pyfunc  # isort: skip
from mlflow.models import Model, ModelSignature  # isort: skip
from mlflow.types import Schema, TensorSpec  # isort: skip

DATA = "data"
"""Folder of a model that holds `model.keras`, where MLflow's own function for Keras puts it."""
MODEL, REQUIREMENTS, ENVIRONMENT = "MLmodel", "requirements.txt", "python_env.yaml"
DTYPE = "float32"


def write_model_files(
    folder: Path, file: Path, *, plan: Plan, planned: PlannedCell, model: LoggedModel
) -> None:
    """Write what MLflow reads of a model besides the model itself.

    `mlflow.keras.log_model` writes the same files, but has to load the model for it, which takes
    seconds of Keras and needs the modules of the user's own layers.

    Args:
        folder: Where to write.
        file: The trained model, which must become `data/model.keras`.
        plan: The plan of the study.
        planned: The cell of the model.
        model: The model in MLflow.
    """
    python = platform.python_version()
    versions = {name: library_version(name) for name in ("keras", *LIBRARIES[plan.backend])}
    needed = [f"{name}=={version}" for name, version in versions.items() if version]
    described = Model(
        run_id=model.run_id,
        model_id=model.model_id,
        artifact_path=model.location,
        signature=ModelSignature(*_schemas(plan, planned)),
        model_size_bytes=file.stat().st_size,
    )
    described.add_flavor(
        "keras",
        data=DATA,
        keras_version=versions["keras"],
        keras_backend=plan.backend,
        save_exported_model=False,
    )
    pyfunc.add_to_model(described, loader_module="mlflow.keras", python_env=ENVIRONMENT)
    described.save(str(folder / MODEL))
    own = f"mlflow=={library_version('mlflow')}"
    (folder / REQUIREMENTS).write_text("\n".join([own, *needed, ""]), encoding="utf-8")
    # JSON is YAML.
    environment: dict[str, Any] = {"python": python, "dependencies": [f"-r {REQUIREMENTS}"]}
    (folder / ENVIRONMENT).write_text(json.dumps(environment), encoding="utf-8")


def _schemas(plan: Plan, planned: PlannedCell) -> tuple[Any, Any]:
    """The images that a model takes and the answers it gives; None for unknown answers."""

    def schema(shape: tuple[int, ...]) -> Any:
        return Schema([TensorSpec(np.dtype(DTYPE), (-1, *shape))])

    inputs = schema(plan.dataset_of(planned).shape)
    return inputs, schema(planned.output) if planned.output else None
