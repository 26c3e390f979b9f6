"""The real runs as a study, and random subsamples of its seeds, analysed as a user's study."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml

from ablate.analysis.effects import Evidence, effects_of
from ablate.analysis.measurements import Measurements, measurements_of
from ablate.study.file import study_from_mapping
from ablate.study.response import Response
from ablate.study.study import Study

FOLDER = Path(__file__).parent
STUDY = FOLDER.parents[1] / "experiments" / "study" / "xyz.yaml"
TEST_IMAGES = 359
CLASSES = 10
RESPONSES = {
    "test_accuracy": (Response("test_accuracy", "higher", "fraction"), 0.01),
    "test_loss": (Response("test_loss", "lower"), 0.03),
}
"""The responses by which the runs are judged, each with its margin."""

Seeds = npt.NDArray[np.int_]


@dataclass(frozen=True)
class RealStudy:
    """The real runs, judged by one response.

    Attributes:
        study: The study.
        measurements: All its runs.
        chance: The response of a model that guesses.
    """

    study: Study
    measurements: Measurements
    chance: float

    @property
    def seeds(self) -> int:
        """How many seeds every cell has."""
        return len(self.measurements.responses[self.study.response.name])

    def subset(self, seeds: Seeds) -> Measurements:
        """Return the runs of some seeds."""
        name = self.study.response.name
        own = {name: self.measurements.responses[name][seeds]}
        return replace(self.measurements, responses=own)

    def evidence(self, seeds: Seeds) -> Evidence:
        """Return what the analysis finds in the runs of some seeds."""
        return effects_of(self.study, self.subset(seeds), chance=self.chance)


def real_study(response: str) -> RealStudy:
    """Read the committed runs as a study that is judged by a response."""
    known, margin = RESPONSES[response]
    content = yaml.safe_load(STUDY.read_text(encoding="utf-8")) | {"margin": margin}
    study = replace(study_from_mapping({"name": "xyz", **content}), responses=(known,))
    accuracy = response == "test_accuracy"
    measurements = measurements_of(
        pd.read_csv(FOLDER / "runs.csv"), study, resolution=1 / TEST_IMAGES if accuracy else None
    )
    return RealStudy(study, measurements, 1 / CLASSES if accuracy else float(np.log(CLASSES)))


def subsamples(real: RealStudy, n: int, *, count: int) -> Iterator[tuple[Seeds, Seeds]]:
    """Yield n random seeds, and the other seeds in random order."""
    rng = np.random.default_rng([n, count])
    for _ in range(count):
        order = rng.permutation(real.seeds)
        yield order[:n], order[n:]
