"""The unit of work: a cell with its pending seeds, whose model is compiled once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser

from ablate.store.state import StudyState


@dataclass(frozen=True, slots=True)
class Unit:
    """A cell with the seeds that one job trains.

    Attributes:
        cell: Slug of the cell.
        seeds: Run seeds, in the order of training.
    """

    cell: str
    seeds: tuple[int, ...]

    def as_override(self) -> str:
        """The unit as a Hydra override, which any launcher can pass to a job."""
        return f"unit={{cell:'{self.cell}',seeds:{list(self.seeds)}}}".replace(" ", "")

    @staticmethod
    def from_node(node: Mapping[str, Any]) -> Unit:
        """Read the unit from a job's configuration."""
        return Unit(str(node["cell"]), tuple(node["seeds"]))

    @staticmethod
    def from_overrides(overrides: Sequence[str]) -> Unit:
        """Read the unit from a job's overrides."""
        for override in OverridesParser.create().parse_overrides(list(overrides)):
            value = override.value()
            if override.key_or_group == "unit" and isinstance(value, dict):
                return Unit.from_node({str(key): item for key, item in value.items()})
        raise ValueError(f"Expected an override unit=...; received {list(overrides)}.")


def pending_units(state: StudyState, *, workers: int) -> list[Unit]:
    """The units still to train, the largest first, so that the last one to start is short.

    Seeds of a cell stay together, because they share one compiled model. They are split only when
    there are fewer cells than workers. The size of a unit is estimated from its MACs.
    """
    seeds: dict[str, list[int]] = {}
    for planned, run in state.pending:
        seeds.setdefault(planned.cell.slug, []).append(run.seed)
    pending = [
        (state.plan.find(slug).macs, Unit(slug, tuple(each))) for slug, each in seeds.items()
    ]
    parts = -(-workers // len(pending)) if pending else 1
    units = [
        (macs * len(share), Unit(unit.cell, share))
        for macs, unit in pending
        for share in (unit.seeds[start::parts] for start in range(parts))
        if share
    ]
    return [unit for _, unit in sorted(units, key=lambda item: -item[0])]
