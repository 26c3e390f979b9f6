"""The protocol that every task implements, and the table of tasks by name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ablate import tasks
from ablate.data.images import Images, Split, Unsplit
from ablate.data.info import DatasetInfo
from ablate.errors import RequestError, nearest
from ablate.study.response import Response

if TYPE_CHECKING:
    import keras

Shape = tuple[int | None, ...]
"""The shape of a model's output; the first axis is the batch, of size None."""

Dataset = Images | DatasetInfo
"""A data set, with its pixels or without: a task asks both for the image shape and the classes."""


@dataclass(frozen=True, slots=True)
class Objective:
    """What a model is compiled with.

    Attributes:
        loss: The loss that training minimizes.
        metrics: Keras metrics that report every measure of the task by its name: either one metric
            a measure, or metrics whose result is a mapping from names to numbers.
    """

    loss: keras.losses.Loss
    metrics: tuple[keras.metrics.Metric, ...]


class Task(Protocol):
    """What kind of answer a model gives, and how a run is judged by it."""

    name: str
    """What a data set calls the task; equals the name of its module."""

    def measures(self, classes: tuple[str, ...]) -> tuple[Response, ...]:
        """What is measured besides the loss; the first is a study's default response."""

    def check_targets(self, images: Images) -> None:
        """Check the targets of all parts.

        Raises:
            RequestError: They are not what this task needs.
        """

    def strata(self, targets: NDArray[Any]) -> NDArray[np.int64]:
        """By which class index a split is stratified, shape `(images,)`."""

    def check_output(self, shape: Shape, dataset: Dataset) -> None:
        """Check the output shape of a model.

        Raises:
            RequestError: It does not fit the task.
        """

    def encode(self, targets: NDArray[Any], shape: Shape) -> NDArray[Any]:
        """Targets in the form that the loss takes for a model with this output shape."""

    def objective(self, shape: Shape, dataset: Dataset) -> Objective:
        """Loss and metrics for a model with this output shape; imports Keras."""

    def guessing(self, targets: NDArray[Any], classes: tuple[str, ...]) -> Mapping[str, float]:
        """What the best constant answer scores, for each measure for which that is known."""

    def step(self, measure: str, images: int) -> float | None:
        """Smallest difference of a measure between two runs judged on a number of images.

        It is what one image is worth; None for a measure that is not a share of images.
        """

    def noise(self, info: DatasetInfo, count: int) -> Split:
        """Random images with targets, `count` or more, for timing a few steps."""


def task_of(name: str) -> Task:
    """The task that a data set names.

    Raises:
        RequestError: There is no such task.
    """
    known = [
        module.name for module in pkgutil.iter_modules(tasks.__path__) if module.name != "task"
    ]
    if name not in known:
        raise RequestError(f"Unknown task {name!r} of the data set.{nearest(name, known)}")
    task: Task = importlib.import_module(f"{tasks.__name__}.{name}").TASK
    return task


def prepare(loaded: Images | Unsplit) -> Images:
    """The images that a loader returned, in their parts and with targets that their task accepts.

    Raises:
        RequestError: The task does not exist or does not accept the targets, or the images cannot
            be split.
    """
    task = task_of(loaded.task)
    images = loaded if isinstance(loaded, Images) else loaded.split(task.strata(loaded.y))
    task.check_targets(images)
    return images


def describe(images: Images) -> DatasetInfo:
    """What is known of a data set, its task's part included."""
    task = task_of(images.task)
    guessing = {
        f"{part}_{measure}": score
        for part, split in (("test", images.test), ("val", images.validation))
        for measure, score in task.guessing(split.y, images.classes).items()
    }
    measures = task.measures(images.classes)
    steps = {
        f"{part}_{measure.name}": task.step(measure.name, len(split.y))
        for part, split in (("test", images.test), ("val", images.validation))
        for measure in measures
    }
    return DatasetInfo(
        task=images.task,
        shape=images.shape,
        classes=images.classes,
        train=len(images.train.y),
        validation=len(images.validation.y),
        test=len(images.test.y),
        fingerprint=images.fingerprint,
        measures=measures,
        guessing=guessing,
        excluded=images.excluded,
        values=images.values,
        steps={name: step for name, step in steps.items() if step is not None},
    )
