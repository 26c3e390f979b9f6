"""A stand-in for training, which a server of worker processes imports instead of Keras.

It trains nothing. It writes journals, checkpoints and results as a worker does, through the same
code. Its numbers depend on the cell, the seed and the epoch alone.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType

import numpy as np

from ablate.config.retention import Retention
from ablate.store.folder import StudyFolder
from ablate.store.lock import worker_lock
from ablate.store.plan import Datasets, ModelSize, PlannedCell
from ablate.training.initial_state import Epoch, InitialState
from ablate.workers.slots import Slot
from ablate.workers.unit import Unit

EPOCH_SECONDS = 0.05
MEASURES = ("accuracy", "loss")


class DivergedError(Exception):
    """Never raised; the module that defines it imports Keras."""


def stand_in(name: str, **content: object) -> None:
    """Put a module with some content where the program imports another one."""
    module = ModuleType(name)
    vars(module).update(content)
    sys.modules[name] = module


stand_in("ablate.training.trainer", DivergedError=DivergedError)

from ablate.workers.cell_runs import Callbacks, CellRuns  # noqa: E402 (imports the module above)
from ablate.workers.cell_trainer import Finished, Step  # noqa: E402


class Trainer:
    """Trains the seeds of a cell by waiting."""

    def __init__(self, cell: PlannedCell) -> None:
        self._cell = cell
        self._epochs: list[Epoch] = []

    def prepare(self) -> None:
        """Nothing is prepared."""

    def train(
        self, seeds: Sequence[int], start: Callable[[int], InitialState]
    ) -> Iterator[tuple[int, Step]]:
        for seed in seeds:
            self._epochs = list(start(seed).epochs)
            for number in range(len(self._epochs) + 1, self._cell.variant.recipe.epochs + 1):
                time.sleep(EPOCH_SECONDS)
                numbers = {
                    f"{part}{name}": self._number(seed, number, part + name)
                    for part in ("", "val_")
                    for name in MEASURES
                }
                self._epochs.append(Epoch(number, numbers, EPOCH_SECONDS))
                yield seed, self._epochs[-1]
            names = [f"{part}_{name}" for part in ("test", "val", "train") for name in MEASURES]
            names += [f"train_{name}_inference" for name in MEASURES]
            yield seed, Finished({name: self._number(seed, 0, name) for name in names})

    def save_model(self, path: Path) -> None:
        path.write_bytes(b"a model")

    def state(self, seed: int) -> InitialState:
        return InitialState(tuple(self._epochs), (np.full(3, len(self._epochs), np.float32),))

    def fits(self, start: InitialState) -> bool:
        return [array.shape for array in start.arrays] == [(3,)]

    def _number(self, *keys: object) -> float:
        text = json.dumps([self._cell.cell.slug, *keys])
        return int.from_bytes(hashlib.blake2s(text.encode(), digest_size=4).digest()) / 2**32


def train(
    folder: StudyFolder, unit: Unit, *, slot: Slot, retention: Retention, messages: Connection
) -> None:
    with worker_lock(folder.path):
        plan = folder.read_plan()
        planned = plan.find(unit.cell)
        runs = CellRuns(
            folder, plan, planned=planned, trainer=Trainer(planned), callbacks=Callbacks()
        )
        runs.train(unit.seeds, retention=retention)


def measure(
    cells: list[PlannedCell], slot: Slot, *, datasets: Datasets, answer: Connection
) -> None:
    for _ in cells:
        size = dataclasses.asdict(ModelSize(1000, 100_000))
        answer.send_bytes(json.dumps({"size": size}).encode())
    answer.close()


def probe(planned: PlannedCell, slot: Slot, *, datasets: Datasets, answer: Connection) -> None:
    pace = {"macs": planned.macs, "build_seconds": 0.1, "step_seconds": 1e-3, "image_seconds": 1e-5}
    answer.send_bytes(json.dumps(pace).encode())


stand_in("ablate.workers.worker", train=train)
stand_in("ablate.workers.model_checks", measure=measure, probe=probe)
