"""A study with its factors and their levels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ablate.errors import RequestError, nearest
from ablate.fields import check_folder_name, check_number, check_text, check_whole
from ablate.study.record import RESERVED, interval_columns
from ablate.study.response import Response

SINGLE = "single"
"""Name of the folder that holds the runs of single variants; no study can have it."""
MOST_LEVELS = 100
"""Levels of a factor; the report of a hundred takes a minute, and a study has few."""
LARGEST = 1e70
"""Bound of measured numbers, so that fourth powers, sums and ratios of them stay finite."""


@dataclass(frozen=True, slots=True)
class Level:
    """One setting of a factor.

    Attributes:
        name: A word such as ``present``; what grids and reports show.
        overrides: The Hydra overrides that make the setting.
    """

    name: str
    overrides: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise RequestError(
                f"Expected a word as the name of a level, such as present or absent; received "
                f"{self.name!r}. YAML does not read an unquoted on, off, yes, no, number or date "
                f"as a word."
            )
        if self.name.lower() in {"on", "off", "yes", "no", "true", "false", "y", "n"}:
            raise RequestError(
                f"Expected a level name that YAML cannot take for a truth value; received "
                f"{self.name!r}. Use present and absent."
            )


@dataclass(frozen=True, slots=True)
class Factor:
    """A part of the model or of the recipe that the study switches.

    Attributes:
        name: Unique within the study; heads a column of the grid.
        levels: The settings compared, reference level first.
    """

    name: str
    levels: tuple[Level, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip() or ":" in self.name:
            raise RequestError(
                f"Expected a word without ':' as the name of a factor; received {self.name!r}."
            )
        names = [level.name for level in self.levels]
        if len(names) < 2 or len(set(names)) < len(names):
            raise RequestError(
                f"Factor {self.name!r} needs two or more distinct levels; received {names}."
            )
        if len(names) > MOST_LEVELS:
            raise RequestError(
                f"Factor {self.name!r} needs at most {MOST_LEVELS} levels; received "
                f"{len(names):,}. Group the values of a measured number into a few levels."
            )

    @property
    def reference(self) -> Level:
        """The level of the full model."""
        return self.levels[0]

    @property
    def level_names(self) -> tuple[str, ...]:
        """Names of the levels, reference first."""
        return tuple(level.name for level in self.levels)

    def level(self, name: str) -> Level:
        """The level called `name`.

        Raises:
            RequestError: There is no such level.
        """
        for level in self.levels:
            if level.name == name:
                return level
        raise RequestError(
            f"Factor {self.name!r} has no level {name!r}.{nearest(name, self.level_names)}"
        )


@dataclass(frozen=True, slots=True)
class Study:
    """A question, its factors, its design, its responses and its number of replicates.

    Attributes:
        name: Names the folders `runs/<name>` and `reports/<name>`.
        factors: The parts that are switched; their order is that of the grid's columns.
        design: Which cells are run; a name in `ablate.study.design.DESIGNS`.
        replicates: Runs a cell; their seeds are 0, 1, ... and shared by all cells (blocks). With
            adaptive seeds: runs a cell in the first round.
        most_replicates: With adaptive seeds, the runs a cell at which rounds end; else None.
        margin: The difference of the first response that is too small to matter, in its unit.
        responses: What runs are judged by; verdicts are given on the first. A request may
            leave them out, or name them only; `judged_by` resolves them.
        question: The question as a sentence, shown at the top of the report.
        resolution: Of a fractional factorial: 3, 4 or 5.
        cells: Listed by hand, each as pairs of factor and level; factors left out of a cell stay at
            their reference.
        controls: Names of those factors that change nothing and measure false alarms.
    """

    name: str
    factors: tuple[Factor, ...]
    design: str = "full_factorial"
    replicates: int = 5
    margin: float = 0.01
    responses: tuple[Response, ...] = ()
    question: str = ""
    resolution: int | None = None
    cells: tuple[tuple[tuple[str, str], ...], ...] = ()
    most_replicates: int | None = None
    controls: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for key in ("name", "design", "question"):
            check_text(getattr(self, key), f"study.{key}")
        check_folder_name(self.name, "study.name")
        self._check_factors()
        _refuse_duplicates(self, "response", [response.name for response in self.responses])
        check_whole(self.replicates, "study.replicates", least=1)
        if self.most_replicates is not None:
            self._check_most_replicates(self.most_replicates)
        check_number(
            self.margin,
            "study.margin",
            accepts=lambda margin: 0 < margin < LARGEST,
            expected="a number above 0, in the unit of the first response",
        )
        if self.responses and self.responses[0].unit == "fraction" and self.margin >= 1:
            raise RequestError(
                f"Expected a margin below 1, since {self.responses[0].name} is a fraction; "
                f"received {self.margin:g}. Nearest choice: {self.margin / 100:g}."
            )
        if self.resolution is not None:
            check_number(
                self.resolution,
                "study.resolution",
                accepts=lambda resolution: isinstance(resolution, int) and 3 <= resolution <= 5,
                expected="3, 4 or 5",
            )

    def _check_factors(self) -> None:
        names = [factor.name for factor in self.factors]
        if not names:
            raise RequestError(f"Study {self.name!r} needs one or more factors; received none.")
        _refuse_duplicates(self, "factor", names)
        judged = [response.name for response in self.responses]
        taken = RESERVED.union(
            judged, (column for name in judged for column in interval_columns(name))
        )
        for name in names:
            if name in taken:
                raise RequestError(
                    f"Expected a factor whose name no other column of runs.csv has; received "
                    f"{name!r}."
                )

    def _check_most_replicates(self, most: object) -> None:
        if not isinstance(most, int) or isinstance(most, bool) or not 2 <= self.replicates < most:
            raise RequestError(
                f"Expected study.replicates as {{min: 2 or more, max: more than that}}; received "
                f"min {self.replicates!r}, max {most!r}."
            )

    @property
    def response(self) -> Response:
        """The response on which verdicts are given.

        Raises:
            ValueError: The responses are not resolved; see `judged_by`.
        """
        if not self.responses or self.responses[0].direction is None:
            raise ValueError(f"Expected study {self.name!r} with resolved responses.")
        return self.responses[0]

    def judged_by(self, known: Sequence[Response]) -> Study:
        """The study with every response resolved.

        Args:
            known: The responses that every run leaves, the default first. They give direction and
                unit to responses that are named only.

        Raises:
            RequestError: No run leaves one of the responses.
        """
        by_name = {response.name: response for response in known}
        for response in self.responses:
            if response.name not in by_name:
                raise RequestError(
                    f"Unknown response {response.name!r}.{nearest(response.name, by_name)}"
                )
        resolved = [
            response.completed_by(by_name[response.name])
            for response in self.responses or known[:1]
        ]
        for response in resolved:
            if response.direction is None:
                raise RequestError(
                    f"Expected whether {response.name} is better when it is higher or lower, since "
                    f"a recipe adds it; write it as {{name: {response.name}, direction: higher}}."
                )
        return replace(self, responses=tuple(resolved))

    @property
    def reference(self) -> dict[str, str]:
        """The level of every factor in the full model."""
        return {factor.name: factor.reference.name for factor in self.factors}

    @property
    def combinations(self) -> int:
        """How many combinations of levels there are: the cells of a full factorial."""
        return math.prod(len(factor.levels) for factor in self.factors)

    def is_reference(self, levels: Iterable[tuple[str, str]]) -> bool:
        """Whether levels, as pairs of factor and level, are those of the full model."""
        return dict(levels) == self.reference

    def as_mapping(self) -> dict[str, Any]:
        """The study as its YAML file could state it; `study_from_mapping` reads it back."""
        own = {name: getattr(self, name) for name in self.__slots__ if name != "most_replicates"}
        if self.most_replicates is not None:
            own["replicates"] = {"min": self.replicates, "max": self.most_replicates}
        own["controls"] = list(self.controls)
        own["factors"] = {
            factor.name: {
                "levels": [
                    {"name": level.name, "overrides": list(level.overrides)}
                    for level in factor.levels
                ]
            }
            for factor in self.factors
        }
        own["responses"] = [asdict(response) for response in self.responses] or None
        own["cells"] = [dict(cell) for cell in self.cells] or None
        return own


def _refuse_duplicates(study: Study, kind: str, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise RequestError(f"Study {study.name!r} has the {kind} {name!r} twice.")
