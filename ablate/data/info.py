"""What is known of a data set without its pixels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ablate.study.response import Response
from ablate.study.result import check_fingerprint


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """What a plan, a model builder and a report know of a data set.

    Attributes:
        task: Name of the task that the data set is for, such as ``classification``.
        shape: Height, width and channels of an image.
        classes: Name of each class, in the order of the class indices.
        train: Number of training images.
        validation: Number of validation images.
        test: Number of test images.
        fingerprint: Hash of all pixels and targets.
        measures: What the task measures at each epoch and at the end, besides the loss; the first
            is what a study is judged by unless it says otherwise.
        guessing: What a model scores that ignores its input, by response, such as
            ``{"test_accuracy": 0.1}``.
        excluded: Files that were left out, each with the reason.
        notes: How it was read where it could be read in another way, a sentence each.
        values: Smallest and largest value that a model sees; None in the plans of earlier versions.
        steps: What one image is worth, by response, such as ``{"test_accuracy": 0.0028}``;
            responses that are no share of images are left out.
    """

    task: str
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    train: int
    validation: int
    test: int
    fingerprint: str
    measures: tuple[Response, ...] = ()
    guessing: Mapping[str, float] = field(default_factory=dict)
    excluded: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    values: tuple[float, float] | None = None
    steps: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fingerprint(self.fingerprint)
        if min(*self.shape, self.train, self.validation, self.test) < 1:
            raise ValueError(
                f"Expected images in each part; received shape {self.shape}, {self.train} + "
                f"{self.validation} + {self.test} images."
            )
        if not all(math.isfinite(score) for score in self.guessing.values()):
            raise ValueError(f"Expected finite scores; received {dict(self.guessing)}.")
        if not all(0 < step < math.inf for step in self.steps.values()):
            raise ValueError(f"Expected steps above 0; received {dict(self.steps)}.")

    @property
    def responses(self) -> tuple[Response, ...]:
        """Every response that a run on this data set leaves, the study's default first."""
        judged = [*self.measures, Response("loss", "lower")]
        return (
            *(_of_part("test", measure) for measure in judged),
            *(_of_part("val", measure) for measure in judged),
            Response("train_seconds", "lower", "seconds"),
        )

    def as_json(self) -> dict[str, Any]:
        """The record as plain JSON values."""
        return asdict(self)


def _of_part(part: str, measure: Response) -> Response:
    return Response(f"{part}_{measure.name}", measure.direction, measure.unit)
