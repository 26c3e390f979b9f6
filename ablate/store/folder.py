"""The folders of a study and of its runs: `runs/<study>/` and `runs/<study>/<cell>/<seed>/`.

Everything else can be rebuilt from them. `result.json` is the commit point of a run: it exists
completely or not at all. The journal grows by a line an epoch while the run trains; it is
append-only, and only an incomplete last line is ever removed.
"""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ablate.errors import RequestError, nearest
from ablate.store.disk import make_folder, open_to_append, remove, write_atomically
from ablate.store.events import EpochEnded, Event, Interrupted, Started, from_line, to_line
from ablate.store.plan import Plan
from ablate.store.plan_file import PLAN
from ablate.store.reader import DamagedFileError, read_file, read_word
from ablate.store.result_file import RESULT, result_as_json
from ablate.study.result import Result, Status

MOST_JOURNAL_BYTES = 1 << 28


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run: `runs/<study>/<cell>/<seed>/`."""

    path: Path

    def make(self) -> None:
        """Make the folder, whatever is in its place or in that of the cell's folder."""
        make_folder(self.path, below=self.path.parent.parent)

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

    @property
    def model(self) -> Path:
        """The trained model in Keras' format, where the study keeps it."""
        return self.path / "model.keras"

    def open(self, attempt: str, *, fingerprint: str) -> bool:
        """Start the run, or resume it; either way an earlier result is removed.

        Args:
            attempt: Name of the attempt, used if the run is started from its beginning.
            fingerprint: Identity of the run.

        Returns:
            Whether an interrupted attempt is resumed.
        """
        self.make()
        self._repair_journal()
        # Trust the journal, not result.json: a worker that ended before its first journal line
        # already has a result.
        resumes = self.started_fingerprint() == fingerprint
        earlier, fault = self.read_result()
        # Remove the old result first, or a reader of the new journal lines would think that this
        # run had ended.
        remove(self._result)
        if not resumes:
            self.append(Started(attempt, fingerprint, time.time()))
        elif earlier is not None:
            self.record_interruption(earlier.status, earlier.error)
        elif fault:
            self.record_interruption(Status.FAILED, f"its result is damaged: {fault.fault}")
        return resumes

    def _repair_journal(self) -> None:
        """Remove the line that a killed process did not finish: the next line would join it.

        What cannot be read as a journal is removed as a whole.
        """
        try:
            content = read_file(self.journal, most_bytes=MOST_JOURNAL_BYTES)
        except FileNotFoundError:
            return
        except DamagedFileError:
            remove(self.journal)
            return
        if not content.endswith(b"\n"):
            os.truncate(self.journal, content.rfind(b"\n") + 1)

    def append(self, event: Event) -> None:
        """Add an event to the journal; it is safe on disk when this returns."""
        with open_to_append(self.journal) as file:
            file.write(to_line(event))
            file.flush()
            os.fsync(file.fileno())

    def record_interruption(self, status: Status, cause: str) -> None:
        """Record in the journal that the process which trained the run has ended."""
        self.make()
        self._repair_journal()
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
        """Write the result, which ends the run; without a time, it ends now."""
        if not result.unix_time:
            result = replace(result, unix_time=time.time())
        self.make()
        write_atomically(self._result, json.dumps(result_as_json(result), indent=1))

    def result(self) -> Result | None:
        """The committed result; None if there is none or it is damaged."""
        return self.read_result()[0]

    def read_result(self) -> tuple[Result | None, DamagedFileError | None]:
        """The committed result, None if there is none or it is damaged; and the damage."""
        try:
            return RESULT.read(self._result), None
        except FileNotFoundError:
            return None, None
        except DamagedFileError as error:
            return None, error

    @property
    def _result(self) -> Path:
        return self.path / "result.json"

    def started_fingerprint(self) -> str:
        """Fingerprint of the last attempt in the journal; empty if there is none."""
        started = [event for event in self.events()[0] if isinstance(event, Started)]
        return started[-1].fingerprint if started else ""

    def epochs(self) -> list[EpochEnded]:
        """The epochs in the journal; see `epochs_of`."""
        return epochs_of(self.events()[0])

    def save_mlflow_run_id(self, run_id: str) -> None:
        """Save the run's identifier in MLflow, so that reports need no MLflow."""
        if self.path.is_symlink() or self.path.parent.is_symlink():
            return  # the folder is not in the study
        write_atomically(self.path / "mlflow_run_id", run_id)

    def mlflow_run_id(self) -> str:
        """The run's identifier in MLflow; empty if it was never recorded there."""
        return read_word(self.path / "mlflow_run_id")

    def events(self, offset: int = 0) -> tuple[list[Event], int]:
        """The events in complete journal lines.

        Args:
            offset: Where to start reading, in bytes.

        Returns:
            The events, and the offset after the last complete line.
        """
        try:
            content = read_file(self.journal, most_bytes=MOST_JOURNAL_BYTES, offset=offset)
        except (FileNotFoundError, DamagedFileError):
            return [], 0
        complete = content[: content.rfind(b"\n") + 1]
        events = [event for line in io.BytesIO(complete) if (event := from_line(line))]
        return events, offset + len(complete)


def epochs_of(events: Iterable[Event]) -> list[EpochEnded]:
    """The epochs since the run was started; of an epoch that was trained twice, the last."""
    ended: dict[int, EpochEnded] = {}
    for event in events:
        if isinstance(event, Started):
            ended.clear()
        elif isinstance(event, EpochEnded):
            ended[event.epoch] = event
    return list(ended.values())


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
        write_atomically(self._plan, json.dumps(plan.as_json(), indent=1))

    def read_plan(self) -> Plan:
        """The frozen plan.

        Raises:
            RequestError: There is none, or it is damaged.
        """
        try:
            return PLAN.read(self._plan)
        except FileNotFoundError:
            studies = [file.parent.name for file in self.path.parent.glob("*/plan.json")]
            known = nearest(self.path.name, studies) if studies else " No study was run here."
            raise RequestError(
                f"No study {self.path.name!r} in {self.path.parent}.{known}"
            ) from None
        except DamagedFileError as error:
            raise RequestError(str(error)) from error

    def earlier_plan(self) -> Plan | None:
        """The frozen plan; None if there is none or it is damaged."""
        try:
            return PLAN.read(self._plan)
        except (FileNotFoundError, DamagedFileError):
            return None

    @property
    def has_plan(self) -> bool:
        """Whether there is something where the plan should be, damaged or not."""
        return os.path.lexists(self._plan)

    @property
    def _plan(self) -> Path:
        return self.path / "plan.json"
