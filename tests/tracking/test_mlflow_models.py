"""Trained models that a study keeps, in MLflow: loaded by MLflow's own functions."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from ablate.store.folder import StudyFolder
from ablate.study.design import Run
from ablate.tracking.mlflow import models
from ablate.tracking.mlflow.client import Client
from ablate.tracking.recording import Recording
from ablate.tracking.watchdog import Watchdog
from tests.faults.broken_stores import http_server
from tests.faults.mlflow_store import LOCAL, query, recording_of, replay
from tests.store.written import Written, plan_of

# Keras 3.15 with NumPy 2 when a model is saved.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
LOGGED = """
    select logged_models.name, runs.name from logged_models
    join runs on run_uuid = source_run_id
    where logged_models.lifecycle_stage = 'active' order by 1
"""


@pytest.fixture
def study(folder_with_database: Path) -> Written:
    plan = plan_of("residual", replicates=2)
    cells = tuple(dataclasses.replace(planned, output=(2,)) for planned in plan.cells)
    folder = StudyFolder(Path("runs") / plan.study.name)
    return Written(folder, dataclasses.replace(plan, cells=cells)).train()


def keep(study: Written, run: Run) -> keras.Model:
    """Save a model as the trained one of a run."""
    image, answer = keras.layers.Flatten(), keras.layers.Dense(2, "softmax")
    model = keras.Sequential([keras.Input((8, 8, 1)), image, answer])
    model.save(study.run_folder(run).model)
    return model


def test_mlflow_loads_a_kept_model(study: Written) -> None:
    import mlflow

    model = keep(study, study.runs[1])
    replay(study)
    assert query(LOGGED) == [("full model · seed 1", "full model · seed 1")]
    ((model_id,),) = query("select model_id from logged_models")
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    images = np.random.default_rng(0).random((3, 8, 8, 1), np.float32)
    wanted = model.predict(images, verbose=0)
    loaded = mlflow.keras.load_model(f"models:/{model_id}")
    np.testing.assert_array_equal(loaded.predict(images, verbose=0), wanted)
    served = mlflow.pyfunc.load_model(f"models:/{model_id}")
    np.testing.assert_array_equal(served.predict(images), wanted)
    signature = served.metadata.signature
    assert [spec.shape for spec in signature.inputs] == [(-1, 8, 8, 1)]
    assert [spec.shape for spec in signature.outputs] == [(-1, 2)]
    with pytest.raises(mlflow.MlflowException, match="shape"):
        served.predict(images[:, :4])


def test_mlflow_holds_the_models_that_are_kept_now(study: Written) -> None:
    first, second, _, other = study.runs
    keep(study, first)
    keep(study, other)
    replay(study)
    before = query("select * from logged_models")
    replay(study)
    assert query("select * from logged_models") == before
    study.run_folder(first).model.rename(study.run_folder(second).model)
    replay(study)
    names = ["full model · seed 1", "no residual · seed 1"]
    assert query(LOGGED) == [(name, name) for name in names]


def test_an_interrupted_copy_is_completed(study: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(study, study.runs[0])

    def fail(*unused: object, **options: object) -> None:
        raise OSError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(models, "write_model_files", fail)
        recording = recording_of(study)
        recording.replay(None)
        assert "no space" in recording.fault
    replay(study)
    assert [row[0] for row in query(LOGGED)] == ["full model · seed 0"]
    (file,) = Path("mlartifacts").rglob("model.keras")
    assert file.parent.name == "data"


def test_a_server_without_models_gets_all_else(
    study: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    with http_server(lambda request: request.send_error(404)) as uri:
        assert Client(uri, Watchdog()).search_models("1", "") is None
    monkeypatch.setattr(Client, "search_models", lambda *unused: None)
    lines: list[str] = []
    for kept in (0, 1):
        recording = Recording(study.state, LOCAL, limited=False, show=lines.append)
        assert (recording.replay(None), recording.fault) == (len(study.runs), "")
        assert len([line for line in lines if "has no models" in line]) == kept
        keep(study, study.runs[0])
