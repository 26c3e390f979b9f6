"""What a worker process does: train the seeds of a unit one after the other, and commit each."""

from __future__ import annotations

import errno
import os
import resource
import statistics
import time
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import keras

from ablate.errors import RequestError
from ablate.store import checkpoint, image_cache
from ablate.store.checkpoint import Checkpoint
from ablate.store.disk import is_disk_error
from ablate.store.events import EpochEnded, Resumed
from ablate.store.folder import RunFolder, StudyFolder
from ablate.store.identity import changed_files
from ablate.store.lock import worker_lock
from ablate.store.plan import Plan, PlannedCell
from ablate.study.result import Cost, Result, Status
from ablate.training.initial_state import FRESH, Epoch, InitialState
from ablate.training.trainer import DivergedError, Trainer
from ablate.workers.exits import DISK_ERROR_EXIT, LOG_HEADER
from ablate.workers.model_checks import in_words, model_of
from ablate.workers.slots import Slot, occupy
from ablate.workers.unit import Unit

HEARTBEAT = b"heartbeat"
NO_MEMORY = ("ResourceExhausted", "RESOURCE_EXHAUSTED", "OOM when allocating")
DURABLE_SECONDS = 10.0
"""Checkpoints are forced onto the disk no more often than this: on short epochs that would tell."""


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What a worker does besides training; nothing unless it has a process of its own.

    Attributes:
        heartbeat: Called every few steps, to show that the worker makes progress.
        redirect: Appends what is printed from now on to a file.
    """

    heartbeat: Callable[[], None] = lambda: None
    redirect: Callable[[Path], None] = lambda path: None


def train(
    folder: StudyFolder, unit: Unit, *, slot: Slot, keep_checkpoints: bool, messages: Connection
) -> None:
    """Train the seeds of a unit in a process of its own; what a run prints goes to its log."""
    callbacks = Callbacks(lambda: _send_heartbeat(messages), _print_to)
    try:
        callbacks.redirect(_log(folder.run(unit.cell, unit.seeds[0])))
        device = occupy(slot, keras.backend.backend())
        train_unit(
            folder,
            unit,
            worker_provenance={"device": device, "threads": str(slot.threads)},
            keep_checkpoints=keep_checkpoints,
            callbacks=callbacks,
        )
    except OSError as error:
        if not is_disk_error(error):
            raise
        messages.send_bytes(str(error.errno or errno.ENOSPC).encode())
        os._exit(DISK_ERROR_EXIT)


def train_unit(
    folder: StudyFolder,
    unit: Unit,
    *,
    worker_provenance: Mapping[str, str],
    keep_checkpoints: bool,
    callbacks: Callbacks,
) -> None:
    """Train the seeds of a unit in this process, each through the same compiled model.

    Where memory has run out, the seeds that are left are for another process.

    Args:
        folder: The folder of the study; its plan is frozen there.
        unit: The cell and its seeds.
        worker_provenance: Device and threads, for the provenance of the results.
        keep_checkpoints: Whether those of complete runs stay.
        callbacks: Where to tell how it is getting on.

    Raises:
        OSError: The disk takes no more.
    """
    with worker_lock(folder.path):
        plan = folder.read_plan()
        crew = _Crew(
            folder,
            plan,
            planned=plan.find(unit.cell),
            worker_provenance=worker_provenance,
            callbacks=callbacks,
        )
        for seed in unit.seeds:
            callbacks.redirect(_log(folder.run(unit.cell, seed)))
            status = crew.train(seed, keep_checkpoints=keep_checkpoints)
            if status is Status.OUT_OF_MEMORY:
                return


class _Crew:
    """The model of a cell, built when the first of its seeds is trained."""

    def __init__(
        self,
        folder: StudyFolder,
        plan: Plan,
        *,
        planned: PlannedCell,
        worker_provenance: Mapping[str, str],
        callbacks: Callbacks,
    ) -> None:
        self._folder, self._plan, self._planned = folder, plan, planned
        self._provenance = {**plan.provenance, **worker_provenance}
        self._heartbeat = callbacks.heartbeat
        self._trainer: Trainer | None = None
        self._durable = time.monotonic()

    def train(self, seed: int, *, keep_checkpoints: bool) -> Status:
        """Train one seed to its end, from where it was broken off, and commit what comes of it."""
        cell = self._planned.cell.slug
        run = self._folder.run(cell, seed)
        fingerprint = self._plan.fingerprint(self._planned, seed)
        going_on = run.open(uuid.uuid4().hex[:12], fingerprint=fingerprint)
        result = self._outcome(seed, run, fingerprint=fingerprint, going_on=going_on)
        run.commit(result)
        if result.status.settled and not keep_checkpoints:
            checkpoint.discard(run.checkpoints)
        return result.status

    def _outcome(self, seed: int, run: RunFolder, *, fingerprint: str, going_on: bool) -> Result:
        identity = (self._planned.cell.slug, seed, fingerprint)
        about = {"provenance": self._provenance}
        try:
            trainer = self._ready()
            start = self._start(trainer, run, fingerprint) if going_on else FRESH
            epochs = [*start.epochs, *self._epochs(trainer, seed, run, start)]
            responses = trainer.final()
            return Result(*identity, Status.COMPLETE, responses, self._cost(epochs), **about)
        except DivergedError as error:
            return Result(*identity, Status.DIVERGED, error=in_words(error), **about)
        except (Exception, SystemExit) as error:
            if is_disk_error(error):
                raise
            # Whatever a model or a library raises is this run's end and not the study's.
            with suppress(Exception):
                traceback.print_exc()
            if _is_memory(error):
                said = f"Memory ran out: {in_words(error)}"
                return Result(*identity, Status.OUT_OF_MEMORY, error=said, **about)
            return Result(*identity, Status.FAILED, error=in_words(error), **about)

    def _ready(self) -> Trainer:
        if self._trainer is None:
            images = image_cache.load(self._folder.images, self._planned.dataset)
            self._heartbeat()
            model = model_of(self._planned, self._plan.dataset_of(self._planned))
            self._heartbeat()
            _refuse_changed_code(self._planned, self._plan)
            self._trainer = Trainer(model, images, self._planned.variant.recipe)
        return self._trainer

    def _start(self, trainer: Trainer, run: RunFolder, fingerprint: str) -> InitialState:
        """Where a broken-off run stands, fresh at its beginning; the journal tells which."""
        found, faults = checkpoint.load_newest(run.checkpoints, fingerprint=fingerprint)
        start = FRESH
        if found is not None:
            start = InitialState(tuple(Epoch(**epoch) for epoch in found.history), found.arrays)
            if not trainer.fits(start):
                faults, start = (*faults, "a checkpoint that does not fit the model"), FRESH
        run.append(Resumed(len(start.epochs), run.interruption_cause(), tuple(faults)))
        # Who died between a checkpoint and its line in the journal left that line out.
        recorded = {event.epoch for event in run.epochs()}
        for epoch in start.epochs:
            if epoch.epoch not in recorded:
                run.append(EpochEnded(epoch.epoch, epoch.numbers, epoch.seconds))
        return start

    def _epochs(
        self, trainer: Trainer, seed: int, run: RunFolder, start: InitialState
    ) -> Iterator[Epoch]:
        fingerprint = self._plan.fingerprint(self._planned, seed)
        for epoch in trainer.run(seed, start=start, alive=self._heartbeat):
            state = trainer.state()
            history = tuple(asdict(each) for each in state.epochs)
            # The checkpoint first: the journal then never knows more than can be gone on from.
            checkpoint.save(
                run.checkpoints,
                Checkpoint(history, state.arrays),
                fingerprint=fingerprint,
                durable=self._is_due(),
            )
            run.append(EpochEnded(epoch.epoch, epoch.numbers, epoch.seconds))
            self._heartbeat()
            yield epoch

    def _is_due(self) -> bool:
        """Whether a loss of power would cost more than a few seconds; a kill never does."""
        now = time.monotonic()
        if now - self._durable < DURABLE_SECONDS:
            return False
        self._durable = now
        return True

    def _cost(self, epochs: list[Epoch]) -> Cost:
        seconds = [epoch.seconds for epoch in epochs]
        return Cost(
            parameters=self._planned.parameters,
            macs=self._planned.macs,
            train_seconds=sum(seconds),
            seconds_per_epoch=statistics.median(seconds[1:] or seconds),
            peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        )


def _refuse_changed_code(planned: PlannedCell, plan: Plan) -> None:
    """Make sure that what this process has imported is what the plan says, once it is imported.

    Raises:
        RequestError: A file was edited since the plan was made.
    """
    if changed := changed_files(planned, plan):
        raise RequestError(
            f"Expected the code that the study was planned with; changed since then: "
            f"{', '.join(changed)}. The next command says what that means for the study."
        )


def _is_memory(error: BaseException | None) -> bool:
    """Whether memory has run out: of the machine, or as TensorFlow or JAX say it of a device."""
    while error is not None:
        said = f"{type(error).__name__}: {in_words(error)}"
        if isinstance(error, MemoryError) or any(words in said for words in NO_MEMORY):
            return True
        error = error.__context__  # Keras raises an exception of its own over that of a layer
    return False


def _send_heartbeat(messages: Connection) -> None:
    try:
        messages.send_bytes(HEARTBEAT)
    except ConnectionError:
        # The parent is gone, and the next command may already train: commit nothing more.
        os._exit(1)


def _log(run: RunFolder) -> Path:
    run.path.mkdir(parents=True, exist_ok=True)
    return run.log


def _print_to(path: Path) -> None:
    with suppress(OSError), path.open("a", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        file.write(f"{LOG_HEADER}{os.getpid()}\n")
