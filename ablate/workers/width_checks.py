"""What a worker process finds out for `model.match`: the widths that give a model its size."""

from __future__ import annotations

import json
from collections.abc import Callable
from multiprocessing.connection import Connection

import keras

from ablate.config.matching import Match, match_of, widths_of, with_widths
from ablate.config.variant import Variant
from ablate.data.info import DatasetInfo
from ablate.models.build import build_model
from ablate.models.macs import count_macs
from ablate.models.widths import Widths, solve_widths
from ablate.store.plan import Datasets, PlannedCell
from ablate.workers.failures import failure_message
from ablate.workers.slots import Slot, occupy

COUNTS: dict[str, Callable[[keras.Model], int]] = {
    "parameters": lambda model: model.count_params(),
    "macs": count_macs,
}


def solve(
    cells: list[PlannedCell],
    slot: Slot,
    *,
    datasets: Datasets,
    answer: Connection,
    reference: PlannedCell | None,
) -> None:
    """Send back the widths with which each cell is matched, or why it cannot be.

    Args:
        cells: Cells that ask to be matched.
        slot: What this process may use.
        datasets: The data sets.
        answer: Where an answer a cell is sent.
        reference: The cell of the full model; None if every cell states a number.
    """
    occupy(slot, keras.backend.backend())
    for planned in cells:
        try:
            match = match_of(planned.variant)
            assert match is not None
            target = match.target
            if target is None:
                assert reference is not None
                full = with_widths(reference.variant)
                target = _size(full, datasets[reference.dataset], match)
            found, size = _solve(planned, datasets[planned.dataset], match, target=target)
            content = {"widths": found, "size": size, "target": target}
            answer.send_bytes(json.dumps(content).encode())
        except Exception as error:
            answer.send_bytes(json.dumps({"refusal": failure_message(error)}).encode())
    answer.close()


def _solve(
    planned: PlannedCell, info: DatasetInfo, match: Match, *, target: int
) -> tuple[Widths, int]:
    def count(widths: Widths) -> int:
        return _size(with_widths(planned.variant, widths), info, match)

    return solve_widths(widths_of(planned.variant)[1], target, count=count)


def _size(variant: Variant, info: DatasetInfo, match: Match) -> int:
    return COUNTS[match.size](build_model(variant, info))
