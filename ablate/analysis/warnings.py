"""The kinds of warnings: what a reader must know before using the results, as facts.

A kind of warning is a small class here, a check in `ablate.analysis.checks` that yields it, and its
text in `ablate.report.warning_texts`. A serious warning is shown above the tables, any other one
below them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from ablate.study.design import Cell

if TYPE_CHECKING:
    from ablate.analysis.findings import CellRate, Effect

Cells = tuple[Cell, ...]


class StudyWarning(Protocol):
    """What the reader must know before using the results."""

    @property
    def serious(self) -> bool:
        """Whether it is shown above the tables."""


@dataclass(frozen=True, slots=True)
class RunsLeftOut:
    """Runs that are not complete are not used.

    Attributes:
        runs: How many they are.
        statuses: How many there are of each status, the most frequent first.
        cells: Their cells.
    """

    serious: ClassVar[bool] = True
    runs: int
    statuses: tuple[tuple[str, int], ...]
    cells: Cells


@dataclass(frozen=True, slots=True)
class NoCellLearned:
    """Even the best cell is at chance level.

    Attributes:
        best: Best mean of the first response.
        chance: Its value for a model that guesses.
    """

    serious: ClassVar[bool] = True
    best: float
    chance: float


@dataclass(frozen=True, slots=True)
class RunsAtChance:
    """Some runs are at the score of guessing.

    Attributes:
        chance: The first response of a model that guesses.
        rates: The cells with such runs, and how many they have.
        withheld: Whether verdicts on average were withheld for this reason.
    """

    serious: ClassVar[bool] = True
    chance: float
    rates: tuple[CellRate, ...]
    withheld: bool


@dataclass(frozen=True, slots=True)
class UnseenFailures:
    """A failure that is rarer than the seeds can show.

    Attributes:
        runs: Fewest complete runs of a cell in which no failure was seen.
        rate: Largest rate of failures that so many runs without a failure allow.
    """

    serious: ClassVar[bool] = False
    runs: int
    rate: float


@dataclass(frozen=True, slots=True)
class ConfusedEffects:
    """Effects of parts that the design cannot separate from interactions.

    Attributes:
        effects: The effects, all of them on average.
    """

    serious: ClassVar[bool] = True
    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class SeedsNotShared:
    """Runs are left out of comparisons, since other cells lack their seeds.

    Attributes:
        effects: Names of the effects concerned.
        used: Fewest seeds that such an effect uses.
        runs: Complete runs that each of its cells has.
        averages: Whether these are averages over the other parts, beside effects in the full model.
    """

    effects: tuple[str, ...]
    used: int
    runs: int
    averages: bool = False

    @property
    def serious(self) -> bool:
        """Whether the answer itself uses fewer runs."""
        return not self.averages


@dataclass(frozen=True, slots=True)
class IntervalsOfSeeds:
    """What intervals do not include.

    Attributes:
        step: Smallest difference between two runs; 0 where unknown.
        counted: Whether the step is one image of the test images.
    """

    serious: ClassVar[bool] = False
    step: float
    counted: bool


@dataclass(frozen=True, slots=True)
class SharedMachine:
    """Training times were measured while other runs trained.

    Attributes:
        fastest: Seconds of the fastest run of the cell whose times vary most.
        slowest: Seconds of its slowest run.
    """

    serious: ClassVar[bool] = False
    fastest: float
    slowest: float


@dataclass(frozen=True, slots=True)
class StaleStatistics:
    """Models score far worse on their training images in inference mode than in training mode.

    Attributes:
        measure: What is compared, such as ``accuracy``.
        cells: The cells.
        training: The measure in training mode of the cell with the largest gap.
        inference: The measure in inference mode of the same cell.
    """

    serious: ClassVar[bool] = True
    measure: str
    cells: Cells
    training: float
    inference: float


@dataclass(frozen=True, slots=True)
class NotConverged:
    """The validation measure still improved when training ended.

    Attributes:
        measure: Such as ``val_accuracy``.
        gain: Largest mean improvement of a cell over the last quarter of the epochs.
        cells: The cells that improved by more than the margin.
    """

    serious: ClassVar[bool] = True
    measure: str
    gain: float
    cells: Cells


@dataclass(frozen=True, slots=True)
class UnequalEpochs:
    """Complete runs were trained for different numbers of epochs.

    Attributes:
        fewest: Fewest epochs.
        most: Most epochs.
    """

    serious: ClassVar[bool] = True
    fewest: int
    most: int


@dataclass(frozen=True, slots=True)
class MissingCells:
    """Cells without a complete run.

    Attributes:
        cells: The cells.
    """

    serious: ClassVar[bool] = True
    cells: Cells


@dataclass(frozen=True, slots=True)
class UnequalRuns:
    """Cells have different numbers of complete runs.

    Attributes:
        fewest: Fewest complete runs of a cell that has one.
        most: Most complete runs of a cell.
        cells: The cells with the fewest.
        paired: Whether runs that share a seed are compared in pairs.
    """

    serious: ClassVar[bool] = False
    fewest: int
    most: int
    cells: Cells
    paired: bool


@dataclass(frozen=True, slots=True)
class SeedsInRounds:
    """Cells of undecided components got more seeds.

    Attributes:
        shares: Numbers of seeds, the largest first, each with the cells that have so many.
        looks: Seeds a cell at each look.
    """

    serious: ClassVar[bool] = False
    shares: tuple[tuple[int, Cells], ...]
    looks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class UnpairedRuns:
    """Not every run has a seed, so runs are not compared in pairs."""

    serious: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class OneRunPerCell:
    """No cell has more than one complete run."""

    serious: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class FewSeeds:
    """So few seeds that p values and intervals need an assumption.

    Attributes:
        n: Fewest seeds behind an effect.
        serious: Whether they are too few for verdicts that the answer needs.
        effects: The effects concerned; empty if these are all.
        averages: Whether these are averages over the other parts and interactions, beside effects
            in the full model with more seeds.
    """

    n: int
    serious: bool
    effects: tuple[str, ...] = ()
    averages: bool = False


@dataclass(frozen=True, slots=True)
class NoSpread:
    """All runs of a cell have the same response.

    Attributes:
        cells: The cells.
    """

    serious: ClassVar[bool] = False
    cells: Cells


@dataclass(frozen=True, slots=True)
class WildValues:
    """Runs counted as complete whose response is far from that of all others.

    Attributes:
        largest: The value that is furthest away.
        runs: How many such runs there are.
        cells: Their cells.
    """

    serious: ClassVar[bool] = True
    largest: float
    runs: int
    cells: Cells


@dataclass(frozen=True, slots=True)
class Underpowered:
    """Effects as small as the margin would often be missed.

    Attributes:
        components: The components for which this is so.
        worst: The component with the least power.
        detectable: Smallest simple effect of that component found with 80 % power.
    """

    serious: ClassVar[bool] = False
    components: tuple[str, ...]
    worst: str
    detectable: float


@dataclass(frozen=True, slots=True)
class SpreadLargerThanEffect:
    """Simple effects that vary more over the seeds than their size.

    Attributes:
        effects: The effects.
    """

    serious: ClassVar[bool] = False
    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class UntunedLearningRate:
    """Every cell was trained with the same learning rate.

    Attributes:
        key: The configuration key.
        value: Its value.
    """

    serious: ClassVar[bool] = False
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class NoCompleteRun:
    """No run of the study is complete.

    Attributes:
        runs: How many runs there are.
    """

    serious: ClassVar[bool] = True
    runs: int


@dataclass(frozen=True, slots=True)
class CellsNeverRun:
    """The results hold only a part of the combinations of levels.

    Attributes:
        run: Combinations with a run.
        total: All combinations.
    """

    serious: ClassVar[bool] = False
    run: int
    total: int


@dataclass(frozen=True, slots=True)
class ReusedResults:
    """Results were kept although the settings have changed since the runs were trained.

    Attributes:
        runs: How many runs.
        changes: What has changed, a line each.
    """

    serious: ClassVar[bool] = True
    runs: int
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InterruptedRuns:
    """Runs were interrupted and resumed from their last checkpoint.

    Attributes:
        interruptions: What interrupted them, a line each.
    """

    serious: ClassVar[bool] = False
    interruptions: tuple[str, ...]
