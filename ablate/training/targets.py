"""Losses and metrics that take one-hot targets, fed with class indices."""

from __future__ import annotations

from typing import Any

import keras

SPARSE = ("Sparse", "sparse_", "IoU", "BinaryIoU", "MeanIoU")
"""How the names of those of Keras' losses and metrics begin that take class indices."""
EITHER = ("Accuracy", "Mean", "Sum")
"""Names of Keras' metrics that compare any numbers."""


def fit_loss(loss: Any, *, classes: int) -> Any:
    """The loss in a form that takes class indices.

    Args:
        loss: A loss as `model.compile` takes it: a name, a function or an object.
        classes: Number of outputs of the model; with one, targets are a column of 0 and 1.
    """
    found = keras.losses.get(loss)
    if classes == 1 or not takes_one_hot(found):
        return loss
    if not isinstance(found, keras.losses.Loss):
        found = _FunctionLoss(found)
    return _OneHotLoss(found, classes)


def fit_metric(metric: Any, *, classes: int) -> Any:
    """The metric in a form that takes class indices; see `fit_loss`."""
    if isinstance(metric, str) and metric in ("accuracy", "acc", "crossentropy", "ce"):
        return metric  # Keras chooses the form that fits the targets
    found = keras.metrics.get(metric)
    if classes == 1 or not takes_one_hot(found):
        return metric
    if not isinstance(found, keras.metrics.Metric):
        found = keras.metrics.MeanMetricWrapper(found, name=getattr(found, "__name__", None))
    return _OneHotMetric(found, classes)


def takes_one_hot(found: Any) -> bool:
    """Whether a loss or metric is one of Keras' own that takes a column for each class.

    One of a user's own is taken to be written for the targets as they are: class indices.
    """
    kind = found if hasattr(found, "__name__") else type(found)
    own = str(kind.__module__).partition(".")[0] == "keras"
    name = str(kind.__name__)
    return own and name not in EITHER and not name.startswith(SPARSE)


class _FunctionLoss(keras.losses.Loss):
    """A function of Keras as a loss."""

    def __init__(self, function: Any) -> None:
        super().__init__(name=function.__name__)
        self._function = function

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self._function(y_true, y_pred)


class _OneHotLoss(keras.losses.Loss):
    """A loss whose targets are converted from class indices."""

    def __init__(self, inner: Any, classes: int) -> None:
        super().__init__(name=inner.name)
        self._inner, self._classes = inner, classes

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        return self._inner(_one_hot(y_true, self._classes), y_pred, sample_weight)


class _OneHotMetric(keras.metrics.Metric):
    """A metric whose targets are converted from class indices."""

    def __init__(self, inner: Any, classes: int) -> None:
        super().__init__(name=inner.name)
        self._inner, self._classes = inner, classes
        if hasattr(inner, "_direction"):  # by which a callback knows whether more is better
            self._direction = inner._direction

    @property
    def variables(self) -> list[Any]:
        return list(self._inner.variables)

    def update_state(self, y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> None:
        targets = _one_hot(y_true, self._classes)
        self._inner.update_state(targets, y_pred, sample_weight=sample_weight)

    def reset_state(self) -> None:
        self._inner.reset_state()

    def result(self) -> Any:
        return self._inner.result()


def _one_hot(indices: Any, classes: int) -> Any:
    return keras.ops.one_hot(keras.ops.cast(indices, "int32"), classes)
