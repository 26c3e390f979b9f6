"""The protocol that every task implements, and the table of tasks by name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ablate import tasks
from ablate.data.images import Images, Split, Unsplit
from ablate.data.info import DatasetInfo
from ablate.errors import RequestError, nearest
from ablate.study.response import Response

if TYPE_CHECKING:
    import keras

TOLERANCE = 1e-3
"""How far probabilities may add up to something else than 1, in the precision of some models."""

Shape = tuple[int | None, ...]
"""The shape of a model's output; the first axis is the batch, of size None."""

Move = Callable[[dict[str, Any]], dict[str, Any]]
"""Changes a batch as Keras' image preprocessing layers do, all of it in the same way.

It takes and returns the `images`, and where they are given the `segmentation_masks`, shape
`(batch, height, width, 1)`, and the `bounding_boxes`, `xyxy` in pixels.
"""

Dataset = Images | DatasetInfo
"""A data set, with its pixels or without: a task asks both for the image shape and the classes."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a task asks of the end of a model.

    Attributes:
        units: Numbers for an image, or for each of its pixels.
        activation: Name of the last activation in Keras.
        kind: What the answer is about: ``image``, wherever something is in it; ``position``, which
            must not be averaged away; or ``pixel``, with an answer for each.
    """

    units: int
    activation: str
    kind: Literal["image", "position", "pixel"] = "image"

    def shape(self, dataset: Dataset) -> Shape:
        """The shape of such an output."""
        return (None, *(dataset.shape[:2] if self.kind == "pixel" else ()), self.units)

    def check(self, shape: Shape, dataset: Dataset, *, answers: str) -> None:
        """Check that a model has such an output.

        Args:
            shape: The shape of its output.
            dataset: The data set.
            answers: What the output is for, such as ``3 labels``.

        Raises:
            RequestError: It has another shape.
        """
        if shape != self.shape(dataset):
            raise RequestError(
                f"Expected a model with outputs of shape {self.shape(dataset)} for {answers}; "
                f"{self.refusal(shape, dataset)}"
            )

    def refusal(self, shape: Shape, dataset: Dataset) -> str:
        """Why a model with another shape of output is refused, and what to give."""
        layer = f"Dense({self.units}, {self.activation!r})"
        if self.kind == "pixel":
            layer = f"Conv2D({self.units}, 1, activation={self.activation!r})"
        return (
            f"received {shape}. End it in keras.layers.{layer}, or give its builder a keyword "
            f"output: ablate.models.head.answer ends a model as any task asks for."
        )


def class_output(classes: int) -> Output:
    """One class an image: a probability for each, or of two classes that of the second.

    Args:
        classes: Number of classes.
    """
    return Output(1, "sigmoid") if classes == 2 else Output(classes, "softmax")


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


@dataclass(frozen=True, slots=True)
class LossOptions:
    """What a recipe or a model asks of the loss of a task.

    Attributes:
        from_logits: Whether the model's outputs are logits and not probabilities.
        label_smoothing: Share of each target that is spread over all classes.
    """

    from_logits: bool = False
    label_smoothing: float = 0.0


PLAIN_LOSS = LossOptions()


class Task(Protocol):
    """What kind of answer a model gives, and how a run is judged by it."""

    name: str
    """What a data set calls the task; equals the name of its module."""
    has_class_indices: bool
    """Whether encoded targets are class indices, which a loss for one-hot targets cannot take."""

    def measures(self, classes: tuple[str, ...]) -> tuple[Response, ...]:
        """What is measured besides the loss; the first is a study's default response."""

    def check_targets(self, images: Images) -> None:
        """Check the targets of all parts.

        Raises:
            RequestError: They are not what this task needs.
        """

    def strata(self, targets: NDArray[Any]) -> NDArray[np.int64]:
        """By which class index a split is stratified, shape `(images,)`."""

    def output(self, dataset: Dataset) -> Output:
        """What a model for a data set ends in, unless its builder decides that itself."""

    def check_output(self, shape: Shape, dataset: Dataset) -> None:
        """Check the output shape of a model.

        Raises:
            RequestError: It does not fit the task.
        """

    def encode(self, targets: NDArray[Any], shape: Shape) -> NDArray[Any]:
        """Targets in the form that the loss takes for a model with this output shape."""

    def augment(self, move: Move, *, images: Any, targets: Any) -> tuple[Any, Any]:
        """Augment a batch of training images, and its targets with them.

        Args:
            move: Changes images, masks and boxes at random.
            images: As the network sees them, float32, shape `(batch, height, width, channels)`.
            targets: As `encode` returns them.

        Returns:
            Images and targets of the same shapes.
        """

    def are_logits(self, outputs: NDArray[np.float32], activation: str | None) -> bool:
        """Whether the outputs of a model are logits and not probabilities.

        Args:
            outputs: The outputs for some images.
            activation: Its last activation, as far as known.

        Raises:
            RequestError: They may be neither.
        """

    def objective(
        self, shape: Shape, dataset: Dataset, *, options: LossOptions = PLAIN_LOSS
    ) -> Objective:
        """Loss and metrics for a model with this output shape; imports Keras."""

    def image_weights(
        self,
        targets: NDArray[Any],
        *,
        classes: tuple[str, ...],
        class_weight: str | Mapping[str, float],
    ) -> NDArray[np.float32]:
        """The weight of each image in the training loss, shape `(images,)`.

        Args:
            targets: The targets.
            classes: Name of each class.
            class_weight: ``balanced``, or weights by the name or the index of a class.

        Raises:
            RequestError: A class is unknown, or the task knows no class of an image.
        """

    def guessing(self, targets: NDArray[Any], classes: tuple[str, ...]) -> Mapping[str, float]:
        """What the best constant answer scores, for each measure for which that is known."""

    def step(self, measure: str, images: int) -> float | None:
        """Smallest difference of a measure between two runs judged on a number of images.

        It is what one image is worth; None for a measure that is not a share of images.
        """

    def noise(self, info: DatasetInfo, count: int) -> Split:
        """Random images with targets, `count` or more, for steps before any run."""


def exclusive_logits(outputs: NDArray[np.float32], activation: str | None) -> bool:
    """Whether outputs of which one class is the answer are logits.

    Probabilities lie in [0, 1] and add up to 1 over the last axis, or are those of one class alone.

    Args:
        outputs: The outputs for some images, shape `(images, ..., classes)`.
        activation: The last activation: ``linear``, ``softmax``, ``sigmoid`` or None.

    Raises:
        RequestError: They lie in [0, 1] and do not add up to 1.
    """
    single = outputs.shape[-1] == 1
    if (activation == "softmax" and not single) or (activation == "sigmoid" and single):
        return False
    if activation == "linear":
        return True
    outputs = outputs[np.isfinite(outputs).all(axis=tuple(range(1, outputs.ndim)))]
    if not len(outputs):
        return False
    if outputs.min() < 0 or outputs.max() > 1:
        return True
    sums = outputs.sum(axis=-1)
    if single or np.abs(sums - 1).max() < TOLERANCE:
        return False
    raise RequestError(
        f"Expected outputs that are probabilities, or logits without activation; received outputs "
        f"from {outputs.min():.3g} to {outputs.max():.3g} that add up to {sums.min():.3g} to "
        f"{sums.max():.3g} for an image instead of 1. End the model in softmax, or without an "
        f"activation."
    )


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
        notes=images.notes,
        values=images.values,
        steps={name: step for name, step in steps.items() if step is not None},
    )
