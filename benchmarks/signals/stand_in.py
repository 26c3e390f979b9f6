"""A stand-in for Keras, which waits instead of training.

Workers and jobs write journals, checkpoints and results by their own code.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np

from ablate.config.variant import Variant
from ablate.data.info import DatasetInfo
from ablate.store.plan import Datasets, ModelSize, PlannedCell, digest
from ablate.training.initial_state import Epoch, InitialState
from ablate.workers import launch, slots
from ablate.workers.cell_trainer import Finished, Step
from ablate.workers.slots import Slot

EPOCH_SECONDS = 0.05


class StandInTrainer:
    """A cell trainer that waits; see `ablate.workers.cell_trainer.CellTrainer`.

    The numbers of a run depend on its model, its seed and what it was resumed from.
    """

    def __init__(
        self,
        variant: Variant,
        info: DatasetInfo,
        *,
        load_images: Callable[[], object],
        heartbeat: Callable[[], None],
    ) -> None:
        self._variant, self._info, self._heartbeat = variant, info, heartbeat
        self._epochs: tuple[Epoch, ...] = ()
        self._sum = 0.0

    def prepare(self) -> None:
        """Prepare nothing."""

    def train_epoch(self, number: int) -> None:
        """Take the time of an epoch."""
        time.sleep(EPOCH_SECONDS)
        self._heartbeat()

    def train(
        self, seeds: Sequence[int], start: Callable[[int], InitialState]
    ) -> Iterator[tuple[int, Step]]:
        fresh = int(digest(self._variant.model)[:8], 16) / 2**32
        for seed in seeds:
            begun = start(seed)
            self._epochs = begun.epochs
            self._sum = float(begun.arrays[0]) if begun.arrays else fresh
            for number in range(len(self._epochs) + 1, self._variant.recipe.epochs + 1):
                self.train_epoch(number)
                self._sum += (seed + 1) / number
                loss = 1 / (1 + self._sum)
                names = [f"{part}{name}" for part in ("", "val_") for name in ("loss", "accuracy")]
                self._epochs += (Epoch(number, dict.fromkeys(names, loss), EPOCH_SECONDS),)
                yield seed, self._epochs[-1]
            yield seed, Finished({each.name: self._sum / 100 for each in self._info.responses})

    def save_model(self, path: Path) -> None:
        path.write_bytes(b"a model")

    def state(self, seed: int) -> InitialState:
        return InitialState(self._epochs, (np.array(self._sum),))

    def fits(self, start: InitialState) -> bool:
        return True


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


def replace_keras(trainer: type[StandInTrainer] = StandInTrainer) -> None:
    """Replace Keras in this process, and the modules of this program that need more of it."""
    modules: dict[str, dict[str, object]] = {
        "keras": {"backend": SimpleNamespace(backend=lambda: "tensorflow")},
        "ablate.training.trainer": {"DivergedError": ArithmeticError},
        "ablate.workers.keras_cell_trainer": {"KerasCellTrainer": trainer},
        "ablate.workers.model_checks": {"measure": measure, "probe": probe},
    }
    for name, content in modules.items():
        module = ModuleType(name)
        vars(module).update(content)
        sys.modules[name] = module
    launch.occupy = slots.occupy = lambda *unused: "cpu"
