"""Journal, checkpoints and result of each run that a cell trainer trains."""

from __future__ import annotations

import resource
import statistics
import time
import traceback
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ablate.config.program import ProgramVariant
from ablate.config.retention import Retention
from ablate.errors import RequestError
from ablate.store import checkpoint
from ablate.store.changed_files import changed_files
from ablate.store.checkpoint import Checkpoint
from ablate.store.disk import is_disk_error, remove
from ablate.store.events import EpochEnded, Resumed, Started
from ablate.store.folder import RunFolder, StudyFolder
from ablate.store.models import beats_kept_models, keep_one_model
from ablate.store.plan import Plan, PlannedCell
from ablate.study.result import Cost, Result, Status
from ablate.training.initial_state import FRESH, Epoch, InitialState
from ablate.workers.cell_trainer import CellTrainer, Failed, Finished, Step
from ablate.workers.exits import RETRIED
from ablate.workers.failures import failure_message, status_of
from ablate.workers.program_cell_trainer import FinishedProgram
from ablate.workers.program_output import ProgramError

DURABLE_SECONDS = 10.0
"""Checkpoints are forced onto the disk at most this often, because that takes time.

A killed process loses nothing by it; a power failure loses the epochs of these seconds.
"""


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What a worker does besides training; nothing unless it has a process of its own.

    Attributes:
        heartbeat: Called every few steps, to show that the worker makes progress.
        redirect: Appends what is printed from now on to a file.
    """

    heartbeat: Callable[[], None] = lambda: None
    redirect: Callable[[Path], None] = lambda path: None


@dataclass(slots=True)
class _OpenRun:
    """A run in training.

    Attributes:
        folder: Its folder.
        fingerprint: Its identity.
        resumed: Whether an earlier process started it.
        epochs: The epochs that were trained so far.
    """

    folder: RunFolder
    fingerprint: str
    resumed: bool
    epochs: list[Epoch] = field(default_factory=list)


class CellRuns:
    """The runs of one cell, recorded while a cell trainer trains them."""

    def __init__(
        self,
        folder: StudyFolder,
        plan: Plan,
        *,
        planned: PlannedCell,
        trainer: CellTrainer,
        callbacks: Callbacks,
    ) -> None:
        """Record the runs of a cell.

        Args:
            folder: The folder of the study.
            plan: Its frozen plan; the provenance of the results.
            planned: The cell.
            trainer: Trains its seeds.
            callbacks: Where progress is reported.
        """
        self._folder, self._plan, self._planned = folder, plan, planned
        self._trainer, self._callbacks = trainer, callbacks
        self._open_runs: dict[int, _OpenRun] = {}
        self._retries: Counter[int] = Counter()
        self._last_durable = time.monotonic()

    def train(self, seeds: Sequence[int], *, retention: Retention, retries: int = 0) -> None:
        """Train seeds until each has a result. If memory runs out, leave the others untrained.

        Args:
            seeds: The run seeds.
            retention: What a complete run keeps besides its result.
            retries: How often a run is tried again whose external program crashed or hung.

        Raises:
            OSError: The disk cannot be written.
        """
        pending = list(seeds)
        while pending:
            before = len(pending)
            for seed, step in self._steps(tuple(pending)):
                result = self._record(seed, step)
                if result is None:
                    continue
                if result.status in RETRIED and self._retries[seed] < retries:
                    self._retry(seed, result)
                    break
                pending.remove(seed)
                self._commit(seed, result, retention=retention)
                if result.status is Status.OUT_OF_MEMORY:
                    return
                if isinstance(step, Epoch):
                    # The epoch could not be recorded. Resume the other seeds without this one.
                    self._open_runs.clear()
                    break
            else:
                if len(pending) == before:
                    raise RuntimeError(f"Expected the end of seeds {pending}; the trainer stopped.")

    def _steps(self, seeds: Sequence[int]) -> Iterator[tuple[int, Step]]:
        """The steps of the trainer. If it cannot be prepared, the first seed fails."""
        self._open(seeds[0])
        try:
            self._trainer.prepare()
            _refuse_changed_code(self._planned, self._plan)
        except (Exception, SystemExit) as error:
            yield seeds[0], Failed(error)
            return
        yield from self._trainer.train(seeds, self._start)

    def _open(self, seed: int) -> _OpenRun:
        """Start or resume the journal of a run."""
        if seed not in self._open_runs:
            folder = self._folder.run(self._planned.cell.slug, seed)
            folder.make()
            self._callbacks.redirect(folder.log)
            fingerprint = self._plan.fingerprint(self._planned, seed)
            resumed = folder.open(_new_attempt(), fingerprint=fingerprint)
            self._open_runs[seed] = _OpenRun(folder, fingerprint, resumed)
        return self._open_runs[seed]

    def _start(self, seed: int) -> InitialState:
        """What a run starts from: its newest checkpoint that can be used, or fresh weights."""
        run = self._open(seed)
        if not run.resumed:
            return FRESH
        found, faults = checkpoint.load_newest(run.folder.checkpoints, fingerprint=run.fingerprint)
        start = FRESH if found is None else _initial_state(found)
        if found is not None and not self._trainer.fits(start):
            faults, start = (*faults, "a checkpoint that does not fit the model"), FRESH
        cause = run.folder.interruption_cause()
        if isinstance(self._planned.variant, ProgramVariant):
            # The numbers of the interrupted attempt need not be those of the next one.
            run.folder.append(Started(_new_attempt(), run.fingerprint, time.time()))
        run.folder.append(Resumed(len(start.epochs), cause, tuple(faults)))
        # A process that died between a checkpoint and its journal line did not write that line.
        recorded = {event.epoch for event in run.folder.epochs()}
        for epoch in start.epochs:
            if epoch.epoch not in recorded:
                run.folder.append(_epoch_ended(epoch))
        run.epochs = list(start.epochs)
        return start

    def _record(self, seed: int, step: Step) -> Result | None:
        """Record a step; return the result of the run if the step ends it."""
        if isinstance(step, Epoch):
            try:
                self._save_epoch(self._open_runs[seed], step, self._trainer.state(seed))
            except Exception as error:
                return self._failed(seed, error)
            self._callbacks.heartbeat()
            return None
        if isinstance(step, Failed):
            return self._failed(seed, step.error)
        return self._finished(seed, step)

    def _save_epoch(self, run: _OpenRun, epoch: Epoch, state: InitialState | None) -> None:
        """Save the checkpoint first: the journal never holds an epoch that cannot be resumed."""
        run.epochs.append(epoch)
        if state is not None:
            checkpoint.save(
                run.folder.checkpoints,
                Checkpoint(tuple(map(_epoch_ended, state.epochs)), state.arrays),
                fingerprint=run.fingerprint,
                durable=self._is_durable_due(),
            )
        run.folder.append(_epoch_ended(epoch))

    def _is_durable_due(self) -> bool:
        now = time.monotonic()
        if now - self._last_durable < DURABLE_SECONDS:
            return False
        self._last_durable = now
        return True

    def _finished(self, seed: int, step: Finished) -> Result:
        run = self._open_runs[seed]
        return Result(
            self._planned.cell.slug,
            seed,
            run.fingerprint,
            Status.COMPLETE,
            step.responses,
            step.cost if isinstance(step, FinishedProgram) else self._cost(run.epochs),
            self._plan.provenance,
        )

    def _failed(self, seed: int, error: BaseException) -> Result:
        """The result of a run that ended with an exception; a disk error is raised again."""
        if is_disk_error(error):
            raise error
        status, message = status_of(error), failure_message(error)
        if status is not Status.DIVERGED and not isinstance(error, ProgramError):
            with suppress(Exception):  # some exceptions cannot be printed
                traceback.print_exception(error)
        if isinstance(error, ProgramError):
            if self._retries[seed]:
                tries = f"It was tried {self._retries[seed] + 1} times."
                message = f"{message.removesuffix('.')}. {tries}"
        elif status is Status.OUT_OF_MEMORY:
            message = f"Memory ran out: {message}"
        return Result(
            self._planned.cell.slug,
            seed,
            self._open(seed).fingerprint,
            status,
            provenance=self._plan.provenance,
            error=message,
        )

    def _retry(self, seed: int, result: Result) -> None:
        """Let a run start again whose external program crashed or hung."""
        self._retries[seed] += 1
        self._open_runs.pop(seed).folder.record_interruption(result.status, result.error)

    def _commit(self, seed: int, result: Result, *, retention: Retention) -> None:
        folder = self._open_runs.pop(seed).folder
        remove(folder.model)  # of an earlier attempt
        if result.status is Status.COMPLETE and self._is_kept(result, retention):
            self._save_model(folder)
        folder.commit(result)
        if retention.model == "best" and folder.model.exists():
            keep_one_model(self._folder, result.cell, seed=seed)
        if result.status.settled and not retention.checkpoints:
            checkpoint.discard(folder.checkpoints)

    def _is_kept(self, result: Result, retention: Retention) -> bool:
        if retention.model == "best":
            # Saving takes longer than comparing, so a worse model is not saved at all.
            return beats_kept_models(self._folder, result, response=self._plan.study.response)
        return retention.model == "all"

    def _save_model(self, folder: RunFolder) -> None:
        """Save the trained model; a run whose model cannot be saved is complete without it."""
        unfinished = folder.path / ".unfinished.keras"
        remove(unfinished)
        try:
            self._trainer.save_model(unfinished)
            unfinished.replace(folder.model)
        except Exception as error:
            unfinished.unlink(missing_ok=True)
            if is_disk_error(error):
                raise
            print(f"The trained model cannot be saved: {failure_message(error)}")

    def _cost(self, epochs: Sequence[Epoch]) -> Cost:
        seconds = [epoch.seconds for epoch in epochs]
        return Cost(
            parameters=self._planned.parameters,
            macs=self._planned.macs,
            train_seconds=sum(seconds),
            seconds_per_epoch=statistics.median(seconds[1:] or seconds),
            peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        )


def _new_attempt() -> str:
    return uuid.uuid4().hex[:12]


def _epoch_ended(epoch: Epoch) -> EpochEnded:
    return EpochEnded(epoch.epoch, epoch.numbers, epoch.seconds)


def _initial_state(found: Checkpoint) -> InitialState:
    epochs = [Epoch(each.epoch, each.numbers, each.seconds) for each in found.history]
    return InitialState(tuple(epochs), found.arrays)


def _refuse_changed_code(planned: PlannedCell, plan: Plan) -> None:
    """Check that the code that this process has imported is the code of the plan.

    Raises:
        RequestError: A file was edited since the plan was made.
    """
    if changed := changed_files(planned, plan):
        raise RequestError(
            f"Expected the code that the study was planned with; changed since then: "
            f"{', '.join(changed)}. The next command shows how that affects the study."
        )
