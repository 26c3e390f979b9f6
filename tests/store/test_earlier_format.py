"""Plans of earlier versions: their results are recognized, and used again only if asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from ablate.errors import RequestError
from ablate.planning.changes import reconcile
from ablate.store.earlier_format import upgrade_plan
from ablate.store.folder import StudyFolder
from ablate.store.plan import Plan
from ablate.store.state import StudyState
from tests.store.written import DATASET, adopted, plan_of, with_code


def earlier_json(plan: Plan) -> dict:
    """The plan as an earlier version wrote it."""
    record = plan.as_json()
    images = {
        DATASET.fingerprint: {
            "shape": [8, 8, 1], "classes": ["a", "b"], "train": 6, "validation": 2, "test": 2,
            "excluded": [], "chance": 0.5,
        }
    }  # fmt: skip
    for cell in record["cells"]:
        cell["images"] = cell.pop("dataset")
        del cell["code"]
    del record["datasets"]
    return {**record, "images": images, "code": "hash", "sources": {"ablate/seeds.py": "hash"}}


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    """A finished study whose plan has the earlier form and other fingerprints than today."""
    folder = StudyFolder(tmp_path / "mine")
    plan = with_code(plan_of(), "of an earlier version")
    adopted(folder, plan).train()
    (folder.path / "plan.json").write_text(json.dumps(earlier_json(plan)))
    return folder


def reconciled(folder: StudyFolder, on_change: str) -> StudyState:
    return reconcile(
        StudyState.read(folder, with_code(plan_of(), "code", {"ablate/seeds.py": "other"})),
        folder.earlier_plan(),
        on_change=on_change,
        console=Console(quiet=True),
    )


def test_results_of_an_earlier_version_are_recognized(folder: StudyFolder) -> None:
    assert StudyState.read(folder, folder.read_plan()).pending == ()


@pytest.mark.parametrize(
    ("task", "steps"),
    [("classification", {"test_accuracy": 0.5, "val_accuracy": 0.5}), ("segmentation", {})],
)
def test_a_plan_without_steps_gets_those_of_accuracies(task: str, steps: dict) -> None:
    record = plan_of().as_json()
    (dataset,) = record["datasets"].values()
    del dataset["steps"]
    dataset["task"] = task
    (dataset,) = upgrade_plan(record)["datasets"].values()
    assert dataset["steps"] == steps


def test_they_are_refused_by_default(folder: StudyFolder) -> None:
    with pytest.raises(RequestError, match="recorded in another way by an earlier version"):
        reconciled(folder, "refuse")


@pytest.mark.parametrize(("on_change", "pending"), [("keep", 0), ("rerun", 4)])
def test_they_are_kept_or_trained_again_on_request(
    folder: StudyFolder, on_change: str, pending: int
) -> None:
    state = reconciled(folder, on_change).adopt()
    assert len(state.pending) == pending
    assert StudyState.read(folder, folder.read_plan()).pending == state.pending
