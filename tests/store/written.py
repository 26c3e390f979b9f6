"""A study whose folder is written by hand, as a training would write it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ablate.config.recipe import Recipe
from ablate.config.variant import Variant
from ablate.store.folder import StudyFolder
from ablate.store.plan import Plan, PlannedCell
from ablate.study.design import Run, cells_of
from ablate.study.result import Cost, Result, Status
from ablate.study.study import Factor, Level, Study
from tests.conftest import ACCURACY

IMAGES = {"shape": [8, 8, 1], "classes": ["a", "b"], "train": 6, "validation": 2, "test": 2,
          "chance": 0.5, "excluded": []}  # fmt: skip
COST = Cost(10, 20, 0.3, 0.1, 1000)


def plan_of(*factors: str, name: str = "mine", replicates: int = 2) -> Plan:
    levels = (Level("present"), Level("absent"))
    study = Study(
        name,
        tuple(Factor(factor, levels) for factor in factors or ("residual",)),
        replicates=replicates,
        responses=(ACCURACY,),
    )
    cells = tuple(
        PlannedCell(
            cell,
            Variant({"_target_": "a.b", "conv": "plain", "levels": cell.levels}, {}, Recipe()),
            images="pixels",
            seeds=tuple(range(replicates)),
        )
        for cell in cells_of(study)
    )
    return Plan(study, cells, {"pixels": IMAGES}, "code", "tensorflow", {"ablate": "0"})


@dataclass(frozen=True)
class Written:
    """A study whose folder is written by hand, as a training would."""

    folder: StudyFolder
    plan: Plan

    def say(self, run: Run, *events: dict) -> None:
        place = self.folder.run(run.cell.slug, run.seed)
        place.path.mkdir(parents=True, exist_ok=True)
        with place.journal.open("a") as file:
            file.writelines(json.dumps(event) + "\n" for event in events)

    def start(self, run: Run, attempt: str = "first") -> None:
        self.say(run, {"event": "started", "attempt": attempt, "fingerprint": self.identity(run)})

    def epochs(self, run: Run, *epochs: int, **numbers: float) -> None:
        for epoch in epochs:
            loss = 1 / (epoch + run.seed)
            event = {"event": "epoch", "epoch": epoch, "loss": loss, "accuracy": 1 - loss,
                     "val_loss": loss, "val_accuracy": 1 - loss, "seconds": 0.1}  # fmt: skip
            self.say(run, event | numbers)

    def end(self, run: Run, status: Status = Status.COMPLETE) -> None:
        responses = {"test_accuracy": 0.75 + run.seed / 1000, "test_loss": 1 / 3}
        complete = status is Status.COMPLETE
        self.folder.run(run.cell.slug, run.seed).commit(
            Result(
                run.cell.slug,
                run.seed,
                self.identity(run),
                status,
                responses if complete else {},
                COST if complete else None,
                {"device": "cpu"},
                "" if complete else "why",
            )
        )

    def train(self, *runs: Run) -> Written:
        for run in runs or self.runs:
            self.start(run)
            self.epochs(run, 1, 2, 3)
            self.end(run)
        return self

    def identity(self, run: Run) -> str:
        planned = next(cell for cell in self.plan.cells if cell.cell == run.cell)
        return self.plan.fingerprint(planned, run.seed)

    @property
    def runs(self) -> list[Run]:
        return [run for _, run in self.plan.runs()]


def written(*factors: str, **options: object) -> Written:
    plan = plan_of(*factors, **options)
    folder = StudyFolder(Path("runs") / plan.study.name)
    folder.write_plan(plan)
    return Written(folder, plan)
