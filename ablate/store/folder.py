"""A study on disk: `runs/<study>/`, the truth that everything else is rebuilt from.

`result.json` is the commit point of a run: it appears whole or not at all. The journal beside it
grows by a line an epoch while the run trains.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ablate.design import Run
from ablate.result import Result, Status
from ablate.store.plan import Plan, PlannedCell, digest
from ablate.study import Refusal, Study, nearest

COSTS = ("parameters", "macs", "train_seconds", "seconds_per_epoch", "peak_memory_bytes")
SETTLED = (Status.COMPLETE, Status.DIVERGED)
EPOCH_COLUMNS = ("loss", "accuracy", "val_loss", "val_accuracy", "seconds")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run: `runs/<study>/<cell>/<seed>/`."""

    path: Path

    @property
    def log(self) -> Path:
        """What the process that trained the run printed."""
        return self.path / "log"

    @property
    def journal(self) -> Path:
        """A JSON line an event: `started`, then an `epoch` each."""
        return self.path / "journal.jsonl"

    def start(self, attempt: str) -> None:
        """Begin a journal for an attempt; an earlier result of the run is gone."""
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / "result.json").unlink(missing_ok=True)
        self.journal.unlink(missing_ok=True)
        self.append({"event": "started", "attempt": attempt})

    def append(self, event: Mapping[str, Any]) -> None:
        """Add an event to the journal, safe on disk before this returns."""
        with self.journal.open("a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def commit(self, result: Result) -> None:
        """Write the result; from here on the run has ended."""
        write_whole(self.path / "result.json", json.dumps(result.as_json(), indent=1))

    def result(self) -> Result | None:
        """The committed result, None if there is none yet."""
        try:
            text = (self.path / "result.json").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        return Result.from_json(json.loads(text))

    def note_mlflow_run(self, run_id: str) -> None:
        """Remember MLflow's name for this run, so that reports need not ask MLflow."""
        write_whole(self.path / "mlflow_run_id", run_id)

    def mlflow_run_id(self) -> str:
        """MLflow's name for this run, empty if it was never recorded there."""
        try:
            return (self.path / "mlflow_run_id").read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    def events(self, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
        """Whole journal lines from a byte offset on, and the offset behind the last of them."""
        try:
            with self.journal.open("rb") as file:
                file.seek(offset)
                data = file.read()
        except FileNotFoundError:
            return [], 0
        whole = data[: data.rfind(b"\n") + 1]
        return [json.loads(line) for line in whole.splitlines()], offset + len(whole)


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """A study as found on disk.

    Attributes:
        study: The study.
        runs: A row a planned run: `cell`, a column a factor, `seed`, `status`, `error`, responses,
            costs, `mlflow_run_id`.
        histories: A row an epoch of every complete run: `cell`, `seed`, `epoch` and its numbers;
            None where unknown.
        provenance: Versions, commit, device and the like.
        held_constant: Keys that are equal in all cells, with their value.
        chance: First response of always guessing the most frequent class; None where unknown.
    """

    study: Study
    runs: pd.DataFrame
    histories: pd.DataFrame | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)
    held_constant: Mapping[str, str] = field(default_factory=dict)
    chance: float | None = None


@dataclass(frozen=True, slots=True)
class StudyFolder:
    """The folder of a study: `runs/<study>/`."""

    path: Path

    def run(self, slug: str, seed: int) -> RunFolder:
        """The folder of one run."""
        return RunFolder(self.path / slug / str(seed))

    @property
    def images(self) -> Path:
        """Where the images of the plan are frozen while runs train."""
        return self.path / "images"

    def write_plan(self, plan: Plan) -> None:
        """Freeze the plan."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_whole(self.path / "plan.json", json.dumps(plan.as_json(), indent=1))

    def read_plan(self) -> Plan:
        """The frozen plan.

        Raises:
            Refusal: There is none.
        """
        try:
            text = (self.path / "plan.json").read_text(encoding="utf-8")
        except FileNotFoundError:
            beside = [file.parent.name for file in self.path.parent.glob("*/plan.json")]
            known = nearest(self.path.name, beside) if beside else " No study was run here."
            raise Refusal(f"No study {self.path.name!r} in {self.path.parent}.{known}") from None
        return Plan.from_json(json.loads(text))

    def measures(self, plan: Plan) -> dict[str, dict[str, int]]:
        """Parameters and MACs by cell, where an earlier plan here measured the same models."""
        try:
            earlier = self.read_plan()
        except Refusal:
            return {}
        if (earlier.code, earlier.backend) != (plan.code, plan.backend):
            return {}
        known = {digest([cell.variant.model, cell.images]): cell for cell in earlier.cells}
        found = {
            planned.cell.slug: known.get(digest([planned.variant.model, planned.images]))
            for planned in plan.cells
        }
        return {
            slug: {"parameters": cell.parameters, "macs": cell.macs}
            for slug, cell in found.items()
            if cell is not None
        }

    def settled(self, plan: Plan, planned: PlannedCell, *, seed: int) -> Result | None:
        """The result of a planned run if it has one that training again would not change.

        A diverged run diverges again; a failed or crashed one is worth another attempt.
        """
        wanted = plan.fingerprint(planned, seed)
        places = (self.run(planned.cell.slug, seed), RunFolder(self._aside(planned, seed, wanted)))
        for place in places:
            result = place.result()
            if result is not None and result.fingerprint == wanted:
                return result if result.status in SETTLED else None
        return None

    def pending(self, plan: Plan) -> list[tuple[PlannedCell, Run]]:
        """The runs of a plan that are yet to be settled."""
        return [
            (planned, run)
            for planned, run in plan.runs()
            if self.settled(plan, planned, seed=run.seed) is None
        ]

    def adopt(self, plan: Plan) -> None:
        """Freeze the plan, and put the results in their places that it asks for.

        A run's folder is named by cell and seed, so the same cell on other images or with another
        recipe would overwrite it. Finished runs are never lost: they wait in `superseded/`. What
        is left of attempts that did not settle a run is cleared away.
        """
        self.write_plan(plan)
        for planned, run in plan.runs():
            folder = self.run(planned.cell.slug, run.seed)
            wanted = plan.fingerprint(planned, run.seed)
            result = folder.result()
            if result is not None and result.status in SETTLED:
                if result.fingerprint == wanted:
                    continue
                _move(folder.path, self._aside(planned, run.seed, result.fingerprint))
            else:
                shutil.rmtree(folder.path, ignore_errors=True)
            earlier = self._aside(planned, run.seed, wanted)
            if earlier.is_dir():
                _move(earlier, folder.path)

    def _aside(self, planned: PlannedCell, seed: int, fingerprint: str) -> Path:
        return self.path / "superseded" / planned.cell.slug / f"{seed}-{fingerprint[:16]}"

    def runs(self, plan: Plan) -> pd.DataFrame:
        """A row a planned run, whatever became of it; the columns are those of `StudyRecord`."""
        rows = [
            _row(planned, run.seed, self._result(plan, planned, run.seed), folder.mlflow_run_id())
            for planned, run in plan.runs()
            for folder in (self.run(planned.cell.slug, run.seed),)
        ]
        return pd.DataFrame(rows).astype({"seed": "Int64"})

    def read_study(self) -> StudyRecord:
        """Everything a report needs.

        Raises:
            Refusal: No such study was run here.
        """
        plan = self.read_plan()
        provenance = dict(plan.provenance)
        epochs: list[dict[str, Any]] = []
        for planned, run in plan.runs():
            result = self._result(plan, planned, run.seed)
            if result is not None and result.status is Status.COMPLETE:
                provenance.update(result.provenance)
                epochs.extend(_epochs(planned, run.seed, self.run(planned.cell.slug, run.seed)))
        guessed = plan.study.response.name.endswith("accuracy")
        return StudyRecord(
            study=plan.study,
            runs=self.runs(plan),
            histories=pd.DataFrame(epochs, columns=["cell", "seed", "epoch", *EPOCH_COLUMNS]),
            provenance={
                **provenance,
                **_images_in_words(plan),
                "command": plan.provenance.get("command", ""),
            },
            held_constant=plan.held_constant(),
            chance=max(item["chance"] for item in plan.images.values()) if guessed else None,
        )

    def _result(self, plan: Plan, planned: PlannedCell, seed: int) -> Result | None:
        """The result of a run in its place, if it is the one the plan asks for."""
        result = self.run(planned.cell.slug, seed).result()
        wanted = plan.fingerprint(planned, seed)
        return result if result is not None and result.fingerprint == wanted else None


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or, if anything goes wrong, as it was before."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _move(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    source.rename(target)


def _row(
    planned: PlannedCell, seed: int, result: Result | None, mlflow_run_id: str
) -> dict[str, Any]:
    costs = {
        key: None if result is None or result.cost is None else getattr(result.cost, key)
        for key in COSTS
    }
    return {
        "cell": planned.cell.slug,
        **dict(planned.cell.levels),
        "seed": seed,
        "status": "missing" if result is None else str(result.status),
        "error": "" if result is None else result.error,
        **({} if result is None else result.responses),
        **costs,
        "parameters": planned.parameters,
        "macs": planned.macs,
        "mlflow_run_id": mlflow_run_id,
    }


def _images_in_words(plan: Plan) -> dict[str, str]:
    """How many images there are, of what kind, and what was left out of them."""
    words = {}
    for number, item in enumerate(plan.images.values(), start=1):
        shape = " x ".join(str(size) for size in item["shape"])
        key = "images" if len(plan.images) == 1 else f"images {number}"
        words[key] = (
            f"{item['train']} to train, {item['validation']} to validate, {item['test']} to test; "
            f"{shape}; {len(item['classes'])} classes"
        )
        if item["excluded"]:
            words[f"{key} left out"] = f"{len(item['excluded'])}: {'; '.join(item['excluded'])}"
    return words


def _epochs(planned: PlannedCell, seed: int, folder: RunFolder) -> Iterator[dict[str, Any]]:
    for event in folder.events()[0]:
        if event["event"] == "epoch":
            yield {"cell": planned.cell.slug, "seed": seed} | event
