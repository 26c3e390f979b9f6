"""The table of tasks, and the split of what loaders return."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from ablate.data.images import Split, Unsplit
from ablate.data.split import stratified
from ablate.errors import RequestError
from ablate.tasks.task import prepare, task_of
from tests.conftest import ROOT

SHARES = {"train": 0.6, "validation": 0.4}


def unsplit(**changes: object) -> Unsplit:
    pixels = np.arange(20, dtype=np.uint8).reshape(20, 1, 1, 1)
    own = {
        "x": pixels,
        "y": np.repeat([0, 1], 10),
        "classes": ("a", "b"),
        "scale": 1 / 255,
        "shares": SHARES,
        "split_seed": 3,
        "fixed": {"test": Split(pixels[:4], np.array([0, 1, 0, 1]))},
        "excluded": ("c.png: empty",),
    }
    return Unsplit(**{**own, **changes})


def test_a_task_is_found_by_its_name() -> None:
    assert task_of("classification").name == "classification"


def test_an_unknown_task_is_refused_with_the_nearest() -> None:
    with pytest.raises(RequestError, match=r"'clasification' .* Did you mean 'classification'"):
        task_of("clasification")


def test_images_are_split_by_the_strata_of_their_task() -> None:
    loaded = unsplit()
    images = prepare(loaded)
    chosen = stratified(loaded.y, SHARES, split_seed=3)
    assert images.train.x.ravel().tolist() == chosen["train"].tolist()
    assert images.validation.x.ravel().tolist() == chosen["validation"].tolist()
    assert np.bincount(images.validation.y).tolist() == [4, 4]


def test_what_the_source_fixes_stays_as_it_is() -> None:
    images = prepare(unsplit())
    assert images.test.y.tolist() == [0, 1, 0, 1]
    assert images.excluded == ("c.png: empty",)
    assert images.classes == ("a", "b")


@pytest.mark.parametrize(
    ("y", "message"),
    [
        pytest.param(np.zeros(19, np.int64), "targets for 20 images", id="lengths"),
        pytest.param(np.zeros((20, 2), np.int64), "20 int64 labels", id="two_axes"),
        pytest.param(np.zeros(20, np.int32), "20 int64 labels", id="int32"),
    ],
)
def test_targets_that_cannot_be_split_are_refused(y: np.ndarray, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        prepare(unsplit(y=y))


def test_the_task_of_unsplit_images_is_checked() -> None:
    with pytest.raises(RequestError, match="Unknown task 'keypoints'"):
        prepare(unsplit(task="keypoints"))


def test_tasks_do_not_import_keras_before_a_model_is_compiled() -> None:
    program = (
        "import pkgutil, sys; from ablate import tasks; from ablate.tasks.task import task_of; "
        "[task_of(m.name) for m in pkgutil.iter_modules(tasks.__path__) if m.name != 'task']; "
        "assert 'keras' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
