"""Runs, data sets and models as MLflow stores them, in the types of this program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Point(NamedTuple):
    """One value of a metric.

    Attributes:
        key: Name of the metric.
        value: Its value.
        milliseconds: When it was measured.
        step: The epoch; 0 for a final value.
    """

    key: str
    value: float
    milliseconds: int
    step: int


class DatasetRecord(NamedTuple):
    """A data set as MLflow stores it.

    Attributes:
        name: What it is called.
        digest: Tells it from others of its name.
        source_type: ``local`` for files, ``code`` for what a function returns.
        source: Where it comes from, as JSON.
        schema: Type and shape of an image, as JSON.
        profile: Numbers of images and classes, as JSON.
    """

    name: str
    digest: str
    source_type: str
    source: str
    schema: str
    profile: str


@dataclass(frozen=True, slots=True)
class MlflowRun:
    """A run as MLflow returned it.

    Attributes:
        run_id: MLflow's name for it.
        status: Such as ``RUNNING``.
        name: Its name.
        start: When it started, in milliseconds.
        tags: Its tags.
        metrics: Its metrics, each with its last value.
        params: Its params.
        has_dataset: Whether it names the data set it was trained on.
        models: IDs of the models that it has logged.
    """

    run_id: str
    status: str
    name: str
    start: int
    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    params: Mapping[str, str]
    has_dataset: bool = False
    models: frozenset[str] = frozenset()


class LoggedModel(NamedTuple):
    """A model as MLflow returned it.

    Attributes:
        model_id: MLflow's name for it.
        run_id: The run that trained it.
        location: Where its files are.
        is_ready: Whether it is complete.
    """

    model_id: str
    run_id: str
    location: str
    is_ready: bool
