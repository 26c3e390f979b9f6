"""The command with a stand-in for Keras: `python -m tests.faults.stand_in --multirun ...`.

Planning, launchers, jobs, journals, checkpoints and results are the program's own. The responses of
a run depend on what it was resumed from. Each process that trains writes its number to the file
`jobs`, and no run ends while there is a file `hold`.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from ablate.planning import forecast
from ablate.process.entry import run
from ablate.runner import command, execute, sweep
from ablate.store.plan import ModelSize
from ablate.store.state import StudyState
from benchmarks.signals.stand_in import StandInTrainer, replace_keras

HELD_EPOCHS = 3
START = command.task


class HeldTrainer(StandInTrainer):
    """Writes its process to `jobs`, and waits in the middle of a run while there is `hold`."""

    def prepare(self) -> None:
        with Path("jobs").open("a", encoding="utf-8") as file:
            file.write(f"{os.getpid()}\n")

    def train_epoch(self, number: int) -> None:
        while number > HELD_EPOCHS and Path("hold").exists():
            self._heartbeat()
            time.sleep(0.02)


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


def no_report(state: StudyState, *unused: object, **options: object) -> bool:
    """Write no report, whose figures would take long, but return whether all runs are complete."""
    if not state.pending:
        print("trained all")
    return not state.pending


def task(config: Any) -> None:
    """What launchers call, in this process or in another one."""
    replace_keras(HeldTrainer)
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
