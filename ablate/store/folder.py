"""A study on disk: `runs/<study>/`, the truth that everything else is rebuilt from.

`result.json` is the commit point of a run: it appears whole or not at all. The journal beside it
grows by a line an epoch while the run trains, and is never shortened but by a line cut short.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from ablate.errors import RequestError, nearest
from ablate.store.disk import write_atomically
from ablate.store.plan import Plan, PlannedCell, digest
from ablate.study.design import Run
from ablate.study.record import COSTS, StudyRecord
from ablate.study.result import Result, Status

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
        """A JSON line an event: `started`, an `epoch` each, `broken_off` and `resumed`."""
        return self.path / "journal.jsonl"

    @property
    def checkpoints(self) -> Path:
        """What training goes on from, while the run is not complete."""
        return self.path / "checkpoints"

    def open(self, attempt: str, *, fingerprint: str) -> bool:
        """Begin or go on with an attempt; what an earlier one committed is gone.

        Args:
            attempt: A name for the attempt, if there is none to go on with.
            fingerprint: Identity of the run.

        Returns:
            Whether there is an attempt to go on with.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        self._trim()
        # Not the result's word for it: that of a worker that died early is there before any line.
        going_on = self._started() == fingerprint
        earlier = self.result()
        # First of all, so that whoever reads a line of what follows takes it for no end of that.
        (self.path / "result.json").unlink(missing_ok=True)
        if not going_on:
            self.append({"event": "started", "attempt": attempt, "fingerprint": fingerprint})
        elif earlier is not None:
            self.break_off(earlier.status, earlier.error)
        return going_on

    def _trim(self) -> None:
        """Cut off a line that a dying process did not finish, or the next would run into it."""
        with contextlib.suppress(FileNotFoundError), self.journal.open("r+b") as file:
            file.truncate(file.read().rfind(b"\n") + 1)

    def append(self, event: Mapping[str, Any]) -> None:
        """Add an event to the journal, safe on disk before this returns."""
        with self.journal.open("a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def break_off(self, status: Status, cause: str) -> None:
        """Note in the journal that the process which trained the run has ended."""
        self.path.mkdir(parents=True, exist_ok=True)
        self._trim()
        self.append({"event": "broken_off", "status": str(status), "cause": cause})

    def cause(self) -> str:
        """Why the run was last broken off."""
        for event in reversed(self.events()[0]):
            if event["event"] == "broken_off" and event["status"] == Status.PREEMPTED:
                return "the study was stopped"
            if event["event"] == "broken_off":
                return f"{event['status']}: {event['cause']}"
        return "the study was killed"

    def commit(self, result: Result) -> None:
        """Write the result; from here on the run has ended."""
        write_atomically(self.path / "result.json", json.dumps(result.as_json(), indent=1))

    def result(self) -> Result | None:
        """The committed result, None if there is none yet or it cannot be read."""
        try:
            text = (self.path / "result.json").read_text(encoding="utf-8")
            return Result.from_json(json.loads(text))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, LookupError):
            return None  # damaged from outside: the run is trained again

    def identity(self) -> str:
        """Fingerprint of what was trained here, empty where that is not known."""
        result = self.result()
        return self._started() if result is None else result.fingerprint

    def _started(self) -> str:
        """Fingerprint of the attempt that the journal tells of, empty if it tells of none."""
        started = [event for event in self.events()[0] if event["event"] == "started"]
        return str(started[-1].get("fingerprint", "")) if started else ""

    def epochs(self) -> list[dict[str, Any]]:
        """The numbers of each epoch; of one that was trained twice, those that count."""
        events = [event for event in self.events()[0] if event["event"] == "epoch"]
        return list({event["epoch"]: event for event in events}.values())

    def note_mlflow_run(self, run_id: str) -> None:
        """Remember MLflow's name for this run, so that reports need not ask MLflow."""
        write_atomically(self.path / "mlflow_run_id", run_id)

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
        return [event for line in whole.splitlines() if (event := _event(line))], offset + len(
            whole
        )


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
        write_atomically(self.path / "plan.json", json.dumps(plan.as_json(), indent=1))

    def read_plan(self) -> Plan:
        """The frozen plan.

        Raises:
            RequestError: There is none.
        """
        try:
            text = (self.path / "plan.json").read_text(encoding="utf-8")
        except FileNotFoundError:
            beside = [file.parent.name for file in self.path.parent.glob("*/plan.json")]
            known = nearest(self.path.name, beside) if beside else " No study was run here."
            raise RequestError(
                f"No study {self.path.name!r} in {self.path.parent}.{known}"
            ) from None
        try:
            return Plan.from_json(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RequestError(
                f"Expected the plan that a study left in {self.path / 'plan.json'}; it cannot be "
                f"read ({type(error).__name__}). The study's command writes it anew."
            ) from error

    def measures(self, plan: Plan) -> dict[str, dict[str, int]]:
        """Parameters and MACs by cell, where an earlier plan here measured the same models."""
        try:
            earlier = self.read_plan()
        except RequestError:
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

    def settled(self, plan: Plan) -> dict[Run, Result]:
        """Results of planned runs that training again would not change, wherever they lie.

        A diverged run diverges again; a failed or crashed one is worth another attempt. A result is
        known by its fingerprint, so a factor that is added, or a level, loses none.
        """
        found: dict[Run, Result] = {}
        elsewhere: list[tuple[Run, str]] = []
        for planned, run in plan.runs():
            result = self._result(plan, planned, run.seed)
            if result is None:
                elsewhere.append((run, plan.fingerprint(planned, run.seed)))
            elif result.status in SETTLED:
                found[run] = result
        known = self._known() if elsewhere else {}
        for run, wanted in elsewhere:
            result = known[wanted].result() if wanted in known else None
            if result is not None and result.status in SETTLED:
                found[run] = result
        return found

    def pending(self, plan: Plan) -> list[tuple[PlannedCell, Run]]:
        """The runs of a plan that are yet to be settled."""
        settled = self.settled(plan)
        return [(planned, run) for planned, run in plan.runs() if run not in settled]

    def adopt(self, plan: Plan) -> None:
        """Freeze the plan, and put what was trained before in the places that it asks for.

        A run's folder is named by cell and seed, so the same cell on other images or with another
        recipe would overwrite it. Nothing that was trained is lost: it waits in `superseded/`.
        """
        self.write_plan(plan)
        for planned, run in plan.runs():
            folder = self.run(planned.cell.slug, run.seed)
            found = folder.identity()
            if found == plan.fingerprint(planned, run.seed):
                continue
            if found:
                _move(folder.path, self._aside(planned, run.seed, found))
            else:
                shutil.rmtree(folder.path, ignore_errors=True)
        known = self._known()
        for planned, run in plan.runs():
            folder, wanted = (
                self.run(planned.cell.slug, run.seed),
                known.get(plan.fingerprint(planned, run.seed)),
            )
            if wanted is not None and not folder.path.exists():
                _move(wanted.path, folder.path)
                result = folder.result()
                if result is not None:  # the same run under another name of its cell
                    folder.commit(replace(result, cell=planned.cell.slug))

    def _known(self) -> dict[str, RunFolder]:
        """Every folder of a run, also those laid aside, by the fingerprint of what is in it."""
        places = [*self.path.glob("*/*/"), *self.path.glob("superseded/*/*/")]
        folders = [RunFolder(place) for place in places if (place / "journal.jsonl").is_file()]
        return {identity: folder for folder in folders if (identity := folder.identity())}

    def preempt(self, plan: Plan) -> None:
        """Say of the runs that were broken off that they go on with the next command."""
        for planned, run in plan.runs():
            folder = self.run(planned.cell.slug, run.seed)
            wanted = plan.fingerprint(planned, run.seed)
            if folder.result() is None and folder.identity() == wanted:
                epochs = max((event["epoch"] for event in folder.epochs()), default=0)
                error = f"The study was stopped after epoch {epochs}; the same command goes on."
                folder.commit(
                    Result(planned.cell.slug, run.seed, wanted, Status.PREEMPTED, error=error)
                )

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
            RequestError: No such study was run here.
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
            interruptions=tuple(self._interruptions(plan)),
            changes=plan.changes,
            kept=sum(f"{run.cell.slug}/{run.seed}" in plan.kept for _, run in plan.runs()),
        )

    def _interruptions(self, plan: Plan) -> Iterator[str]:
        for planned, run in plan.runs():
            events = self.run(planned.cell.slug, run.seed).events()[0]
            for event in events:
                if event["event"] == "resumed":
                    broken = "".join(f"; {fault}" for fault in event["passed_over"])
                    went_on = (
                        f"went on after epoch {event['epoch']}" if event["epoch"] else "began anew"
                    )
                    yield (f"{run.cell.name}, seed {run.seed} {went_on} ({event['cause']}{broken})")

    def _result(self, plan: Plan, planned: PlannedCell, seed: int) -> Result | None:
        """The result of a run in its place, if it is the one the plan asks for."""
        result = self.run(planned.cell.slug, seed).result()
        wanted = plan.fingerprint(planned, seed)
        return result if result is not None and result.fingerprint == wanted else None


def _event(line: bytes) -> dict[str, Any] | None:
    """An event of a journal; None for a line that a failing disk has damaged."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None


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
    for event in folder.epochs():
        yield {"cell": planned.cell.slug, "seed": seed} | event
