"""What removing one part changes in the cost of the full model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ablate.analysis.findings import Analysis, Component
from ablate.report.cells import number, records
from ablate.study.record import CELL_COSTS
from ablate.wording import NO_BREAK, decimal

TITLES = {"parameters": "parameters", "macs": "MACs", "train_seconds": "training time"}
SMALLEST = 0.02
"""Changes below this share of the full model's cost are not worth a sentence."""
SMALLEST_TIME = 0.1
"""The same of the training time, which varies between equal runs."""


@dataclass(frozen=True, slots=True)
class Saving:
    """The cost of the model without a part, as a multiple of the full model's.

    Attributes:
        cost: What is compared, such as ``parameters``.
        ratio: Cost without the part divided by the cost of the full model.
    """

    cost: str
    ratio: float

    @property
    def title(self) -> str:
        """The cost in words."""
        return TITLES[self.cost]

    @property
    def matters(self) -> bool:
        """Whether the change is large enough for a sentence."""
        least = SMALLEST_TIME if self.cost == "train_seconds" else SMALLEST
        return abs(self.ratio - 1) >= least

    @property
    def change(self) -> str:
        """The change when the part is removed: in percent, or as a multiple where it is large."""
        if self.ratio >= 2:
            return f"×{NO_BREAK}{decimal(self.ratio, 1)}"
        return f"{decimal(100 * (self.ratio - 1), 0, sign=True)}{NO_BREAK}%"

    @property
    def share_saved(self) -> str:
        """How much the cheaper of the two models saves, in percent of the other."""
        smaller = self.ratio if self.ratio < 1 else 1 / self.ratio
        return f"{decimal(100 * (1 - smaller), 0)}{NO_BREAK}% of the {self.title}"


def savings_of(analysis: Analysis, component: Component) -> tuple[Saving, ...]:
    """The costs of the full model without a part; those that are unknown are left out."""
    reference, cells = analysis.study.reference, records(analysis.cells)
    full = _cell(cells, reference)
    without = _cell(cells, {**reference, component.factor: component.level})
    found = []
    for cost in CELL_COSTS:
        before, after = number(full.get(cost)), number(without.get(cost))
        if before > 0 and math.isfinite(after):
            found.append(Saving(cost, after / before))
    return tuple(found)


def _cell(cells: Sequence[Mapping[str, object]], levels: Mapping[str, str]) -> Mapping[str, object]:
    """The row of a cell; empty if the cell is not in the table."""
    for row in cells:
        if all(row[name] == level for name, level in levels.items()):
            return row
    return {}
