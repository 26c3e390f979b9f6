"""Compile a model with its optimizer, loss and metrics: the recipe's, or those of its builder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import keras
import numpy as np
from numpy.typing import NDArray

from ablate.config.recipe import COMPILED, Recipe
from ablate.errors import RequestError
from ablate.tasks.task import Dataset, LossOptions, Objective, Shape, Task, task_of
from ablate.training.nodes import make_loss, make_metrics, make_optimizer, make_rate
from ablate.training.outputs import (
    check_output_type,
    final_activation,
    output_shape,
    outputs_of,
    squeezed_range,
)
from ablate.training.targets import fit_loss, fit_metric

if TYPE_CHECKING:
    from ablate.data.images import Images

SAMPLE = 64
"""Images for which the outputs of a model are looked at."""

_compiled_here: WeakSet[keras.Model] = WeakSet()
"""Models compiled as their recipe asks for: a builder may hand over the same model again."""

Sample = Callable[[], NDArray[np.float32]]
"""Returns some images as the network sees them, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Compilation:
    """How a model was compiled.

    Attributes:
        shape: Shape of its output.
        measures: What the task measures, by name.
        notes: What a user must know of it, a sentence each.
    """

    shape: Shape
    measures: tuple[str, ...]
    notes: tuple[str, ...]


def compile_model(
    model: keras.Model,
    recipe: Recipe,
    *,
    dataset: Dataset,
    steps: int,
    sample: Sample,
    optimizers: Mapping[str, Any],
) -> Compilation:
    """Compile a model for a data set, and build its optimizer.

    A model that its builder has compiled keeps its optimizer, loss and metrics; the measures of the
    task are added.

    Args:
        model: The model.
        recipe: How it is trained.
        dataset: What it is trained on.
        steps: Steps of the whole training.
        sample: Some images.
        optimizers: Classes of optimizers by short form that are used instead of Keras' own.

    Raises:
        RequestError: The model does not fit the task, or the recipe does not fit the model.
    """
    task = task_of(dataset.task)
    shape = output_shape(model, dataset.shape)
    task.check_output(shape, dataset)
    check_output_type(model)
    notes = []
    if model.compiled and model not in _compiled_here:
        objective = task.objective(shape, dataset)
        if _reads_logits(model):
            objective = task.objective(shape, dataset, options=LossOptions(from_logits=True))
        _keep_compiled(model, recipe, objective, outputs=_columns(task, shape))
        notes.append(
            "The model is compiled by its builder: its optimizer, loss and metrics are used, and "
            "recipe.learning_rate and recipe.optimizer do not apply."
        )
        usual = task.output(dataset).activation
        if final_activation(model) == "linear" != usual and not _reads_logits(model):
            notes.append(
                "The builder's loss takes probabilities and the model ends without an activation: "
                f"give the loss from_logits=True, or end the model in {usual}."
            )
    else:
        notes += _compile(
            model, recipe, dataset=dataset, steps=steps, sample=sample, optimizers=optimizers
        )
        _compiled_here.add(model)
    model.optimizer.build(model.trainable_variables)
    notes += [*_precision_note(model, recipe), *_range_note(model, dataset)]
    return Compilation(
        shape, tuple(measure.name for measure in task.measures(dataset.classes)), tuple(notes)
    )


def sample_of(images: Images) -> Sample:
    """Some training images as the network sees them."""
    return lambda: images.train.x[:SAMPLE].astype(np.float32) * np.float32(images.scale)


def _compile(
    model: keras.Model,
    recipe: Recipe,
    *,
    dataset: Dataset,
    steps: int,
    sample: Sample,
    optimizers: Mapping[str, Any],
) -> list[str]:
    """Compile a model as its recipe asks for; returns notes."""
    task, shape = task_of(dataset.task), output_shape(model, dataset.shape)
    activation = final_activation(model)
    outputs = np.empty((0, *(size or 1 for size in shape[1:])), np.float32)
    if activation is None or activation == "sigmoid":
        outputs = outputs_of(model, sample())
    logits = task.are_logits(outputs, activation)
    options = LossOptions(from_logits=logits, label_smoothing=recipe.label_smoothing)
    objective = task.objective(shape, dataset, options=options)
    loss = make_loss(recipe, from_logits=logits)
    if loss is not None:
        objective = Objective(fit_loss(loss, classes=_columns(task, shape)), objective.metrics)
    # The scale of the loss in float16 is Keras' own, around one of Keras' own optimizers.
    mixed = getattr(model.dtype_policy, "name", "") == "mixed_float16"
    optimizer = make_optimizer(
        recipe, make_rate(recipe, steps), classes={} if mixed else optimizers
    )
    _check_metric_names(recipe, [measure.name for measure in task.measures(dataset.classes)])
    columns = _columns(task, shape)
    metrics = [fit_metric(metric, classes=columns) for metric in make_metrics(recipe)]
    _recompile(model, optimizer, Objective(objective.loss, (*objective.metrics, *metrics)))
    if not logits:
        return []
    return ["The model's outputs are logits: its loss is computed from logits."]


def _check_metric_names(recipe: Recipe, own: Sequence[str]) -> None:
    """Refuse names of metrics that others of a run's numbers have."""
    for name in recipe.metrics or ():
        if name in ("loss", *own):
            raise RequestError(
                f"Expected another name for recipe.metrics.{name}, which the task measures itself."
            )
        if name.startswith(("val_", "test_", "train_")) or name.endswith("_inference"):
            raise RequestError(
                f"Expected another name for recipe.metrics.{name}: test_, val_, train_ and "
                f"_inference are added to name the part of the images."
            )


def _keep_compiled(
    model: keras.Model, recipe: Recipe, objective: Objective, *, outputs: int
) -> None:
    """Compile a model again with what its builder compiled it with, and the task's measures.

    Raises:
        RequestError: The recipe asks for something else, or the model cannot be compiled again.
    """
    ignored = [f"recipe.{key}" for key in COMPILED if key in recipe.given()]
    if ignored:
        raise RequestError(
            f"Expected no {', '.join(ignored)}, since the builder compiles the model itself; "
            f"leave out model.compile in the builder, or these keys."
        )
    if type(model).compile is not keras.Model.compile:
        raise RequestError(
            f"Expected a model with the compile of keras.Model; received "
            f"{type(model).__name__} with one of its own, to which no measure can be added."
        )
    losses = keras.tree.flatten(model.loss)
    if len(losses) != 1 or losses[0] is None:
        raise RequestError(
            f"Expected model.compile with one loss, for one output; received {model.loss!r}."
        )
    own = model._compile_metrics
    metrics = keras.tree.flatten(own._user_metrics if own else [])
    weighted = keras.tree.flatten(own._user_weighted_metrics if own else [])
    taken = {metric.name for metric in objective.metrics}
    added = [
        fit_metric(metric, classes=outputs)
        for metric in (*metrics, *weighted)
        # Keras' accuracy by its short name is the task's own.
        if metric is not None and getattr(metric, "name", metric) not in (*taken, "acc")
    ]
    loss = fit_loss(losses[0], classes=outputs)
    weights = keras.tree.flatten(model._compile_loss._user_loss_weights)
    _recompile(
        model,
        model.optimizer,
        Objective(loss, (*objective.metrics, *added)),
        loss_weights=next((weight for weight in weights if weight is not None), None),
    )


def _recompile(
    model: keras.Model,
    optimizer: Any,
    objective: Objective,
    *,
    loss_weights: float | None = None,
) -> None:
    model.compile(
        optimizer=optimizer,
        loss=objective.loss,
        loss_weights=loss_weights,
        metrics=list(objective.metrics),
        jit_compile=False,
    )


def _reads_logits(model: keras.Model) -> bool:
    """Whether the loss with which a builder compiled its model takes the outputs for logits."""
    losses = keras.tree.flatten(model.loss)
    found = keras.losses.get(losses[0]) if losses else None
    config = found.get_config() if isinstance(found, keras.losses.Loss) else {}
    return bool(config.get("from_logits", getattr(found, "from_logits", False)))


def _columns(task: Task, shape: Shape) -> int:
    """Columns of one-hot targets; 1 where the targets are in the form of the outputs already."""
    return (shape[-1] or 1) if task.has_class_indices else 1


def _precision_note(model: keras.Model, recipe: Recipe) -> list[str]:
    policy = model.dtype_policy.name
    if policy == recipe.precision:
        return []
    return [f"The builder sets the precision {policy}; recipe.precision does not apply."]


def _range_note(model: keras.Model, dataset: Dataset) -> list[str]:
    spread = np.random.default_rng(0).random((1, *dataset.shape), np.float32)
    found = squeezed_range(model, spread)
    if found is None:
        return []
    return [
        f"The model's first layers squeeze images to {found[0]:.3g} to {found[1]:.3g}: images are "
        f"in [0, 1] here, so leave out what rescales values up to 255."
    ]
