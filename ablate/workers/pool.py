"""A pool of worker processes: one fresh process a unit, one unit a slot at a time."""

from __future__ import annotations

import functools
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.process import BaseProcess

from ablate.config.device import FaultPolicy
from ablate.store.disk import UnwritableError, in_words
from ablate.store.folder import StudyFolder
from ablate.store.plan import Plan
from ablate.study.result import Result, Status
from ablate.workers.exits import WorkerExit, classify_exit, count_oom_kills
from ablate.workers.processes import CONTEXT, spawn
from ablate.workers.slots import Slot
from ablate.workers.unit import Unit

TRIED_AGAIN = (Status.CRASHED, Status.TIMEOUT)
"""Ends that may have been bad luck. Memory that was too small still is, and an exception recurs."""


def train_units(
    folder: StudyFolder, units: Sequence[Unit], *, slots: Sequence[Slot], fault_policy: FaultPolicy
) -> None:
    """Train units in worker processes until all have ended, one way or another.

    A run whose process dies or hangs is tried again from its last checkpoint, a limited number of
    times; the other seeds of its unit go on in the process that tries it.

    Raises:
        UnwritableError: The disk takes no more.
    """
    pool = _Pool(folder, folder.read_plan(), units=units, slots=slots, fault_policy=fault_policy)
    try:
        while pool.busy():
            pool.fill()
            pool.wait()
    finally:
        pool.kill()


@dataclass(slots=True)
class _Worker:
    """A process at work.

    Attributes:
        process: The process.
        signs: Where its signs of life arrive.
        unit: What it trains.
        slot: What it occupies.
        heard: When it last gave a sign of life, by the clock that never jumps.
        kills: The system's count of processes killed for memory when this one started.
        lengths: Of the journals of its seeds when it started: a result that was there already is
            none of its own, and each run that it ends has a line.
        hanging: Whether it was killed for giving no sign of life.
        said: Its last words, if the disk took no more.
    """

    process: BaseProcess
    signs: connection.Connection
    unit: Unit
    slot: Slot
    heard: float
    kills: int
    lengths: dict[int, int]
    hanging: bool = False
    said: bytes = b""

    def listen(self) -> None:
        """Take what has arrived."""
        try:
            while self.signs.poll():
                self.said = self.signs.recv_bytes()
                self.heard = time.monotonic()
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
    ) -> None:
        self._folder, self._plan, self._care = folder, plan, fault_policy
        self._waiting, self._free = deque(units), list(slots)
        self._workers: dict[int, _Worker] = {}
        self._tries: Counter[tuple[str, int]] = Counter()

    def busy(self) -> bool:
        return bool(self._waiting or self._workers)

    def fill(self) -> None:
        """Give every free slot a unit."""
        while self._waiting and self._free:
            slot, unit = self._free.pop(0), self._waiting.popleft()
            signs, sender = CONTEXT.Pipe(duplex=False)
            lengths = {seed: self._length(unit.cell, seed) for seed in unit.seeds}
            target = functools.partial(_train, keep_checkpoints=self._care.keep_checkpoints)
            process = spawn(target, self._folder, unit, slot, sender)
            sender.close()
            self._workers[process.sentinel] = _Worker(
                process, signs, unit, slot, time.monotonic(), count_oom_kills(), lengths
            )

    def wait(self) -> None:
        """Wait until a worker ends or speaks, or until one has been silent for too long."""
        now = time.monotonic()
        silent = max(now - worker.heard for worker in self._workers.values())
        awaited = [*self._workers, *(worker.signs for worker in self._workers.values())]
        ready = connection.wait(awaited, max(0.0, self._care.heartbeat_timeout_seconds - silent))
        for worker in self._workers.values():
            if worker.signs in ready:
                worker.listen()
            if time.monotonic() - worker.heard > self._care.heartbeat_timeout_seconds:
                worker.hanging = True
                worker.process.kill()
        for sentinel in [item for item in ready if isinstance(item, int)]:
            self._bury(self._workers.pop(sentinel))

    def kill(self) -> None:
        """End all workers at once."""
        for worker in self._workers.values():
            worker.process.kill()
        for worker in self._workers.values():
            worker.process.join()

    def _bury(self, worker: _Worker) -> None:
        """Record what the end of a process means, and put back what it has left."""
        worker.process.join()
        worker.listen()
        worker.signs.close()
        self._free.append(worker.slot)
        left = self._left(worker)
        if not left:
            return
        death = classify_exit(
            worker.process.exitcode or 0,
            said=worker.said,
            hanging=self._care.heartbeat_timeout_seconds if worker.hanging else None,
            kills=count_oom_kills() - worker.kills,
            log=self._folder.run(worker.unit.cell, left[0]).log,
        )
        if death.disk is not None:
            raise UnwritableError(in_words(death.disk, self._folder.path))
        if death.status is None and left[0] == worker.unit.seeds[0]:
            death = WorkerExit(
                Status.CRASHED, "The worker process ended with exit code 0 amid its run"
            )
        if death.status is not None:
            left = self._after(death, worker.unit.cell, left)
        if left:
            self._waiting.appendleft(Unit(worker.unit.cell, left))

    def _after(self, death: WorkerExit, cell: str, left: tuple[int, ...]) -> tuple[int, ...]:
        """Try the run again during which the process died, or record its end.

        Returns:
            The seeds that are to be trained, that run first if it is among them.
        """
        seed, status = left[0], death.status
        assert status is not None
        run = self._folder.run(cell, seed)
        if status in TRIED_AGAIN and self._tries[cell, seed] < self._care.retries:
            self._tries[cell, seed] += 1
            run.break_off(status, death.cause)
            return left
        run.path.mkdir(parents=True, exist_ok=True)
        fingerprint = self._plan.fingerprint(self._plan.find(cell), seed)
        tries = self._tries[cell, seed]
        often = f" It was tried {tries + 1} times." if tries else ""
        error = f"{death.cause}.{often} See {run.log}."
        run.commit(Result(cell, seed, fingerprint, status, error=error))
        return left[1:]

    def _left(self, worker: _Worker) -> tuple[int, ...]:
        """Seeds of a worker whose runs have not ended since it started."""
        cell = worker.unit.cell
        planned = self._plan.find(cell)
        return tuple(
            seed
            for seed in worker.unit.seeds
            if (result := self._folder.run(cell, seed).result()) is None
            or result.fingerprint != self._plan.fingerprint(planned, seed)
            or self._length(cell, seed) == worker.lengths[seed]
        )

    def _length(self, cell: str, seed: int) -> int:
        return self._folder.run(cell, seed).events()[1]


def _train(
    folder: StudyFolder,
    unit: Unit,
    slot: Slot,
    signs: connection.Connection,
    *,
    keep_checkpoints: bool,
) -> None:
    from ablate.workers.worker import train  # in the worker, where Keras is already imported

    train(folder, unit, slot=slot, keep_checkpoints=keep_checkpoints, signs=signs)
