"""A pool of worker processes: a fresh process for each unit, one unit at a time on each slot."""

from __future__ import annotations

import functools
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.process import BaseProcess

from ablate.config.device import FaultPolicy
from ablate.config.retention import Retention
from ablate.process import stop
from ablate.store.disk import UnwritableError, describe_disk_error
from ablate.store.folder import StudyFolder
from ablate.store.plan import Plan
from ablate.study.result import Result, Status
from ablate.workers.exits import RETRIED, WorkerExit, classify_exit, count_oom_kills
from ablate.workers.processes import CONTEXT, end, spawn
from ablate.workers.settings import WorkerSettings
from ablate.workers.slots import Slot
from ablate.workers.unit import Unit


def train_units(
    folder: StudyFolder,
    units: Sequence[Unit],
    *,
    slots: Sequence[Slot],
    fault_policy: FaultPolicy,
    retention: Retention,
) -> None:
    """Train units in worker processes until every run has ended, complete or not.

    A run whose process crashes or hangs is retried from its last checkpoint, a limited number of
    times. The process that retries it also trains the remaining seeds of the unit.

    Raises:
        UnwritableError: The disk cannot be written.
        StopError: A signal is pending; the workers are killed.
    """
    pool = _Pool(
        folder,
        folder.read_plan(),
        units=units,
        slots=slots,
        fault_policy=fault_policy,
        retention=retention,
    )
    try:
        while pool.busy():
            pool.fill()
            pool.wait()
    finally:
        pool.kill()


@dataclass(slots=True)
class _Worker:
    """A running process.

    Attributes:
        process: The process.
        messages: Where its heartbeats arrive.
        unit: What it trains.
        slot: What it occupies.
        last_heartbeat: When its last message arrived, in seconds of the monotonic clock.
        oom_kills: The system's count of processes killed for memory when this one started.
        journal_lengths: Journal size of each seed at the start, in bytes. A seed whose journal has
            not grown was not trained by this worker.
        timed_out: Whether it was killed because it sent no heartbeat.
        last_message: Its last message: a heartbeat, or the number of a disk error.
    """

    process: BaseProcess
    messages: connection.Connection
    unit: Unit
    slot: Slot
    last_heartbeat: float
    oom_kills: int
    journal_lengths: dict[int, int]
    timed_out: bool = False
    last_message: bytes = b""

    def receive(self) -> None:
        """Read all messages that have arrived."""
        try:
            while self.messages.poll():
                self.last_message = self.messages.recv_bytes()
                self.last_heartbeat = time.monotonic()
        except (EOFError, OSError):
            return


class _Pool:
    def __init__(
        self,
        folder: StudyFolder,
        plan: Plan,
        *,
        units: Sequence[Unit],
        slots: Sequence[Slot],
        fault_policy: FaultPolicy,
        retention: Retention,
    ) -> None:
        self._folder, self._plan = folder, plan
        self._fault_policy = fault_policy
        self._settings = WorkerSettings(plan.backend, retention, fault_policy.retries)
        self._waiting, self._free = deque(units), list(slots)
        self._workers: dict[int, _Worker] = {}
        self._retries: Counter[tuple[str, int]] = Counter()

    def busy(self) -> bool:
        return bool(self._waiting or self._workers)

    def fill(self) -> None:
        """Start a worker on every free slot, as long as units wait."""
        while self._waiting and self._free:
            slot, unit = self._free.pop(0), self._waiting.popleft()
            receiver, sender = CONTEXT.Pipe(duplex=False)
            lengths = {seed: self._journal_length(unit.cell, seed) for seed in unit.seeds}
            target = functools.partial(_train, settings=self._settings)
            process = spawn(target, self._folder, unit, slot, sender)
            sender.close()
            self._workers[process.sentinel] = _Worker(
                process, receiver, unit, slot, time.monotonic(), count_oom_kills(), lengths
            )

    def wait(self) -> None:
        """Wait until a worker exits, sends a message or exceeds the heartbeat timeout."""
        timeout = self._fault_policy.heartbeat_timeout_seconds
        oldest = min(worker.last_heartbeat for worker in self._workers.values())
        sources: list[int | connection.Connection] = [*self._workers]
        sources += [worker.messages for worker in self._workers.values()]
        ready = stop.wait(sources, max(0.0, timeout - (time.monotonic() - oldest)))
        for worker in self._workers.values():
            if worker.messages in ready:
                worker.receive()
            if time.monotonic() - worker.last_heartbeat > timeout:
                worker.timed_out = True
                worker.process.kill()
        for sentinel in [item for item in ready if isinstance(item, int)]:
            self._on_exit(self._workers.pop(sentinel))

    def kill(self) -> None:
        """Kill all workers."""
        end(worker.process for worker in self._workers.values())

    def _on_exit(self, worker: _Worker) -> None:
        """Record why a worker exited, and queue the seeds that it has not finished."""
        worker.process.join()
        worker.receive()
        worker.messages.close()
        self._free.append(worker.slot)
        seeds = self._unfinished(worker)
        if not seeds:
            return
        worker_exit = self._classify(worker, interrupted_seed=seeds[0])
        if worker_exit.disk_error is not None:
            raise UnwritableError(describe_disk_error(worker_exit.disk_error, self._folder.path))
        if worker_exit.status is not None:
            seeds = self._retry_or_record(worker_exit, worker.unit.cell, seeds)
        if seeds:
            self._waiting.appendleft(Unit(worker.unit.cell, seeds))

    def _classify(self, worker: _Worker, *, interrupted_seed: int) -> WorkerExit:
        timeout = self._fault_policy.heartbeat_timeout_seconds
        worker_exit = classify_exit(
            worker.process.exitcode or 0,
            last_message=worker.last_message,
            timeout_seconds=timeout if worker.timed_out else None,
            oom_kills=count_oom_kills() - worker.oom_kills,
            log=self._folder.run(worker.unit.cell, interrupted_seed).log,
        )
        ended_normally = worker_exit.status is None and worker_exit.disk_error is None
        if ended_normally and interrupted_seed == worker.unit.seeds[0]:
            return WorkerExit(
                Status.CRASHED, "The worker process ended with exit code 0 during its run"
            )
        return worker_exit

    def _retry_or_record(
        self, worker_exit: WorkerExit, cell: str, seeds: tuple[int, ...]
    ) -> tuple[int, ...]:
        """Retry the interrupted run, which is the first of `seeds`, or record how it ended.

        Returns:
            The seeds to train next.
        """
        seed, status = seeds[0], worker_exit.status
        assert status is not None
        run = self._folder.run(cell, seed)
        retries = self._retries[cell, seed]
        if status in RETRIED and retries < self._fault_policy.retries:
            self._retries[cell, seed] += 1
            run.record_interruption(status, worker_exit.reason)
            return seeds
        fingerprint = self._plan.fingerprint(self._plan.find(cell), seed)
        attempts = f" It was tried {retries + 1} times." if retries else ""
        error = f"{worker_exit.reason}.{attempts} See {run.log}."
        run.commit(Result(cell, seed, fingerprint, status, error=error))
        return seeds[1:]

    def _unfinished(self, worker: _Worker) -> tuple[int, ...]:
        """Seeds of a worker whose runs have not ended since it started."""
        cell = worker.unit.cell
        planned = self._plan.find(cell)
        return tuple(
            seed
            for seed in worker.unit.seeds
            if (result := self._folder.run(cell, seed).result()) is None
            or result.fingerprint != self._plan.fingerprint(planned, seed)
            or self._journal_length(cell, seed) == worker.journal_lengths[seed]
        )

    def _journal_length(self, cell: str, seed: int) -> int:
        return self._folder.run(cell, seed).events()[1]


def _train(
    folder: StudyFolder,
    unit: Unit,
    slot: Slot,
    messages: connection.Connection,
    *,
    settings: WorkerSettings,
) -> None:
    from ablate.workers.worker import train  # in the worker, where it is already imported

    train(folder, unit, slot=slot, settings=settings, messages=messages)
