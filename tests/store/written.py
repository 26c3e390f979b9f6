"""Plans for tests, and a study whose folder is written by hand, as training would write it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ablate.config.recipe import Recipe
from ablate.config.variant import Variant
from ablate.data.info import DatasetInfo
from ablate.store.events import EpochEnded, Event, Started, to_line
from ablate.store.folder import RunFolder, StudyFolder
from ablate.store.plan import Plan, PlannedCell
from ablate.store.state import StudyState
from ablate.study.design import Run, cells_of
from ablate.study.response import Response
from ablate.study.result import Cost, Result, Status
from ablate.study.study import Factor, Level, Study
from tests.conftest import ACCURACY

DATASET = DatasetInfo(
    task="classification",
    shape=(8, 8, 1),
    classes=("a", "b"),
    train=6,
    validation=2,
    test=2,
    fingerprint="pixels",
    measures=(Response("accuracy", "higher", "fraction"),),
    guessing={"test_accuracy": 0.5, "val_accuracy": 0.5},
)
COST = Cost(10, 20, 0.3, 0.1, 1000)


def plan_of(
    *factors: str, name: str = "mine", replicates: int = 2, recipe: Recipe | None = None
) -> Plan:
    """A plan of all combinations of some factors; its models are measured."""
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
            Variant(
                {"_target_": "a.b", "conv": "plain", **dict(cell.levels)}, {}, recipe or Recipe()
            ),
            dataset=DATASET.fingerprint,
            seeds=tuple(range(replicates)),
            code="code",
            parameters=10,
            macs=20,
        )
        for cell in cells_of(study)
    )
    return Plan(study, cells, {DATASET.fingerprint: DATASET}, "tensorflow", {"ablate": "0"})


def with_code(plan: Plan, code: str, sources: Mapping[str, str] | None = None) -> Plan:
    """The plan whose cells all reach other code."""
    cells = tuple(dataclasses.replace(planned, code=code) for planned in plan.cells)
    return dataclasses.replace(plan, cells=cells, sources={code: sources or {}})


def with_factor(plan: Plan) -> Plan:
    """The plan of a study with one more factor, whose reference level changes nothing."""
    width = Factor("width", (Level("narrow"), Level("wide")))
    study = dataclasses.replace(plan.study, factors=(*plan.study.factors, width))
    variants = {planned.cell["residual"]: planned for planned in plan.cells}
    cells = []
    for cell in cells_of(study):
        planned = dataclasses.replace(variants[cell["residual"]], cell=cell)
        if cell["width"] == "wide":
            model = {**planned.variant.model, "width": 2}
            variant = dataclasses.replace(planned.variant, model=model)
            planned = dataclasses.replace(planned, variant=variant)
        cells.append(planned)
    return dataclasses.replace(plan, study=study, cells=tuple(cells))


def epoch_of(epoch: int, **numbers: float) -> EpochEnded:
    """An epoch with numbers as a classification leaves them."""
    plain = {"loss": 1.0, "accuracy": 0.25, "val_loss": 1.0, "val_accuracy": 0.5}
    seconds = numbers.pop("seconds", 0.1)
    return EpochEnded(epoch, plain | numbers, seconds)


@dataclass(frozen=True)
class Written:
    """A study whose folder is written by hand, as training would write it."""

    folder: StudyFolder
    plan: Plan

    @property
    def state(self) -> StudyState:
        """The study, read from its folder."""
        return StudyState.read(self.folder, self.plan)

    @property
    def runs(self) -> list[Run]:
        return [run for _, run in self.plan.runs()]

    def run_folder(self, run: Run) -> RunFolder:
        return self.folder.run(run.cell.slug, run.seed)

    def append(self, run: Run, *events: Event) -> None:
        run_folder = self.run_folder(run)
        run_folder.path.mkdir(parents=True, exist_ok=True)
        with run_folder.journal.open("a") as file:
            file.writelines(to_line(event) for event in events)

    def start(self, run: Run, attempt: str = "first") -> None:
        self.append(run, Started(attempt, self.identity(run)))

    def epochs(self, run: Run, *epochs: int, **numbers: float) -> None:
        for epoch in epochs:
            loss = 1 / (epoch + run.seed)
            own = {"loss": loss, "accuracy": 1 - loss, "val_loss": loss, "val_accuracy": 1 - loss}
            self.append(run, epoch_of(epoch, **(own | numbers)))

    def end(
        self, run: Run, status: Status = Status.COMPLETE, *, accuracy: float | None = None
    ) -> None:
        found = 0.75 + run.seed / 1000 if accuracy is None else accuracy
        responses = {"test_accuracy": found, "test_loss": 1 / 3}
        complete = status is Status.COMPLETE
        self.run_folder(run).commit(
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

    def train(self, *runs: Run, accuracy: float | None = None) -> Written:
        for run in runs or self.runs:
            self.start(run)
            self.epochs(run, 1, 2, 3)
            self.end(run, accuracy=accuracy)
        return self

    def identity(self, run: Run) -> str:
        planned = next(cell for cell in self.plan.cells if cell.cell == run.cell)
        return self.plan.fingerprint(planned, run.seed)


def written(*factors: str, **options: object) -> Written:
    """A study in the working directory whose plan is written and whose runs are not trained."""
    plan = plan_of(*factors, **options)
    folder = StudyFolder(Path("runs") / plan.study.name)
    folder.write_plan(plan)
    return Written(folder, plan)


def adopted(folder: StudyFolder, plan: Plan) -> Written:
    """A study whose plan is adopted in a folder that may hold runs of an earlier plan."""
    StudyState.read(folder, plan).adopt()
    return Written(folder, plan)
