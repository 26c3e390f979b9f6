"""The command with a stand-in for Keras: `python -m tests.faults.stand_in --multirun ...`.

Planning, launchers, jobs, journals, checkpoints, results and the report are the program's own. The
responses of a run depend on what it was resumed from. Each process writes its number to the file
`jobs`, and no run ends while there is a file `hold`.
"""

from __future__ import annotations

import os
import sys
import time
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ablate.config.variant import Variant
from ablate.data.info import DatasetInfo
from ablate.planning import forecast
from ablate.process.entry import run
from ablate.runner import command, execute, sweep
from ablate.store.plan import ModelSize
from ablate.store.state import StudyState
from ablate.training.initial_state import Epoch, InitialState
from ablate.workers import launch
from ablate.workers.cell_trainer import Finished, Step

HELD_EPOCHS = 3
START = command.task


class StandInTrainer:
    """Trains nothing, epoch by epoch; see `ablate.workers.cell_trainer.CellTrainer`."""

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
        pass

    def train(
        self, seeds: Sequence[int], start: Callable[[int], InitialState]
    ) -> Iterator[tuple[int, Step]]:
        with Path("jobs").open("a", encoding="utf-8") as file:
            file.write(f"{os.getpid()}\n")
        for seed in seeds:
            begun = start(seed)
            self._epochs = begun.epochs
            self._sum = float(begun.arrays[0]) if begun.arrays else 0.0
            for number in range(len(self._epochs) + 1, self._variant.recipe.epochs + 1):
                while number > HELD_EPOCHS and Path("hold").exists():
                    self._heartbeat()
                    time.sleep(0.02)
                self._sum += (seed + 1) / number
                loss = 1 / (1 + self._sum)
                names = [f"{part}{name}" for part in ("", "val_") for name in ("loss", "accuracy")]
                self._epochs += (Epoch(number, dict.fromkeys(names, loss), 0.5),)
                yield seed, self._epochs[-1]
            yield seed, Finished({each.name: self._sum / 100 for each in self._info.responses})

    def save_model(self, path: Path) -> None:
        path.write_bytes(b"a model")

    def state(self, seed: int) -> InitialState:
        return InitialState(self._epochs, (np.array(self._sum),))

    def fits(self, start: InitialState) -> bool:
        return True


class NoRecording:
    """Records nothing: MLflow would take most of the time of these tests."""

    fault = ""
    most_seconds: float | None = None

    def __init__(self, *unused: object, **options: object) -> None:
        pass

    def thread(self) -> NoRecording:
        return self

    def __enter__(self) -> NoRecording:
        return self

    def __exit__(self, *unused: object) -> None:
        pass

    def settle(self, error: Exception | None) -> None:
        pass

    def finish(self, *unused: object, **options: object) -> None:
        pass


WITHOUT_KERAS: dict[str, dict[str, object]] = {
    "keras": {},
    "ablate.training.trainer": {"DivergedError": ArithmeticError},
    "ablate.workers.keras_cell_trainer": {"KerasCellTrainer": StandInTrainer},
}
"""Modules that a worker imports and that would load Keras, with all that it needs of them."""


def no_report(state: StudyState, *unused: object, **options: object) -> bool:
    """Write no report, whose figures would take long, but return whether all runs are complete."""
    if not state.pending:
        print("trained all")
    return not state.pending


def task(config: Any) -> None:
    """What launchers call, in this process or in another one."""
    for name, content in WITHOUT_KERAS.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        sys.modules[name] = module
    launch.occupy = lambda *unused: "cpu"
    START(config)


def main() -> None:
    """Run the command."""
    execute.warm_up = lambda *unused: None
    execute.measure_cells = lambda cells, *unused, **options: {
        planned.cell.slug: ModelSize(10, 20) for planned in cells
    }
    forecast.time_cells = lambda *unused, **options: []
    execute.Recording = NoRecording
    sweep._report = no_report
    command.task = task
    run(lambda: command.main)


if __name__ == "__main__":
    from tests.faults import stand_in  # so that launchers find `task` by its module's name

    stand_in.main()
