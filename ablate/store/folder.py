"""The folders of a study and of its runs: `runs/<study>/` and `runs/<study>/<cell>/<seed>/`.

Everything else can be rebuilt from them. `result.json` is the commit point of a run: it exists
completely or not at all. The journal grows by a line an epoch while the run trains; it is
append-only, and only an incomplete last line is ever removed.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from ablate.errors import RequestError, nearest
from ablate.store.disk import write_atomically
from ablate.store.earlier_format import upgrade_plan
from ablate.store.events import EpochEnded, Event, Interrupted, Started, from_line, to_line
from ablate.store.plan import Plan
from ablate.study.result import Result, Status


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
        """The events of the run, a line of JSON each; see `ablate.store.events`."""
        return self.path / "journal.jsonl"

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints that an interrupted run is resumed from."""
        return self.path / "checkpoints"

    def open(self, attempt: str, *, fingerprint: str) -> bool:
        """Start the run, or resume it; either way an earlier result is removed.

        Args:
            attempt: Name of the attempt, used if the run is started from its beginning.
            fingerprint: Identity of the run.

        Returns:
            Whether an interrupted attempt is resumed.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        self._remove_incomplete_line()
        # Trust the journal, not result.json: a worker that ended before its first journal line
        # already has a result.
        resumes = self._started_fingerprint() == fingerprint
        earlier = self.result()
        # Remove the old result first, or a reader of the new journal lines would think that this
        # run had ended.
        (self.path / "result.json").unlink(missing_ok=True)
        if not resumes:
            self.append(Started(attempt, fingerprint))
        elif earlier is not None:
            self.record_interruption(earlier.status, earlier.error)
        return resumes

    def _remove_incomplete_line(self) -> None:
        """Remove the line that a killed process did not finish: the next line would join it."""
        with contextlib.suppress(FileNotFoundError), self.journal.open("r+b") as file:
            file.truncate(file.read().rfind(b"\n") + 1)

    def append(self, event: Event) -> None:
        """Add an event to the journal; it is safe on disk when this returns."""
        with self.journal.open("a", encoding="utf-8") as file:
            file.write(to_line(event))
            file.flush()
            os.fsync(file.fileno())

    def record_interruption(self, status: Status, cause: str) -> None:
        """Record in the journal that the process which trained the run has ended."""
        self.path.mkdir(parents=True, exist_ok=True)
        self._remove_incomplete_line()
        self.append(Interrupted(status, cause))

    def interruption_cause(self) -> str:
        """Why the run was last interrupted."""
        for event in reversed(self.events()[0]):
            if isinstance(event, Interrupted):
                if event.status is Status.PREEMPTED:
                    return "the study was stopped"
                return f"{event.status}: {event.cause}"
        return "the study was killed"

    def commit(self, result: Result) -> None:
        """Write the result, which ends the run."""
        write_atomically(self.path / "result.json", json.dumps(result.as_json(), indent=1))

    def result(self) -> Result | None:
        """The committed result; None if there is none or it cannot be read."""
        try:
            text = (self.path / "result.json").read_text(encoding="utf-8")
            return Result.from_json(json.loads(text))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, LookupError):
            return None  # damaged from outside: the run is trained again

    def identity(self) -> str:
        """Fingerprint of the run that this folder holds; empty if it is unknown."""
        result = self.result()
        return self._started_fingerprint() if result is None else result.fingerprint

    def _started_fingerprint(self) -> str:
        """Fingerprint of the last attempt in the journal; empty if there is none."""
        started = [event for event in self.events()[0] if isinstance(event, Started)]
        return started[-1].fingerprint if started else ""

    def epochs(self) -> list[EpochEnded]:
        """The epochs in the journal; of an epoch that was trained twice, the last."""
        ended = [event for event in self.events()[0] if isinstance(event, EpochEnded)]
        return last_of_each_epoch(ended)

    def save_mlflow_run_id(self, run_id: str) -> None:
        """Save the run's identifier in MLflow, so that reports need no MLflow."""
        write_atomically(self.path / "mlflow_run_id", run_id)

    def mlflow_run_id(self) -> str:
        """The run's identifier in MLflow; empty if it was never recorded there."""
        try:
            return (self.path / "mlflow_run_id").read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    def events(self, offset: int = 0) -> tuple[list[Event], int]:
        """The events in complete journal lines.

        Args:
            offset: Where to start reading, in bytes.

        Returns:
            The events, and the offset after the last complete line.
        """
        try:
            with self.journal.open("rb") as file:
                file.seek(offset)
                content = file.read()
        except FileNotFoundError:
            return [], 0
        complete = content[: content.rfind(b"\n") + 1]
        events = [event for line in complete.splitlines() if (event := from_line(line))]
        return events, offset + len(complete)


def last_of_each_epoch(ended: list[EpochEnded]) -> list[EpochEnded]:
    """The epochs in their order; of an epoch that was trained twice, the last."""
    return list({event.epoch: event for event in ended}.values())


@dataclass(frozen=True, slots=True)
class StudyFolder:
    """The folder of a study: `runs/<study>/`."""

    path: Path

    def run(self, slug: str, seed: int) -> RunFolder:
        """The folder of one run."""
        return RunFolder(self.path / slug / str(seed))

    @property
    def images(self) -> Path:
        """The folder that caches the images of the plan while runs train."""
        return self.path / "images"

    def write_plan(self, plan: Plan) -> None:
        """Write the frozen plan."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path / "plan.json", json.dumps(plan.as_json(), indent=1))

    def read_plan(self) -> Plan:
        """The frozen plan.

        Raises:
            RequestError: There is none, or it cannot be read.
        """
        try:
            text = (self.path / "plan.json").read_text(encoding="utf-8")
        except FileNotFoundError:
            studies = [file.parent.name for file in self.path.parent.glob("*/plan.json")]
            known = nearest(self.path.name, studies) if studies else " No study was run here."
            raise RequestError(
                f"No study {self.path.name!r} in {self.path.parent}.{known}"
            ) from None
        try:
            return Plan.from_json(upgrade_plan(json.loads(text)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RequestError(
                f"Expected the plan of a study in {self.path / 'plan.json'}; it cannot be read "
                f"({type(error).__name__}). The study's command writes it again."
            ) from error

    def earlier_plan(self) -> Plan | None:
        """The frozen plan; None if there is none or it cannot be read."""
        try:
            return self.read_plan()
        except RequestError:
            return None
